"""Spectral normalisation against the singular values themselves."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from minegan_jax.mining.game import update_ema
from minegan_jax.nets import resampling, spectral


def matrix_and_vectors():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(7, 4)).astype("float32")
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    return jnp.asarray(matrix), left[:, 0], values[0], right[0]


def test_a_converged_vector_gives_the_largest_singular_value():
    matrix, _, largest, right = matrix_and_vectors()
    for scale in (1.0, -3.0):  # u need not have length 1
        found = spectral.spectral_norm(matrix, jnp.asarray(scale * right))
        np.testing.assert_allclose(found, largest, rtol=1e-5)


def test_one_step_of_the_power_method():
    matrix, *_ = matrix_and_vectors()
    u = np.array([1.0, -2.0, 0.5, 3.0], "float32")
    v = np.asarray(matrix) @ u
    v /= np.linalg.norm(v)
    expected = np.linalg.norm(v @ np.asarray(matrix))
    np.testing.assert_allclose(spectral.spectral_norm(matrix, jnp.asarray(u)), expected, rtol=1e-5)


def test_stored_vectors_are_taken_as_they_are():
    matrix, *_ = matrix_and_vectors()
    u, v = jnp.arange(4.0), jnp.arange(7.0)
    np.testing.assert_allclose(spectral.spectral_norm(matrix, u, v), v @ matrix @ u, rtol=1e-5)


def test_the_derivative_is_that_of_the_singular_value():
    matrix, left, _, right = matrix_and_vectors()
    derivatives = jax.grad(spectral.spectral_norm, argnums=(0, 1))(matrix, jnp.asarray(right))
    np.testing.assert_allclose(abs(derivatives[0]), abs(np.outer(left, right)), atol=1e-5)
    np.testing.assert_array_equal(derivatives[1], 0.0)


def layers(u, length=3):
    """Weights that are divided by their norms, and some that are not."""
    rng = np.random.default_rng(1)

    def draw(*shape):
        return jnp.asarray(rng.normal(size=shape), "float32")

    return {
        "conv": {"kernel": draw(2, 2, 3, 4), "bias": draw(4), "u": u},
        "pair": {"kernel": draw(7, 4), "u": u, "v": draw(7)},
        "embedding": {"vectors": draw(4, length), "u": u},
        "statistics": {"mean": draw(3), "variance": draw(3)},
    }


def test_in_training_each_turn_goes_on_from_the_last_vectors():
    params = ({"u_is_far": layers(jnp.array([1.0, -2.0, 0.5, 3.0]))},)
    optimizer = spectral.power_iteration()
    ones = jax.tree.map(jnp.ones_like, params)
    updates, _ = optimizer.update(ones, optimizer.init(params), params)
    moved = optax.apply_updates(params, updates)
    for old, new in zip(params[0].values(), moved[0].values(), strict=True):
        for layer, is_transposed in (("conv", False), ("pair", False), ("embedding", True)):
            stored = old[layer].get("kernel", old[layer].get("vectors"))
            matrix = np.asarray(stored.T if is_transposed else stored.reshape(-1, 4))
            v = matrix @ np.asarray(old[layer]["u"])
            v /= np.linalg.norm(v)
            u = v @ matrix
            np.testing.assert_allclose(new[layer]["u"], u / np.linalg.norm(u), atol=1e-5)
            if layer == "pair":
                np.testing.assert_allclose(new[layer]["v"], v, atol=1e-5)
        for path in (("conv", "kernel"), ("conv", "bias"), ("embedding", "vectors")):
            np.testing.assert_array_equal(new[path[0]][path[1]], old[path[0]][path[1]] + 1.0)


def test_the_vectors_find_the_largest_singular_value():
    params = layers(jnp.ones(4), length=6)
    optimizer = spectral.power_iteration()
    still = jax.tree.map(jnp.zeros_like, params)
    for _ in range(100):
        updates, _ = optimizer.update(still, optimizer.init(params), params)
        params = optax.apply_updates(params, updates)
    for layer in (params["conv"], params["pair"]):
        matrix = layer["kernel"].reshape(-1, 4)
        found = spectral.spectral_norm(matrix, layer["u"], layer.get("v"))
        np.testing.assert_allclose(found, np.linalg.svd(matrix)[1][0], rtol=1e-4)


@pytest.mark.parametrize("keeps_v", [True, False])
@pytest.mark.parametrize("known", [0, 200])
def test_an_ema_is_divided_by_its_own_singular_value(known, keeps_v):
    """From fresh vectors, which turn while they are averaged, and from ones that have settled."""
    keys = jax.random.split(jax.random.key(0), 2)
    kernel = jax.random.normal(keys[0], (24, 12))
    u, v = jax.random.normal(keys[1], (12,)), jnp.ones(24)
    for _ in range(known):
        u, v = spectral.power_step(kernel, u)
    params = {"kernel": kernel, "u": u, **({"v": v} if keeps_v else {})}
    optimizer = spectral.power_iteration()
    drift = {**jax.tree.map(jnp.zeros_like, params), "kernel": jnp.full(kernel.shape, 1e-3)}

    @jax.jit
    def turn(params, average):
        updates, _ = optimizer.update(drift, optimizer.init(params), params)
        params = optax.apply_updates(params, updates)
        return params, update_ema(params, average, jnp.float32(0.99))

    average = params
    for _ in range(40):
        params, average = turn(params, average)
    found = spectral.spectral_norm(average["kernel"], average["u"], average.get("v"))
    np.testing.assert_allclose(found, np.linalg.svd(average["kernel"])[1][0], rtol=0.02)


def test_zero_weights_stay_zero():
    assert jnp.isfinite(spectral.spectral_norm(jnp.zeros((3, 2)), jnp.ones(2)))


def test_a_convolution_of_single_pixels_is_a_convolution():
    keys = jax.random.split(jax.random.key(0))
    maps, kernel = (
        jax.random.normal(keys[0], (2, 5, 4, 3)),
        jax.random.normal(keys[1], (1, 1, 3, 6)),
    )
    padded = jnp.pad(kernel, ((1, 1), (1, 1), (0, 0), (0, 0)))
    found = spectral.conv(maps, kernel)
    np.testing.assert_allclose(found, spectral.conv(maps, padded), atol=1e-5)


def test_resampling():
    maps = jnp.arange(16.0).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(resampling.average_pool(resampling.upsample(maps)), maps)
    np.testing.assert_array_equal(resampling.max_pool(maps)[0, :, :, 0], [[5, 7], [13, 15]])
    np.testing.assert_array_equal(
        resampling.average_pool(maps)[0, :, :, 0], [[2.5, 4.5], [10.5, 12.5]]
    )
    assert resampling.upsample(maps)[0, 2:4, 4:6, 0].tolist() == [[6.0, 6.0], [6.0, 6.0]]
    assert resampling.max_pool(jnp.zeros((1, 5, 7, 2))).shape == (1, 2, 3, 2)
