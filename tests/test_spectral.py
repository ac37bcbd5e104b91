"""Spectral normalisation against the singular values themselves."""

import jax
import jax.numpy as jnp
import numpy as np

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
