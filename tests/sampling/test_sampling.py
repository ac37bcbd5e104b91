"""Images depend on their seed and place and on nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_sources
from toys import GAME

from minegan_jax.baselines import dgn_am_ppgn, transfergan
from minegan_jax.baselines.settings import BaselineConfig
from minegan_jax.mining import minegan
from minegan_jax.mining.method import MinedSource
from minegan_jax.mining.noise import NoiseShape
from minegan_jax.nets import family
from minegan_jax.sampling import generator as generators
from minegan_jax.sampling.generator import Generator
from minegan_jax.sources import Source

LATENT_SIZES = (5, 3)
GREYS = (-1.0, 1.0)  # the left half of an image says its source, the right half its latent


def made(number):
    def generate(weights, noise):
        del weights
        colour = jnp.full((len(noise.latents), 2, 1, 1), GREYS[number])
        return jnp.concatenate([colour, jnp.tanh(noise.latents[:, :2, None, None])], axis=2)

    return MinedSource(NoiseShape(LATENT_SIZES[number]), generate)


def generator_of(probabilities):
    """Two sources, used so often."""
    return Generator(("a", "b"), (made(0), made(1)), ({}, {}), np.asarray(probabilities))


def watched(generator, seen):
    """The same, which notes what each generator is given."""

    def one(source):
        def generate(weights, noise):
            seen.append(noise)
            return source.generate(weights, noise)

        return source._replace(generate=generate)

    return generator._replace(sources=tuple(map(one, generator.sources)))


def sample(probabilities, *args, **kwargs):
    return generator_of(probabilities).sample(*args, **kwargs)


EVEN = (0.5, 0.5)


def test_one_seed_is_one_set_of_images():
    images = sample(EVEN, 12, seed=3)
    assert images.shape == (12, 2, 2, 1)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, sample(EVEN, 12, seed=3))
    assert (images != sample(EVEN, 12, seed=4)).any()
    assert len(np.unique(images, axis=0)) == 12


@pytest.mark.parametrize("probabilities", [EVEN, (1.0, 0.0)])
def test_an_image_does_not_depend_on_how_many_are_drawn(probabilities):
    many = sample(probabilities, 2 * generators.BLOCK + 7)
    assert len(many) == 2 * generators.BLOCK + 7
    for count in (1, 13, generators.BLOCK, generators.BLOCK + 1):
        np.testing.assert_array_equal(sample(probabilities, count), many[:count])


@pytest.mark.parametrize(("pixels", "size"), [(12, 3), (1, 1)])
def test_large_images_are_generated_a_few_at_a_time(pixels, size, monkeypatch):
    seen = []
    monkeypatch.setattr(generators, "BLOCK_PIXELS", pixels)
    images = watched(generator_of(EVEN), seen).sample(23)
    sizes = {len(noise.latents) for noise in seen}
    assert size in sizes
    assert len(sizes) <= 3  # beside it, those of whom only the shape of an image was asked
    monkeypatch.undo()
    np.testing.assert_array_equal(images, sample(EVEN, 23))


def test_sources_are_drawn_by_the_selectors_probabilities():
    images = sample((0.3, 0.7), 2000)
    assert set(np.unique(images[:, :, 0])) == {0, 255}
    # Four standard deviations of a binomial share.
    np.testing.assert_allclose((images[:, 0, 0] == 255).mean(), 0.7, atol=4 * 0.0103)


@pytest.mark.parametrize(("probabilities", "colour"), [((1.0, 0.0), 0), ((0.0, 1.0), 255)])
def test_a_source_without_wins_is_never_drawn(probabilities, colour):
    assert (sample(probabilities, 300)[:, :, 0] == colour).all()


@pytest.mark.parametrize("unused", [0, 1, 2])
def test_a_source_that_is_never_used_changes_no_draw(unused):
    """An adapter leaves it out, and draws the same images."""
    two = np.array([0.3, 0.7])
    others = [number for number in range(3) if number != unused]
    three = np.zeros(3)
    three[others] = two
    key = jax.random.key(1)
    expected = generators.draw_sources(two, 500, key)
    found = generators.draw_sources(three, 500, key)
    np.testing.assert_array_equal(found, np.array(others)[expected])


def test_latents_are_standard_normal():
    latents, _ = generators.draw_noise(jax.random.key(0), np.arange(4000), NoiseShape(3))
    np.testing.assert_allclose(latents.mean(axis=0), 0.0, atol=0.08)
    np.testing.assert_allclose(np.cov(latents, rowvar=False), np.eye(3), atol=0.1)


def test_a_walk_goes_from_one_draw_to_another():
    generator = generator_of((0.2, 0.8))
    walks = generator.walk(num_walks=3, num_steps=4, seed=1)
    assert walks.shape == (12, 2, 2, 1)
    assert (walks[:, :, 0] == 255).all()  # all of the most probable source
    first, *_, last = np.split(walks[:, :, 1].astype(int).reshape(3, 4, 2), 4, axis=1)
    assert (first != last).any(axis=(1, 2)).all()
    assert len(np.unique(first, axis=0)) == 3
    # Twice as many steps pass through the same places.
    finer = generator.walk(num_walks=3, num_steps=7, seed=1)
    every_other = finer.reshape(3, 7, 2, 2, 1)[:, ::2].reshape(walks.shape)
    np.testing.assert_allclose(every_other.astype(int), walks.astype(int), atol=1)


def test_a_walk_keeps_the_class_that_u_draws():
    seen = []
    generator = generator_of((0.2, 0.8))
    conditional = generator.sources[1]._replace(noise=NoiseShape(3, 50))
    generator = generator._replace(sources=(generator.sources[0], conditional))
    watched(generator, seen).walk(num_walks=3, num_steps=5, seed=1)
    labels = np.asarray(seen[-1].labels)[:15].reshape(3, 5)  # behind them lies what fills the block
    assert (labels == labels[:, :1]).all()
    assert len(np.unique(labels)) == 3
    latents = np.asarray(seen[-1].latents)[:15].reshape(3, 5, 3)
    assert (latents != latents[:, :1])[:, 1:].all()


GOAL, RULES = dgn_am_ppgn.Goal(lambda images: images[:, 0, 0], 0), BaselineConfig(search_steps=1)
CONDITIONAL = {
    "minegan": lambda source, of: minegan.mine(
        [source, source], GAME, minegan.MinerShape(classes=of), minegan.critic_of(source)
    ),
    "transfergan": lambda source, of: transfergan.transfergan(source, GAME, of),
    "dgn_am": lambda source, of: dgn_am_ppgn.dgn_am(source, GOAL, RULES, of),
    "ppgn": lambda source, of: dgn_am_ppgn.ppgn(source, GOAL, RULES, batch_size=8, of_classes=of),
}


@pytest.mark.parametrize("of_classes", ["all", "mean", "2"])
@pytest.mark.parametrize("name", CONDITIONAL)
def test_methods_say_whether_u_draws_a_class(name, of_classes):
    networks = family.build("dcgan", tiny_sources.ARGUMENTS["dcgan"])
    generator, critic = jax.eval_shape(networks.init, jax.random.key(0))
    source = Source("c", "c", networks, generator, critic, "", {})
    if of_classes == "all" and name == "minegan":  # its miners start from the classes' vectors
        source = source._replace(generator=networks.init(jax.random.key(0))[0])
    drawn = networks.num_classes if of_classes == "all" else 0
    method = CONDITIONAL[name](source, of_classes)
    assert {each.noise for each in method.sources} == {NoiseShape(networks.latent_size, drawn)}


@pytest.mark.parametrize("source", [0, 1])
def test_a_source_can_be_forced(source):
    images = sample(EVEN, 20, source="ab"[source])
    assert set(np.unique(images[:, :, 0])) == {(0, 255)[source]}
