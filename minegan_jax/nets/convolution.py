"""A convolution with stride 1 that stays fast inside loops, whatever is differentiated.

XLA's CPU backend is up to two hundred times slower in a convolution inside a loop or a branch if
its axes come in another order than (batch, height, width, channels), as they do in derivatives.
Here the derivatives are convolutions in that very order.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Maps = Float[Array, "batch height width inputs"]
Kernel = Float[Array, "rows columns inputs outputs"]
AXES = ("NHWC", "HWIO", "NHWC")  # of maps, kernel and result
Pads = tuple[tuple[int, int], tuple[int, int]]  # zeros before and after rows, and columns


def conv(maps: Maps, kernel: Kernel) -> Float[Array, "batch height width outputs"]:
    """Convolves with stride 1 and SAME padding; a 1x1 kernel is a matrix product."""
    if kernel.shape[:2] == (1, 1):
        return maps @ kernel[0, 0]
    rows, columns = (((size - 1) // 2, size // 2) for size in kernel.shape[:2])
    return _convolve(maps, kernel, (rows, columns))


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _convolve(maps: Maps, kernel: Kernel, pads: Pads) -> Float[Array, "batch taller wider outputs"]:
    """Convolves with stride 1 and the given padding."""
    return jax.lax.conv_general_dilated(maps, kernel, (1, 1), pads, dimension_numbers=AXES)


def _keep(maps: Maps, kernel: Kernel, pads: Pads) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    """Returns the result, and what its derivative needs."""
    return _convolve(maps, kernel, pads), (maps, kernel)


def _back(
    pads: Pads, kept: tuple[jax.Array, jax.Array], change: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Convolves the change with the turned kernel, and the maps with the change."""
    maps, kernel = kept
    rows, columns = (
        (size - 1 - before, size - 1 - after)
        for size, (before, after) in zip(kernel.shape[:2], pads, strict=True)
    )
    turned = kernel[::-1, ::-1].swapaxes(2, 3)
    of_kernel = _convolve(maps.transpose(3, 1, 2, 0), change.transpose(1, 2, 0, 3), pads)
    return _convolve(change, turned, (rows, columns)), of_kernel.transpose(1, 2, 0, 3)


_convolve.defvjp(_keep, _back)


class Conv(nn.Module):
    """A convolution with stride 1 and SAME padding.

    Attributes:
      features: channels of the output.
      kernel_size: rows and columns of the kernel, whose shape is (rows, columns, in, out).
      kernel_init: makes the kernel from a key and its shape; the bias starts at zero.
    """

    features: int
    kernel_size: int = 3
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, maps: Maps) -> Float[Array, "batch height width outputs"]:
        """Maps (batch, h, w, in) to (batch, h, w, features)."""
        shape = (self.kernel_size, self.kernel_size, maps.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return conv(maps, kernel) + bias[None, None, None]
