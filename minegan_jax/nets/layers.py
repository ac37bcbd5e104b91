"""Strided and transposed convolutions that are fast on CPUs and exact on every backend.

XLA's CPU backend is fast in a strided convolution and in its derivative in the kernel, but many
times slower than it could be in the derivative in the images, which is also the transposed
convolution: it multiplies with the zeros between the pixels. Here that one is a matrix product.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from minegan_jax.nets.convolution import AXES, Kernel, Maps, Pads, padded_conv
from minegan_jax.types import Key

Smaller = Float[Array, "batch (height+1)//2 (width+1)//2 outputs"]
Larger = Float[Array, "batch 2*height 2*width outputs"]
Reduced = Float[Array, "batch short narrow outputs"]
_STRIDE = 2


def _uniform(inputs_share: float, outputs_share: float) -> nn.initializers.Initializer:
    """Returns the authors' start: uniform, standard deviation sqrt(4 / (fan_in + fan_out))."""

    def init(key: Key, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> Kernel:
        rows, columns, inputs, outputs = shape
        fans = rows * columns * (inputs_share * inputs + outputs_share * outputs)
        bound = (3 * 4 / fans) ** 0.5
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init


# A pixel of the larger side meets only a quarter of the kernel.
strided_uniform = _uniform(1.0, 1.0 / _STRIDE**2)
transposed_uniform = _uniform(1.0 / _STRIDE**2, 1.0)


def strided_conv(images: Maps, kernel: Kernel) -> Smaller:
    """Convolves with stride 2 and SAME padding, as `jax.lax.conv_general_dilated` does.

    The result is (batch, ceil(height / 2), ceil(width / 2), outputs).
    """
    return _down(images, kernel, _STRIDE, _paddings(images.shape[1:3], kernel.shape))


def strided_conv_transpose(images: Maps, kernel: Kernel) -> Larger:
    """Does what `jax.lax.conv_transpose(images, kernel, (2, 2), "SAME")` does.

    That is the transpose of `strided_conv` with the kernel flipped in rows and columns; the
    result is (batch, 2 * height, 2 * width, outputs).
    """
    size = (_STRIDE * images.shape[1], _STRIDE * images.shape[2])
    pads = _paddings(size, kernel.shape)
    # the kernel as (rows, columns, outputs, inputs)
    return _up(images, kernel[::-1, ::-1].swapaxes(2, 3), _STRIDE, pads, size)


def any_conv(
    images: Maps, kernel: Kernel, *, stride: int, pads: Pads
) -> Float[Array, "batch shorter narrower outputs"]:
    """Convolves with any stride and as many zeros around the images as `pads` says.

    What is left of rows and columns that the stride does not divide is not looked at.
    """
    if stride == 1:
        return padded_conv(images, kernel, pads)
    return _down(images, kernel, stride, pads)


def any_conv_transpose(
    maps: Maps, kernel: Kernel, *, stride: int, cut: Pads
) -> Float[Array, "batch taller wider outputs"]:
    """Adds the kernel, times each pixel, to a larger map, a stride apart for each pixel.

    That is the transpose of a convolution, with the kernel as (rows, columns, in, out) and not
    flipped.

    Args:
      maps: (batch, height, width, in).
      kernel: what a pixel adds, the first row and column at its own place.
      stride: pixels of the larger side for one of the smaller.
      cut: rows and columns that are left out before and after; without, the result has
        (size - 1) * stride + window of them.
    """
    if maps.shape[1:3] == (1, 1):  # as where a generator starts: one matrix product
        inner = [
            slice(before, window - after)
            for window, (before, after) in zip(kernel.shape[:2], cut, strict=True)
        ]
        return jnp.einsum("bi,rcio->brco", maps[:, 0, 0], kernel[inner[0], inner[1]])
    if stride == 1:
        rows, columns = (
            (window - 1 - before, window - 1 - after)
            for window, (before, after) in zip(kernel.shape[:2], cut, strict=True)
        )
        return padded_conv(maps, kernel[::-1, ::-1], (rows, columns))
    height, width = (
        (pixels - 1) * stride + window - sum(ends)
        for pixels, window, ends in zip(maps.shape[1:3], kernel.shape[:2], cut, strict=True)
    )
    # the kernel as (rows, columns, outputs, inputs)
    return _up(maps, kernel.swapaxes(2, 3), stride, cut, (height, width))


# Convolution, its transpose in the images, and its transpose in the kernel. Each is linear in both
# arguments, so that the derivatives of each are the two others, to any order. Zeros before the
# images are as many as `pads` says; those after them follow from the sizes.


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _down(images: Maps, kernel: Kernel, stride: int, pads: Pads) -> Reduced:
    """Maps images to maps smaller by a stride."""
    strides = (stride, stride)
    return jax.lax.conv_general_dilated(images, kernel, strides, pads, dimension_numbers=AXES)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _up(maps: Reduced, kernel: Kernel, stride: int, pads: Pads, size: tuple[int, int]) -> Maps:
    """Maps back to images of the given size: one matrix product, then sums of what overlaps.

    A pixel adds to the rows * columns pixels around it. Those of the larger side that are a
    stride apart are a phase: they meet the same part of the kernel.
    """
    taps = jnp.einsum("bhwo,rcio->bhwrci", maps, kernel)
    phases = [
        jnp.stack([_phase(taps, row, column, stride) for column in range(stride)], axis=3)
        for row in range(stride)
    ]
    images = jnp.stack(phases, axis=2)  # (batch, height, phase, width, phase, inputs)
    batch, height, _, width, _, inputs = images.shape
    images = images.reshape(batch, stride * height, stride * width, inputs)  # phases between pixels
    (top, _), (left, _) = pads
    missing = [  # that no pixel adds to, as the stride does not divide the size
        (0, max(0, first + pixels - found))
        for first, pixels, found in zip((top, left), size, images.shape[1:3], strict=True)
    ]
    images = jnp.pad(images, ((0, 0), *missing, (0, 0)))
    return images[:, top : top + size[0], left : left + size[1]]


def _phase(
    taps: Float[Array, "batch height width rows columns inputs"],
    row: int,
    column: int,
    stride: int,
) -> Float[Array, "batch taller wider inputs"]:
    """Sums the taps that add to the pixels of one phase, padding included."""
    beyond = [-(-window // stride) - 1 for window in taps.shape[3:5]]  # pixels added to an axis
    moved = [
        jnp.pad(tap, ((0, 0), (down, beyond[0] - down), (right, beyond[1] - right), (0, 0)))
        for down, line in enumerate(jnp.unstack(taps[:, :, :, row::stride], axis=3))
        for right, tap in enumerate(jnp.unstack(line[:, :, :, column::stride], axis=3))
    ]
    return functools.reduce(jnp.add, moved)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _across(
    images: Maps, maps: Reduced, stride: int, pads: Pads, window: tuple[int, int]
) -> Kernel:
    """Correlates images with maps, as the derivative in a kernel of the given rows and columns."""
    rows, columns = (  # fewer than no zeros after them: pixels that no window looked at
        (before, (smaller - 1) * stride + taps - larger - before)
        for smaller, taps, larger, (before, _) in zip(
            maps.shape[1:3], window, images.shape[1:3], pads, strict=True
        )
    )
    # Turned by hand: XLA's CPU backend is a hundred times slower with other orders of axes inside
    # loops and branches.
    kernel = jax.lax.conv_general_dilated(
        images.transpose(3, 1, 2, 0),  # (inputs, height, width, batch)
        maps.transpose(1, 2, 0, 3),  # (height, width, batch, outputs)
        (1, 1),
        (rows, columns),
        rhs_dilation=(stride, stride),
        dimension_numbers=AXES,
    )
    return kernel.transpose(1, 2, 0, 3)  # (rows, columns, inputs, outputs)


def _paddings(size: tuple[int, ...], window: tuple[int, ...]) -> Pads:
    """Returns the zeros that SAME puts before and after rows and columns of images."""
    rows, columns = (
        (-(-pixels // _STRIDE) - 1) * _STRIDE + taps - pixels
        for pixels, taps in zip(size[:2], window[:2], strict=True)
    )
    return (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)


_down.defvjp(
    lambda images, kernel, stride, pads: (_down(images, kernel, stride, pads), (images, kernel)),
    lambda stride, pads, kept, change: (
        _up(change, kept[1], stride, pads, kept[0].shape[1:3]),
        _across(kept[0], change, stride, pads, kept[1].shape[:2]),
    ),
)
_up.defvjp(
    lambda maps, kernel, stride, pads, size: (
        _up(maps, kernel, stride, pads, size),
        (maps, kernel),
    ),
    lambda stride, pads, _, kept, change: (
        _down(change, kept[1], stride, pads),
        _across(change, kept[0], stride, pads, kept[1].shape[:2]),
    ),
)
_across.defvjp(
    lambda images, maps, stride, pads, window: (
        _across(images, maps, stride, pads, window),
        (images, maps),
    ),
    lambda stride, pads, _, kept, change: (
        _up(kept[1], change, stride, pads, kept[0].shape[1:3]),
        _down(kept[0], change, stride, pads),
    ),
)


class StridedConv(nn.Module):
    """Halves the resolution, rounding up, by a convolution with stride 2 and SAME padding.

    Attributes:
      features: channels of the output.
      kernel_size: rows and columns of the kernel, 2 or more; its shape is (rows, columns, in, out).
      kernel_init: makes the kernel from a key and its shape; the bias starts at zero.
    """

    features: int
    kernel_size: int = 5
    kernel_init: nn.initializers.Initializer = strided_uniform

    @nn.compact
    def __call__(self, images: Maps) -> Smaller:
        """Maps (batch, h, w, in) to (batch, ceil(h / 2), ceil(w / 2), features)."""
        shape = (self.kernel_size, self.kernel_size, images.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return strided_conv(images, kernel) + bias[None, None, None]


class StridedConvTranspose(nn.Module):
    """Doubles the resolution by a transposed convolution with stride 2 and SAME padding.

    Attributes:
      features: channels of the output.
      kernel_size: rows and columns of the kernel, 2 or more; its shape is (rows, columns, in, out)
        and its meaning that of `jax.lax.conv_transpose(images, kernel, (2, 2), "SAME")`: flipped
        in rows and columns against the kernels of TensorFlow and PyTorch.
      kernel_init: makes the kernel from a key and its shape; the bias starts at zero.
    """

    features: int
    kernel_size: int = 5
    kernel_init: nn.initializers.Initializer = transposed_uniform

    @nn.compact
    def __call__(self, images: Maps) -> Larger:
        """Maps (batch, h, w, in) to (batch, 2 * h, 2 * w, features)."""
        shape = (self.kernel_size, self.kernel_size, images.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return strided_conv_transpose(images, kernel) + bias[None, None, None]
