"""The contract of every family of networks, tested by being listed."""

from functools import partial

import jax
import jax.numpy as jnp
import pytest

from minegan_jax.errors import InputError
from minegan_jax.nets import dcgan, family

CASES = [
    (name, {"resolution": resolution, "channels": channels, "width": 4, "latent_size": 6})
    for name in family.FAMILIES
    for resolution, channels in ((8, 1), (28, 1), (28, 3), (32, 3))
]


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_shapes(name, arguments):
    networks = family.build(name, arguments)
    generator, critic = jax.eval_shape(networks.init, jax.random.key(0))
    latents = jax.ShapeDtypeStruct((5, 6), "float32")
    images = jax.eval_shape(networks.generate, generator, latents)
    size, channels = arguments["resolution"], arguments["channels"]
    assert images.shape == (5, size, size, channels)
    assert jax.eval_shape(networks.criticise, critic, images).shape == (5,)
    assert (networks.resolution, networks.channels, networks.latent_size) == (size, channels, 6)
    assert {leaf.dtype for leaf in jax.tree.leaves((generator, critic, images))} == {
        jnp.dtype("float32")
    }


@pytest.mark.parametrize("name", family.FAMILIES)
def test_images_are_in_range_and_scores_are_of_single_images(name):
    networks = family.build(name, CASES[0][1])
    generator, critic = networks.init(jax.random.key(0))
    latents = 100.0 * jax.random.normal(jax.random.key(1), (4, 6))
    images = networks.generate(generator, latents)
    assert jnp.abs(images).max() <= 1.0
    assert images.std() > 0.0
    score = jax.jit(partial(networks.criticise, critic))
    assert jnp.allclose(score(images)[::-1], score(images[::-1]), atol=1e-5)
    assert jnp.allclose(score(images)[:2], score(images.at[2:].set(0.0))[:2], atol=1e-5)


@pytest.mark.parametrize("name", family.FAMILIES)
def test_weights_come_from_the_key(name):
    networks = family.build(name, CASES[0][1])
    first, again, other = (networks.init(jax.random.key(seed)) for seed in (0, 0, 1))
    assert all(jax.tree.leaves(jax.tree.map(jnp.array_equal, first, again)))
    assert not all(jax.tree.leaves(jax.tree.map(jnp.array_equal, first, other)))


def test_an_unknown_family_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match="unknown family 'dcgam': expected one of dcgan"):
        family.build("dcgam", {})


@pytest.mark.parametrize(
    "arguments", [{"depth": 3}, {"latent_size": 4}, {}, {"resolution": 8, "channels": 1}]
)
def test_wrong_arguments_are_the_users_mistake(arguments):
    with pytest.raises(InputError, match="dcgan"):
        family.build("dcgan", arguments)


@pytest.mark.parametrize(
    ("resolution", "sizes"),
    [(8, (4, 8)), (28, (4, 7, 14, 28)), (32, (4, 8, 16, 32)), (9, (3, 5, 9))],
)
def test_feature_sizes_halve_rounding_up(resolution, sizes):
    assert dcgan.feature_sizes(resolution) == sizes
