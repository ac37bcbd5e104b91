"""How miners start: at the prior, at the source's classes, or as in the authors' code."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minegan_jax.errors import InputError
from minegan_jax.nets.miner import (
    COLLAPSED,
    AffineMiner,
    ConditionalMiner,
    Miner,
    at_classes,
    at_prior,
    class_drawn,
    make_miner,
)


def start(miner, inputs):
    """Returns u and M(u) of a fresh miner."""
    draws = jax.random.normal(jax.random.key(1), (64, inputs))
    return draws, jax.jit(miner.init_with_output)(jax.random.key(0), draws)[0]


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("width", [10, 13])
@pytest.mark.parametrize("more", [0, 2])
def test_the_start_at_the_prior_is_exactly_the_identity(depth, width, more):
    draws, mined = start(Miner(5, at_prior(5), depth, width), 5 + more)
    np.testing.assert_array_equal(mined, draws[:, :5])


@pytest.mark.parametrize("latent_size", [16, 128])
def test_the_collapsed_start_is_nearly_constant(latent_size):
    _, mined = start(Miner(latent_size, COLLAPSED), latent_size)
    spread = mined.std(axis=0)
    assert (spread > 0).all()
    assert spread.mean() < 0.15


@pytest.mark.parametrize("make", [at_prior, lambda size: at_classes(jnp.zeros((2 * size, 3)))])
def test_a_miner_too_narrow_for_its_start_is_refused(make):
    with pytest.raises(InputError, match="miner_width of 10 or more, found 9"):
        start(Miner(5, make(5), width=9), 12)


def test_an_unknown_start_names_those_that_exist():
    with pytest.raises(InputError, match="'warm': expected prior or collapsed or affine"):
        make_miner(3, "warm", at_prior(3), depth=2, width=8)


@pytest.mark.parametrize("make", [at_prior(3), COLLAPSED])
def test_shapes(make):
    miner = Miner(3, make, depth=4, width=7)
    params = jax.eval_shape(miner.init, jax.random.key(0), jax.ShapeDtypeStruct((2, 3), "float32"))
    layers = params["params"]
    shapes = [layers[f"Dense_{layer}"]["kernel"].shape for layer in range(4)]
    assert shapes == [(3, 7), (7, 7), (7, 7), (7, 3)]
    assert len(layers) == 4


@pytest.mark.parametrize("depth", [2, 4])
def test_the_affine_miner_is_affine_and_spectrally_normalised(depth):
    miner = AffineMiner(3, depth=depth, width=6)
    params = miner.init(jax.random.key(0), jnp.zeros((1, 4)))
    apply = jax.jit(miner.apply)
    draws = jax.random.normal(jax.random.key(1), (3, 4))
    a, b, middle = (apply(params, x[None]) for x in (draws[0], draws[1], draws[:2].mean(axis=0)))
    np.testing.assert_allclose(middle, (a + b) / 2, atol=1e-6)
    assert len(params["params"]) == depth
    scaled = jax.tree_util.tree_map_with_path(
        lambda path, leaf: 5.0 * leaf if "kernel" in str(path) else leaf, params
    )
    np.testing.assert_allclose(apply(scaled, draws), apply(params, draws), rtol=1e-4)


TABLE = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


def conditional(depth=2):
    return ConditionalMiner(
        Miner(5, at_prior(5), depth, 12), Miner(3, at_classes(jnp.asarray(TABLE)), depth, 12), 4
    )


@pytest.mark.parametrize("depth", [2, 4])
def test_a_conditional_miner_starts_at_the_sources_joint_prior(depth):
    """Exactly: z is drawn from N(0, I), and the vector is that of the class which t names."""
    draws, (latents, vectors) = start(conditional(depth), 6)
    np.testing.assert_array_equal(latents, draws[:, :5])
    np.testing.assert_array_equal(vectors, TABLE[class_drawn(draws[:, 5], 4)])


def test_classes_are_drawn_evenly():
    draws = jax.random.normal(jax.random.key(0), (20_000,))
    shares = np.bincount(class_drawn(draws, 7), minlength=7) / len(draws)
    np.testing.assert_allclose(shares, 1 / 7, atol=0.01)
    extremes = class_drawn(jnp.array([-jnp.inf, -40.0, 40.0, jnp.inf]), 7)
    np.testing.assert_array_equal(extremes, [0, 0, 6, 6])


def test_both_miners_learn_from_the_whole_of_u():
    """M^c may ask for another class where z says so, and M^z for another z in one class."""
    miner, draws = conditional(), jax.random.normal(jax.random.key(0), (200, 6))
    params = miner.init(jax.random.key(1), draws)

    def unlike(params):
        latents, vectors = miner.apply(params, draws)
        return (latents * draws[:, 5:]).sum() + (vectors * draws[:, :3]).sum()

    slopes = jax.tree.leaves_with_path(jax.jit(jax.grad(unlike))(params)["params"])
    assert {path[0].key for path, _ in slopes} == {"latent", "condition"}
    assert all(np.abs(slope).max() > 0 for path, slope in slopes if "kernel" in str(path))
