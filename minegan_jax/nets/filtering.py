"""Doubling and halving feature maps through the low-pass filter [1, 3, 3, 1] of StyleGAN2.

The filter (Karras et al. 2020, appendix B; Zhang 2019) is written as sums of shifted maps: as a
convolution of each channel by itself it is two hundred times slower on XLA's CPU backend, and its
derivative is slow on GPUs as well.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from minegan_jax.nets.convolution import Kernel, Maps, strided_valid_conv, transposed_conv

ROWS, COLUMNS = 1, 2  # axes of maps

Doubled = Float[Array, "batch 2*height 2*width _"]
Halved = Float[Array, "batch height//2 width//2 _"]


def double(maps: Maps) -> Doubled:
    """Puts zeros between pixels and filters, so that the mean stays."""
    return _double(_double(maps, ROWS), COLUMNS) / 16


def halve(maps: Maps) -> Halved:
    """Filters, and keeps every second pixel; height and width are even."""
    return _halve(_halve(maps, ROWS), COLUMNS) / 64


def doubling_conv(maps: Maps, kernel: Kernel) -> Doubled:
    """Puts zeros between pixels, convolves them with a 3x3 kernel, and filters.

    The kernel's rows and columns run against those of a correlation, as in `transposed_conv`.
    """
    return _blur(transposed_conv(maps, kernel), 1) / 16


def halving_conv(maps: Maps, kernel: Kernel) -> Halved:
    """Filters, then convolves with a 3x3 kernel and stride 2; height and width are even."""
    return strided_valid_conv(_blur(maps, 2), kernel / 64)


def _blur(maps: Maps, margin: int) -> Float[Array, "batch _ _ inputs"]:
    """Weighs four pixels in a row 1, 3, 3, 1, then four in a column; `margin` zeros all round."""
    for axis in (ROWS, COLUMNS):
        padded = _pad(maps, axis, margin, margin)
        size = padded.shape[axis] - 3
        a, b, c, d = (
            jax.lax.slice_in_dim(padded, first, first + size, axis=axis) for first in range(4)
        )
        maps = (a + d) + 3 * (b + c)
    return maps


def _double(maps: Maps, axis: int) -> Float[Array, "batch _ _ inputs"]:
    """Doubles along an axis: each pixel thrice, and once the one before, or the one after."""
    size = maps.shape[axis]
    padded = _pad(maps, axis, 1, 1)
    before, after = (
        3 * maps + jax.lax.slice_in_dim(padded, first, first + size, axis=axis) for first in (0, 2)
    )
    shape = list(maps.shape)
    shape[axis] = 2 * size
    # before, after, before, ... along the axis
    return jnp.stack([before, after], axis=axis + 1).reshape(shape)


def _halve(maps: Maps, axis: int) -> Float[Array, "batch _ _ inputs"]:
    """Halves along an axis: both pixels of a pair thrice, and once the one on either side."""
    shape = list(maps.shape)
    shape[axis : axis + 1] = [shape[axis] // 2, 2]
    # of shape maps, half as long along the axis
    evens, odds = jnp.unstack(maps.reshape(shape), axis=axis + 1)
    size = evens.shape[axis]
    before = jax.lax.slice_in_dim(_pad(odds, axis, 1, 0), 0, size, axis=axis)
    after = jax.lax.slice_in_dim(_pad(evens, axis, 0, 1), 1, size + 1, axis=axis)
    return (before + after) + 3 * (evens + odds)


def _pad(maps: Maps, axis: int, before: int, after: int) -> Float[Array, "batch _ _ inputs"]:
    """Puts zeros before and after an axis."""
    pads = [(0, 0)] * maps.ndim
    pads[axis] = (before, after)
    return jnp.pad(maps, pads)
