"""Networks in bfloat16, and networks that compute activations twice."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from toys import SLOW as RULES
from toys import changed

from minegan_jax import config
from minegan_jax.errors import InputError
from minegan_jax.mining import losses, minegan
from minegan_jax.nets import family
from minegan_jax.nets.precision import mixed_precision
from minegan_jax.sources import load_source
from minegan_jax.types import Batch

FAMILIES = {
    "biggan": {"latent_size": 6, "num_classes": 3, "embedding_size": 2, "attention": [0]},
    "dcgan": {"latent_size": 6},
    "progan": {"latent_size": 6},
    "sngan": {"latent_size": 6},
}
LATENTS = jax.random.normal(jax.random.key(1), (4, 6))


@cache
def networks_of(name):
    """Returns a family's networks of 8x8 images, with fresh weights of generator and critic."""
    arguments = {"resolution": 8, "channels": 1, "width": 4, **FAMILIES[name]}
    networks = family.build(name, arguments)
    return networks, *networks.init(jax.random.key(0))


def gradients_of(networks, generator, critic, **options):
    """Returns the gradients of a game's losses, the slope's own included."""
    generate, criticise = (
        mixed_precision(network, **options) for network in (networks.generate, networks.criticise)
    )

    def players_loss(generator):
        return losses.wasserstein_players_loss(criticise(critic, generate(generator, LATENTS)))

    def critic_loss(critic):
        images = generate(generator, LATENTS)
        penalty = losses.gradient_penalty(partial(criticise, critic), images)
        return criticise(critic, images).mean() + 10.0 * penalty

    return jax.jit(jax.grad(players_loss))(generator), jax.jit(jax.grad(critic_loss))(critic)


@cache
def exact_gradients(name):
    """Returns a family's gradients in float32, which two tests compare with."""
    return gradients_of(*networks_of(name))


@pytest.mark.parametrize("name", FAMILIES)
def test_bfloat16_is_near_and_its_gradients_are_float32(name):
    networks, generator, critic = networks_of(name)
    images = jax.jit(networks.generate)(generator, LATENTS)
    pairs = {"generate": (generator, LATENTS), "criticise": (critic, images)}
    for network, given in pairs.items():
        exact = getattr(networks, network)
        found, expected = (jax.jit(f)(*given) for f in (mixed_precision(exact, "bfloat16"), exact))
        assert found.dtype == jnp.float32
        assert 0 < np.abs(found - expected).max() < 0.05 * max(np.abs(expected).max(), 1.0)
    exact = exact_gradients(name)
    rounded = gradients_of(networks, generator, critic, precision="bfloat16")
    assert {leaf.dtype for leaf in jax.tree.leaves(rounded)} == {jnp.dtype("float32")}
    for found, expected in zip(rounded, exact, strict=True):
        flat, truth = (jax.flatten_util.ravel_pytree(tree)[0] for tree in (found, expected))
        assert np.linalg.norm(flat - truth) < 0.2 * np.linalg.norm(truth)


@pytest.mark.parametrize("name", FAMILIES)
def test_computing_twice_changes_nothing(name):
    found, expected = gradients_of(*networks_of(name), remat=True), exact_gradients(name)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5), found, expected)


def test_float32_leaves_a_network_as_it_is():
    networks, *_ = networks_of("dcgan")
    assert mixed_precision(networks.generate) is networks.generate


LAST_BIAS = {
    "biggan": ("linear", "bias"),
    "dcgan": ("Dense_0", "bias"),
    "progan": ("score", "bias"),
    "sngan": ("linear", "bias"),
}


@pytest.mark.parametrize("offset", [30.0, 300.0, 3000.0])
@pytest.mark.parametrize("name", FAMILIES)
def test_scores_far_from_zero_do_not_tie_in_bfloat16(name, offset):
    """So that the selector's p is nearly that of float32: half of all pairs would tie at 300."""
    networks, _, critic = networks_of(name)
    layer, bias = LAST_BIAS[name]
    critic = {**critic, layer: {**critic[layer], bias: critic[layer][bias] + offset}}
    images = jnp.tanh(2.0 * jax.random.normal(jax.random.key(3), (2, 200, 8, 8, 1)))
    options = {"alone": True} if networks.group > 1 else {}
    criticise = partial(networks.criticise, **options)
    exact, rounded = (
        np.stack([jax.jit(f)(critic, x) for x in images])
        for f in (criticise, mixed_precision(criticise, "bfloat16"))
    )
    assert np.abs(exact.mean() - offset) < 0.1 * offset
    assert len(np.unique(rounded)) > 0.9 * len(np.unique(exact))
    assert (rounded[0] == rounded[1]).mean() < 0.02
    wins = [(scores[0] > scores[1]).mean() for scores in (exact, rounded)]
    assert abs(wins[0] - wins[1]) < 0.05


def trained(directory, values):
    """Returns the state and the metrics after a few steps of finetuning two sources."""
    sources = [load_source(directory)] * 2
    given = minegan.MinerShape(depth=2, width=9), minegan.critic_of(sources[0])
    learner = minegan.finetune(sources, changed(RULES, values), *given).learner
    state = minegan.mine(sources, RULES, *given).learner.init(None, jax.random.key(0))
    state = learner.init(state, jax.random.key(0))
    images = np.random.default_rng(0).integers(0, 256, (8, 2, 8, 8, 1), np.uint8)
    batch = Batch(jnp.asarray(images), *jnp.zeros((2, 8, 2), jnp.int32))
    step = jax.jit(lambda *given: learner.step(*given, oracles.mean_over_devices))
    for i in range(3):
        state, metrics = step(state, batch, learner.draw(jax.random.key(i)))
    return state, metrics


@pytest.fixture(scope="module")
def exact(tiny_source):
    return trained(tiny_source, {})


def test_training_in_bfloat16_keeps_float32_state(tiny_source, exact):
    found, expected = trained(tiny_source, {"run.precision": "bfloat16"}), exact
    kinds = [[leaf.dtype for leaf in jax.tree.leaves(tree)] for tree in (found, expected)]
    assert kinds[0] == kinds[1]
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
    for name in ("critic_loss", "players_loss"):
        np.testing.assert_allclose(found[1][name], expected[1][name], rtol=0.05, atol=0.05)


def test_training_that_computes_twice_is_the_same(tiny_source, exact):
    found = trained(tiny_source, {"run.remat": True})
    np.testing.assert_allclose(found[1]["critic_loss"], exact[1]["critic_loss"], rtol=1e-4)
    np.testing.assert_allclose(found[1]["players_loss"], exact[1]["players_loss"], rtol=1e-4)


def test_the_fields_reach_the_game_and_are_checked():
    given = config.from_values({"run.precision": "bfloat16", "run.remat": True})
    assert given.game_settings().run == given.run
    with pytest.raises(InputError, match=r"'run\.precision': expected float32 or bfloat16"):
        config.from_values({"run.precision": "float16"})
