"""Strided and transposed convolutions that are fast on CPUs and exact on every backend.

XLA's CPU backend has slow loops for some strided and dilated convolutions, above all in
derivatives. Here both layers are slices and one matrix product, or its transpose, and so are their
derivatives of any order.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from minegan_jax.types import Key

Maps = Float[Array, "batch height width inputs"]
Smaller = Float[Array, "batch (height+1)//2 (width+1)//2 outputs"]
Larger = Float[Array, "batch 2*height 2*width outputs"]
Kernel = Float[Array, "rows columns inputs outputs"]
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
    rows, columns, _, outputs = kernel.shape
    height, width = (-(-size // _STRIDE) for size in images.shape[1:3])
    pads = (_same_padding(n, k) for n, k in zip(images.shape[1:3], (rows, columns), strict=True))
    padded = jnp.pad(images, ((0, 0), *pads, (0, 0)))
    down = [slice(i, i + _STRIDE * height, _STRIDE) for i in range(rows)]
    across = [slice(j, j + _STRIDE * width, _STRIDE) for j in range(columns)]
    taps = [padded[:, i, j] for i in down for j in across]
    return jnp.concatenate(taps, axis=-1) @ kernel.reshape(-1, outputs)


def _same_padding(size: int, window: int) -> tuple[int, int]:
    """Returns how many zeros SAME puts before and after an axis, and one more to slice evenly."""
    total = max((-(-size // _STRIDE) - 1) * _STRIDE + window - size, 0)
    return total // 2, total - total // 2 + _STRIDE - 1


def strided_conv_transpose(images: Maps, kernel: Kernel) -> Larger:
    """Does what `jax.lax.conv_transpose(images, kernel, (2, 2), "SAME")` does.

    That is the transpose of `strided_conv` with the kernel flipped in rows and columns; the
    result is (batch, 2 * height, 2 * width, outputs).
    """
    rows, columns, inputs, _ = kernel.shape
    flipped = jnp.moveaxis(kernel[::-1, ::-1], 2, 0).reshape(inputs, -1)
    # What a pixel adds to each of the outputs around it; a split's derivative is a concatenation.
    taps = jnp.split(images @ flipped, rows * columns, axis=-1)
    places = [(_spread(i, rows), _spread(j, columns)) for i in range(rows) for j in range(columns)]
    zero, whole = jnp.zeros((), images.dtype), (0, 0, 0)
    pairs = zip(taps, places, strict=True)
    spread = [jax.lax.pad(tap, zero, (whole, *place, whole)) for tap, place in pairs]
    return functools.reduce(jnp.add, spread)


def _spread(tap: int, window: int) -> tuple[int, int, int]:
    """Returns the zeros before, after and between the pixels of an axis that put a tap in place."""
    before = tap - (window - _STRIDE) // 2
    return before, _STRIDE - 1 - before, _STRIDE - 1


class StridedConv(nn.Module):
    """Halves the resolution, rounding up, by a convolution with stride 2 and SAME padding.

    Attributes:
      features: channels of the output.
      kernel_size: rows and columns of the kernel, which has shape (rows, columns, in, out).
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
      kernel_size: rows and columns of the kernel, which has shape (rows, columns, in, out) and
        the meaning it has in `jax.lax.conv_transpose(images, kernel, (2, 2), "SAME")`: flipped in
        rows and columns against the kernels of TensorFlow and PyTorch.
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
