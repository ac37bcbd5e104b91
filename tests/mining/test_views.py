"""Sources of different sizes must look alike to the critic."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minegan_jax.nets import image_resize
from minegan_jax.nets.image_resize import WHOLE, Box, box_view, crop

SHARES = st.floats(-0.5, 1.0), st.floats(-0.5, 1.0), st.floats(0.05, 1.5), st.floats(0.05, 1.5)
BOXES = st.builds(Box, *SHARES)
FEW = settings(max_examples=12, deadline=None)


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


@pytest.mark.parametrize("channels", [1, 3])
def test_the_whole_image_at_its_own_size_is_the_image(channels):
    given = images(8, channels)
    np.testing.assert_array_equal(box_view(WHOLE, 8, channels)(given), given)


@FEW
@given(
    edges=st.tuples(*[st.integers(0, 7)] * 2, *[st.integers(1, 5)] * 1),
    seed=st.integers(0, 9),
)
def test_a_box_whose_edges_fall_on_pixels_is_a_crop(edges, seed):
    """Over the edge it is that of an image whose outermost pixels are repeated."""
    top, left, side = edges
    pixels = np.random.default_rng(seed).uniform(-1.0, 1.0, (2, 8, 8, 3)).astype(np.float32)
    padded = np.pad(pixels, ((0, 0), (0, 5), (0, 5), (0, 0)), mode="edge")
    expected = padded[:, top : top + side, left : left + side]
    box = Box(top / 8, left / 8, side / 8, side / 8)
    found = box_view(box, side, 3)(jnp.asarray(pixels))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@FEW
@given(box=BOXES, size=st.integers(1, 20), resolution=st.integers(1, 20))
def test_a_constant_stays_one_in_every_box(box, size, resolution):
    found = box_view(box, resolution, 1)(jnp.full((1, size, size, 1), 0.25))
    assert found.shape == (1, resolution, resolution, 1)
    np.testing.assert_allclose(found, 0.25, rtol=1e-5)


def waves(size):
    """One smooth picture as a camera of so many pixels sees it: averages over their areas."""
    edges = np.linspace(0.0, 2.0, size + 1)
    means = np.diff(-np.cos(edges)) / np.diff(edges)  # of the sine, over each pixel
    return (means[:, None] + 0.5 * means[None])[None, :, :, None]


@FEW
@given(box=BOXES, factor=st.sampled_from([1.5, 2, 5]), resolution=st.integers(2, 12))
def test_one_picture_at_two_sizes_gives_one_view(box, factor, resolution):
    small, large = (jnp.asarray(waves(size), jnp.float32) for size in (64, int(64 * factor)))
    view = box_view(box, resolution, 1, through=2)
    np.testing.assert_allclose(view(large), view(small), atol=0.03)


@FEW
@given(box=BOXES, size=st.integers(2, 9), resolution=st.integers(2, 9))
def test_a_box_is_a_linear_map_under_jit_and_its_gradient_the_transpose(box, size, resolution):
    view = box_view(box, resolution, 1)
    first, second = (jax.random.normal(jax.random.key(i), (1, size, size, 1)) for i in (0, 1))
    seen = jax.random.normal(jax.random.key(2), (1, resolution, resolution, 1))
    both = jax.jit(view)(first + 2.0 * second)
    np.testing.assert_allclose(both, view(first) + 2.0 * view(second), atol=1e-4)
    gradient = jax.grad(lambda x: (view(x) * seen).sum())(first)
    np.testing.assert_allclose((gradient * second).sum(), (view(second) * seen).sum(), atol=1e-3)


def test_grey_is_as_bright_as_colours_look():
    """As in Pillow, which makes real images grey."""
    red = jnp.array([1.0, -1.0, -1.0]).reshape(1, 1, 1, 3)
    np.testing.assert_allclose(image_resize.recolour(red, 1), 2 * 0.299 - 1, atol=1e-6)


@pytest.mark.parametrize("size", [3, 6, 12])
def test_what_is_beyond_the_edge_repeats_it(size):
    below = crop(images(size), Box(2.0, 0.0, 1.0, 1.0), size)
    expected = jnp.broadcast_to(images(size)[:, -1:], below.shape)
    np.testing.assert_allclose(below, expected, atol=1e-6)
