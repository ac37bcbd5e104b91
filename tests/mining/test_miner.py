"""How miners start: at the prior, at the source's classes, or as in the authors' code."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from minegan_jax.errors import InputError
from minegan_jax.mining.miner import (
    COLLAPSED,
    AffineMiner,
    ConditionalMiner,
    Miner,
    PairedMiner,
    at_classes,
    at_gaussian,
    at_prior,
    make_miner,
)
from minegan_jax.mining.noise import NoiseShape, sample_noise, zero_noise
from minegan_jax.nets import spectral


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


def spread_and_mean(mined):
    """Returns the mean deviation of a number of M(u), and how far its mean is from 0."""
    return mined.std(axis=0).mean(), jnp.abs(mined.mean(axis=0)).mean()


def uniform_linear(rng, inputs, outputs):
    """Returns kernel and bias as PyTorch starts a linear layer."""
    bound = inputs**-0.5
    return rng.uniform(-bound, bound, (inputs, outputs)), rng.uniform(-bound, bound, outputs)


def test_the_collapsed_start_is_pytorchs():
    rng = np.random.default_rng(0)
    (first, first_bias), (last, last_bias) = (
        uniform_linear(rng, 512, 512),
        uniform_linear(rng, 512, 512),
    )
    miner = Miner(512, COLLAPSED, depth=2, width=512)
    draws, mined = start(miner, 512)
    theirs = np.maximum(np.asarray(draws) @ first + first_bias, 0.0) @ last + last_bias
    np.testing.assert_allclose(spread_and_mean(mined), spread_and_mean(theirs), rtol=0.15)
    for layer in miner.init(jax.random.key(0), draws)["params"].values():
        np.testing.assert_allclose(layer["bias"].std(), last_bias.std(), rtol=0.1)


@pytest.mark.parametrize("depth", [2, 4])
@pytest.mark.parametrize(
    ("make", "expected"),
    [(at_prior(5), 10), (at_classes(jnp.zeros((10, 5))), 10), (COLLAPSED, 3)],
)
def test_a_start_that_needs_a_wider_miner_has_one(make, expected, depth):
    params = jax.eval_shape(
        Miner(5, make, depth, width=3).init, jax.random.key(0), jnp.zeros((1, 12))
    )
    layers = params["params"]
    assert {layer["kernel"].shape[0] for layer in layers.values()} == {12, expected}
    assert layers[f"Dense_{depth - 1}"]["kernel"].shape == (expected, 5)


@pytest.mark.parametrize("width", [1, 9])
def test_a_widened_start_is_exactly_the_identity(width):
    draws, mined = start(Miner(5, at_prior(5), 3, width), 7)
    np.testing.assert_array_equal(mined, draws[:, :5])


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
    miner = AffineMiner(3, depth=depth)
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


def test_the_affine_miners_start_as_the_authors_bigGAN_does():
    """Sizes at 128 pixels; and a nearly constant M(u), once the power method has converged."""
    miner = PairedMiner(AffineMiner(120), AffineMiner(128))
    draws = jax.random.normal(jax.random.key(1), (1000, 120))
    params = miner.init(jax.random.key(0), draws)["params"]
    sizes = {
        name: sum(leaf.size for layer in tree.values() for leaf in (layer["kernel"], layer["bias"]))
        for name, tree in params.items()
    }
    assert sizes == {"latent": 58_080, "condition": 59_048}
    for leaf in (
        leaf
        for tree in params.values()
        for layer in tree.values()
        for leaf in (layer["kernel"], layer["bias"])
    ):
        assert np.abs(leaf).max() <= 120**-0.5
        np.testing.assert_allclose(np.asarray(leaf).std(), (3 * 120) ** -0.5, rtol=0.2)
    step = jax.jit(
        lambda tree: optax.apply_updates(
            tree,
            spectral.power_iteration().update(
                jax.tree.map(jnp.zeros_like, tree), optax.EmptyState(), tree
            )[0],
        )
    )
    for _ in range(200):
        params = step(params)
    rng = np.random.default_rng(0)
    for mined, outputs in zip(miner.apply({"params": params}, draws), (120, 128), strict=True):
        theirs = np.asarray(draws)
        for size in (120, 120, 120, outputs):
            kernel, bias = uniform_linear(rng, 120, size)
            theirs = theirs @ (kernel / np.linalg.svd(kernel, compute_uv=False)[0]) + bias
        np.testing.assert_allclose(spread_and_mean(mined), spread_and_mean(theirs), rtol=0.15)


def test_both_affine_miners_see_all_of_u_and_no_class():
    draws, (latents, vectors) = start(PairedMiner(AffineMiner(5, 2), AffineMiner(3, 2)), 5)
    assert (latents.shape, vectors.shape) == ((64, 5), (64, 3))
    for mined in (latents, vectors):  # affine in u
        _, residuals, *_ = np.linalg.lstsq(np.c_[draws, np.ones(64)], np.asarray(mined), rcond=None)
        np.testing.assert_allclose(residuals, 0.0, atol=1e-8)


TABLE = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)


def conditional(depth=2):
    return ConditionalMiner(
        Miner(5, at_prior(5), depth, 12), Miner(3, at_classes(jnp.asarray(TABLE)), depth, 12), 4
    )


@pytest.mark.parametrize("depth", [2, 4])
def test_a_conditional_miner_starts_at_the_sources_joint_prior(depth):
    """Exactly: z is drawn from N(0, I), and the vector is that of the class which t names."""
    noise = sample_noise(jax.random.key(0), (64,), NoiseShape(5, 4))
    latents, vectors = conditional(depth).init_with_output(jax.random.key(1), *noise)[0]
    np.testing.assert_array_equal(latents, noise.latents)
    np.testing.assert_array_equal(vectors, TABLE[noise.labels])


@pytest.mark.parametrize("depth", [2, 4])
def test_a_miner_of_u_alone_starts_where_classes_lie(depth):
    """Fig. 2 as printed: M^c(u) has the mean and the covariance of the classes' vectors."""
    start_of = at_gaussian(jnp.asarray(TABLE), 5)
    miner = PairedMiner(Miner(5, at_prior(5), depth, 12), Miner(3, start_of, depth, 12))
    noise = sample_noise(jax.random.key(0), (20_000,), NoiseShape(5))
    latents, vectors = miner.init_with_output(jax.random.key(1), noise.latents)[0]
    np.testing.assert_array_equal(latents, noise.latents)
    np.testing.assert_allclose(vectors.mean(axis=0), TABLE.mean(axis=0), atol=0.03)
    expected = np.cov(TABLE, rowvar=False, bias=True)
    np.testing.assert_allclose(np.cov(vectors, rowvar=False), expected, atol=0.05)


def test_more_classes_than_latents_keep_the_widest_axes():
    table = jnp.asarray(np.random.default_rng(1).normal(size=(9, 6)) * [9, 5, *[1e-3] * 4])
    noise = sample_noise(jax.random.key(0), (20_000,), NoiseShape(2))
    miner = Miner(6, at_gaussian(table, 2), 2, 4)
    vectors, _ = miner.init_with_output(jax.random.key(1), noise.latents)
    expected = np.cov(table, rowvar=False, bias=True)
    np.testing.assert_allclose(np.cov(vectors, rowvar=False), expected, atol=0.03 * expected.max())


def test_classes_are_drawn_evenly_and_beside_the_latents():
    latents, labels = sample_noise(jax.random.key(0), (20_000,), NoiseShape(3, 7))
    shares = np.bincount(labels, minlength=7) / len(labels)
    np.testing.assert_allclose(shares, 1 / 7, atol=0.01)
    means = np.stack([latents[labels == label].mean(axis=0) for label in range(7)])
    np.testing.assert_allclose(means, 0.0, atol=0.08)
    assert zero_noise(4, NoiseShape(3, 7)).labels.shape == (4,)
    assert sample_noise(jax.random.key(0), (2, 3), NoiseShape(5)).labels is None


def test_both_miners_learn_from_the_whole_of_u():
    """M^c may ask for another class where z says so, and M^z for another z in one class."""
    miner, noise = conditional(), sample_noise(jax.random.key(0), (200,), NoiseShape(5, 4))
    params = miner.init(jax.random.key(1), *noise)

    def unlike(params):
        latents, vectors = miner.apply(params, *noise)
        return (latents * noise.labels[:, None]).sum() + (vectors * noise.latents[:, :3]).sum()

    slopes = jax.tree.leaves_with_path(jax.jit(jax.grad(unlike))(params)["params"])
    assert {path[0].key for path, _ in slopes} == {"latent", "condition"}
    assert all(np.abs(slope).max() > 0 for path, slope in slopes if "kernel" in str(path))
