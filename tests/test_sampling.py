"""Images depend on their seed and place and on nothing else."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_sources

from minegan_jax.baselines import dgn_am_ppgn, transfergan
from minegan_jax.mining import minegan, selector
from minegan_jax.mining.game import Rules
from minegan_jax.mining.method import TransferMethod
from minegan_jax.nets import family
from minegan_jax.sampling import sampler
from minegan_jax.sources import Source

LATENT_SIZES = (5, 3)
GREYS = (-1.0, 1.0)  # the left half of an image says its source, the right half its latent


def generate(state, source, latents):
    del state
    colour = jnp.full((len(latents), 2, 1, 1), GREYS[source])
    return jnp.concatenate([colour, jnp.tanh(latents[:, :2, None, None])], axis=2)


METHOD = TransferMethod(
    learner=None,
    latent_sizes=LATENT_SIZES,
    selector=lambda shares: selector.SelectorState(
        shares[None], jnp.ones((), jnp.int32), jnp.ones(2, bool)
    ),
    generate=generate,
    contest=None,
)
sample = functools.partial(sampler.sample, METHOD)
EVEN = jnp.array([0.5, 0.5])


def test_one_seed_is_one_set_of_images():
    images = sample(EVEN, 12, seed=3)
    assert images.shape == (12, 2, 2, 1)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, sample(EVEN, 12, seed=3))
    assert (images != sample(EVEN, 12, seed=4)).any()
    assert len(np.unique(images, axis=0)) == 12


@pytest.mark.parametrize("probabilities", [EVEN, jnp.array([1.0, 0.0])])
def test_an_image_does_not_depend_on_how_many_are_drawn(probabilities):
    many = sample(probabilities, 2 * sampler.BLOCK + 7)
    assert len(many) == 2 * sampler.BLOCK + 7
    for count in (1, 13, sampler.BLOCK, sampler.BLOCK + 1):
        np.testing.assert_array_equal(sample(probabilities, count), many[:count])


@pytest.mark.parametrize(("pixels", "size"), [(12, 3), (1, 1)])
def test_large_images_are_generated_a_few_at_a_time(pixels, size, monkeypatch):
    seen = []

    def watched(state, source, latents):
        seen.append(len(latents))
        return generate(state, source, latents)

    monkeypatch.setattr(sampler, "BLOCK_PIXELS", pixels)
    images = sampler.sample(METHOD._replace(generate=watched), EVEN, 23)
    assert set(seen) == {sampler.BLOCK, size}  # the first only to see how large images are
    monkeypatch.undo()
    np.testing.assert_array_equal(images, sample(EVEN, 23))


def test_sources_are_drawn_by_the_selectors_probabilities():
    images = sample(jnp.array([0.3, 0.7]), 2000)
    assert set(np.unique(images[:, :, 0])) == {0, 255}
    # Four standard deviations of a binomial share.
    np.testing.assert_allclose((images[:, 0, 0] == 255).mean(), 0.7, atol=4 * 0.0103)


@pytest.mark.parametrize(("probabilities", "colour"), [((1.0, 0.0), 0), ((0.0, 1.0), 255)])
def test_a_source_without_wins_is_never_drawn(probabilities, colour):
    assert (sample(jnp.array(probabilities), 300)[:, :, 0] == colour).all()


@pytest.mark.parametrize("unused", [0, 1, 2])
def test_a_source_that_is_never_used_changes_no_draw(unused):
    """An adapter leaves it out, and draws the same images."""
    two = np.array([0.3, 0.7], np.float32)
    others = [number for number in range(3) if number != unused]
    key = jax.random.key(1)
    three = np.zeros(3, np.float32)
    three[others] = two
    state = selector.SelectorState(
        jnp.asarray(three)[None], jnp.ones((), jnp.int32), jnp.ones(3, bool)
    )
    method = METHOD._replace(selector=lambda _: state)
    expected = sampler.choose_sources(METHOD, jnp.asarray(two), 500, key)
    found = sampler.choose_sources(method, None, 500, key)
    np.testing.assert_array_equal(found, np.array(others)[expected])


def test_latents_are_standard_normal():
    latents = sampler.draw_latents(jax.random.key(0), np.arange(4000), 3)
    np.testing.assert_allclose(latents.mean(axis=0), 0.0, atol=0.08)
    np.testing.assert_allclose(np.cov(latents, rowvar=False), np.eye(3), atol=0.1)


def test_a_walk_goes_from_one_draw_to_another():
    state = jnp.array([0.2, 0.8])
    walks = sampler.latent_walk(METHOD, state, num_walks=3, num_steps=4, seed=1)
    assert walks.shape == (12, 2, 2, 1)
    assert (walks[:, :, 0] == 255).all()  # all of the most probable source
    first, *_, last = np.split(walks[:, :, 1].astype(int).reshape(3, 4, 2), 4, axis=1)
    assert (first != last).any(axis=(1, 2)).all()
    assert len(np.unique(first, axis=0)) == 3
    # Twice as many steps pass through the same places.
    finer = sampler.latent_walk(METHOD, state, num_walks=3, num_steps=7, seed=1)
    every_other = finer.reshape(3, 7, 2, 2, 1)[:, ::2].reshape(walks.shape)
    np.testing.assert_allclose(every_other.astype(int), walks.astype(int), atol=1)


@pytest.mark.parametrize("classed", [(), (0,), (1,)])
def test_a_walk_keeps_the_class_that_u_names(classed):
    seen = []

    def watched(state, source, latents):
        seen.append(latents)
        return generate(state, source, latents)

    method = METHOD._replace(generate=watched, classed=classed)
    sampler.latent_walk(method, jnp.array([0.2, 0.8]), num_walks=3, num_steps=5, seed=1)
    walks = np.asarray(seen[-1])[:15].reshape(3, 5, -1)  # behind them lies what fills the block
    stays = (walks == walks[:, :1]).all(axis=1)
    assert stays.tolist() == [[False, False, classed == (1,)]] * 3
    assert len(np.unique(walks[:, 0, -1])) == 3


GOAL, RULES = dgn_am_ppgn.Goal(lambda images: images[:, 0, 0], 0), dgn_am_ppgn.SearchRules(1)
CONDITIONAL = {
    "minegan": lambda source, of: minegan.mine(
        [source, source], Rules(), minegan.MinerShape(classes=of), minegan.critic_of(source)
    ),
    "transfergan": lambda source, of: transfergan.transfergan(source, Rules(), of),
    "dgn_am": lambda source, of: dgn_am_ppgn.dgn_am(source, GOAL, RULES, of),
    "ppgn": lambda source, of: dgn_am_ppgn.ppgn(
        source, GOAL, RULES, dgn_am_ppgn.EncoderRules(), of
    ),
}


@pytest.mark.parametrize("of_classes", ["all", "mean", "2"])
@pytest.mark.parametrize("name", CONDITIONAL)
def test_methods_say_where_u_names_a_class(name, of_classes):
    networks = family.build("dcgan", tiny_sources.ARGUMENTS["dcgan"])
    generator, critic = jax.eval_shape(networks.init, jax.random.key(0))
    source = Source("c", "c", networks, generator, critic, "", {})
    if of_classes == "all" and name == "minegan":  # its miners start from the classes' vectors
        source = source._replace(generator=networks.init(jax.random.key(0))[0])
    method = CONDITIONAL[name](source, of_classes)
    every = tuple(range(len(method.latent_sizes)))
    assert method.classed == (every if of_classes == "all" else ())
    assert method.latent_sizes == (networks.latent_size + (of_classes == "all"),) * len(every)


@pytest.mark.parametrize("source", [0, 1])
def test_a_source_can_be_forced(source):
    images = sample(EVEN, 20, source=source)
    assert set(np.unique(images[:, :, 0])) == {(0, 255)[source]}
