"""Sources of different sizes must look alike to the critic."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minegan_jax.nets import image_resize


def images(size, channels=1):
    return jax.random.uniform(jax.random.key(size), (2, size, size, channels), minval=-1.0)


def test_one_size_is_left_alone():
    view = image_resize.common_view(8, 8, resolution=8, channels=1)
    np.testing.assert_array_equal(view(images(8)), images(8))


@pytest.mark.parametrize("factor", [2, 3])
def test_repeated_pixels_cannot_be_told(factor):
    small = images(6)
    large = jnp.repeat(jnp.repeat(small, factor, axis=1), factor, axis=2)
    view = image_resize.common_view(6, 6 * factor, resolution=12, channels=1)
    np.testing.assert_allclose(view(large), view(small), atol=1e-6)


@pytest.mark.parametrize(("size", "smaller"), [(8, 4), (7, 4), (28, 20)])
def test_shrinking_keeps_the_mean(size, smaller):
    small = image_resize.shrink(images(size), smaller)
    assert small.shape == (2, smaller, smaller, 1)
    np.testing.assert_allclose(small.mean(), images(size).mean(), atol=1e-6)
    np.testing.assert_allclose(
        image_resize.shrink(jnp.ones((1, size, size, 1)), smaller), 1.0, rtol=1e-6
    )


@pytest.mark.parametrize("size", [5, 8, 11])
@pytest.mark.parametrize("channels", [1, 3])
def test_everything_arrives_in_the_critics_shape(size, channels):
    view = image_resize.common_view(5, 8, 11, resolution=8, channels=channels)
    assert view(images(size, 3)).shape == (2, 8, 8, channels)
    assert view(images(size, 1)).shape == (2, 8, 8, channels)
