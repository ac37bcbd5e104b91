"""A convolution with stride 1 that stays fast inside loops, whatever is differentiated.

XLA's CPU backend is up to two hundred times slower in a convolution inside a loop or a branch if
its axes come in another order than (batch, height, width, channels), as they do in derivatives.
Here the derivatives are convolutions in that very order.
"""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Maps = Float[Array, "batch height width inputs"]
Kernel = Float[Array, "rows columns inputs outputs"]
Convolution = Callable[[jax.Array, jax.Array], jax.Array]  # of maps and kernel
AXES = ("NHWC", "HWIO", "NHWC")  # of maps, kernel and result
LARGE = 2**17  # weights, from which on XLA's CPU backend divides them between its threads
TALL = 16  # rows of a kernel, from which on it goes through XLA's CPU backend in slices ...
TILE = 16  # ... of so many outputs, if it has no more ...
WIDEST = 128  # ... than these
FEW = 4  # pixels of a result, up to which each is a matrix product if it has so many outputs:
MANY = 64
Pads = tuple[tuple[int, int], tuple[int, int]]  # zeros before and after rows, and columns


def conv(maps: Maps, kernel: Kernel) -> Float[Array, "batch height width outputs"]:
    """Convolves with stride 1 and SAME padding; a 1x1 kernel is a matrix product."""
    if kernel.shape[:2] == (1, 1):
        return maps @ kernel[0, 0]
    rows, columns = (((size - 1) // 2, size // 2) for size in kernel.shape[:2])
    return _convolve(maps, kernel, (rows, columns))


def padded_conv(
    maps: Maps, kernel: Kernel, pads: Pads
) -> Float[Array, "batch taller wider outputs"]:
    """Convolves with stride 1 and as many zeros around the maps as `pads` says."""
    return _convolve(maps, kernel, pads)


def conv_of_doubled(maps: Maps, kernel: Kernel) -> Float[Array, "batch 2*height 2*width outputs"]:
    """Repeats every pixel as a square of 2x2, then convolves with a 3x3 kernel and SAME padding.

    A pixel of the result sees no more than 2x2 of the repeated ones, at weights that depend on its
    place in its own square: fewer than half of the products.
    """
    batch, height, width, _ = maps.shape
    # What a square of 2x2 results, of which the last is the square's first, is told.
    # (2, 2, inputs, 2, 2, outputs): rows, columns, then those inside a square
    squares = _over_squares(kernel)[:, :, ::-1, ::-1].transpose(0, 1, 4, 2, 3, 5)
    told = _convolve(maps, squares.reshape(2, 2, kernel.shape[2], -1), ((1, 1), (1, 1)))
    # (batch, height + 1, 2, width + 1, 2, outputs)
    told = told.reshape(batch, height + 1, width + 1, 2, 2, -1).transpose(0, 1, 3, 2, 4, 5)
    return told.reshape(batch, 2 * height + 2, 2 * width + 2, -1)[:, 1:-1, 1:-1]


def halved_conv(maps: Maps, kernel: Kernel) -> Float[Array, "batch height//2 width//2 outputs"]:
    """Convolves with a 3x3 kernel and SAME padding, then averages each square of 2x2 pixels.

    An average sees 4x4 pixels, which are 2x2 squares: fewer than half of the products.
    """
    batch, height, width, inputs = maps.shape
    rows, columns = height // 2, width // 2
    maps = maps[:, : 2 * rows + 1, : 2 * columns + 1]  # all that counts of an odd last one
    ends = ((0, 0), *((1, size % 2 == 0) for size in (height, width)), (0, 0))
    # (batch, rows + 1, 2, columns + 1, 2, inputs)
    seen = jnp.pad(maps, ends).reshape(batch, rows + 1, 2, columns + 1, 2, inputs)
    # (batch, rows + 1, columns + 1, 4 * inputs)
    seen = seen.transpose(0, 1, 3, 2, 4, 5).reshape(batch, rows + 1, columns + 1, -1)
    squares = _over_squares(kernel).reshape(2, 2, 4 * inputs, -1) / 4  # (2, 2, 4 * inputs, outputs)
    return _convolve(seen, squares, ((0, 0), (0, 0)))


def transposed_conv(
    maps: Maps, kernel: Kernel
) -> Float[Array, "batch 2*height+1 2*width+1 outputs"]:
    """Adds a 3x3 kernel, times each pixel, at twice that pixel's place: stride 2, no padding.

    That is PyTorch's `conv_transpose2d`, neither way flipped. A square of 2x2 of the result sees
    2x2 pixels.
    """
    batch, height, width, _ = maps.shape
    # The window of a square begins a pixel before it, which the kernel's end meets.
    # (2, 2, inputs, 2, 2, outputs)
    phases = _in_squares(kernel)[::-1, ::-1].transpose(0, 1, 4, 2, 3, 5)
    told = _convolve(maps, phases.reshape(2, 2, kernel.shape[2], -1), ((1, 1), (1, 1)))
    # (batch, height + 1, 2, width + 1, 2, outputs)
    told = told.reshape(batch, height + 1, width + 1, 2, 2, -1).transpose(0, 1, 3, 2, 4, 5)
    return told.reshape(batch, 2 * height + 2, 2 * width + 2, -1)[:, :-1, :-1]


def strided_valid_conv(
    maps: Maps, kernel: Kernel
) -> Float[Array, "batch (height-1)//2 (width-1)//2 outputs"]:
    """Convolves with a 3x3 kernel, stride 2 and no padding; height and width are odd."""
    batch, height, width, inputs = maps.shape
    rows, columns = (height + 1) // 2, (width + 1) // 2
    seen = jnp.pad(maps, ((0, 0), (0, 1), (0, 1), (0, 0)))
    # (batch, rows, columns, 2, 2, inputs)
    seen = seen.reshape(batch, rows, 2, columns, 2, inputs).transpose(0, 1, 3, 2, 4, 5)
    squares = _in_squares(kernel).reshape(2, 2, 4 * inputs, -1)  # (2, 2, 4 * inputs, outputs)
    return _convolve(seen.reshape(batch, rows, columns, -1), squares, ((0, 0), (0, 0)))


def _in_squares(kernel: Kernel) -> Float[Array, "2 2 2 2 inputs outputs"]:
    """Splits a 3x3 kernel, with zeros after it, by squares of 2x2, then by what is inside them."""
    padded = jnp.pad(kernel, ((0, 1), (0, 1), (0, 0), (0, 0)))
    return padded.reshape(2, 2, 2, 2, *kernel.shape[2:]).transpose(0, 2, 1, 3, 4, 5)


def _over_squares(kernel: Kernel) -> Float[Array, "2 2 2 2 inputs outputs"]:
    """Adds up a 3x3 kernel at the four places of a square of 2x2.

    The result is the kernel of 4x4 by the squares' rows and columns, then those inside a square.
    """
    places = [
        jnp.pad(kernel, ((row, 1 - row), (column, 1 - column), (0, 0), (0, 0)))
        for row in range(2)
        for column in range(2)
    ]
    total = jnp.stack(places).sum(axis=0)
    return total.reshape(2, 2, 2, 2, *kernel.shape[2:]).transpose(0, 2, 1, 3, 4, 5)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _convolve(maps: Maps, kernel: Kernel, pads: Pads) -> Float[Array, "batch taller wider outputs"]:
    """Convolves with stride 1 and the given padding."""
    narrow = kernel.size < LARGE and kernel.shape[1] < maps.shape[2]
    tall = kernel.shape[0] >= TALL and kernel.shape[3] <= WIDEST
    rows, columns = _result_shape(maps, kernel, pads)
    few = rows * columns <= FEW and kernel.shape[3] >= MANY
    on_cpu = _in_products if few else _in_a_row if narrow else _in_slices if tall else _one_by_one
    return jax.lax.platform_dependent(
        maps,
        kernel,
        cpu=functools.partial(on_cpu, pads=pads),
        default=functools.partial(_one_by_one, pads=pads),
    )


def _result_shape(maps: Maps, kernel: Kernel, pads: Pads) -> tuple[int, ...]:
    """Returns the rows and columns of a result."""
    sizes = zip(maps.shape[1:3], pads, kernel.shape[:2], strict=True)
    return tuple(size + sum(pad) - window + 1 for size, pad, window in sizes)


def _one_by_one(maps: Maps, kernel: Kernel, pads: Pads) -> jax.Array:
    """Convolves image by image."""
    return jax.lax.conv_general_dilated(maps, kernel, (1, 1), pads, dimension_numbers=AXES)


def _in_a_row(maps: Maps, kernel: Kernel, pads: Pads) -> jax.Array:
    """Convolves all images as one wide one, in which they lie side by side.

    XLA's CPU backend divides a convolution with a small kernel between its threads only by its
    columns.
    """
    batch, height, _, inputs = maps.shape
    vertical, horizontal = pads
    # (height, batch, padded width, inputs)
    side = jnp.pad(maps.transpose(1, 0, 2, 3), ((0, 0), (0, 0), horizontal, (0, 0)))
    mixed = kernel.shape[1] - 1  # columns of the result that see two images
    # (1, height, batch * padded width, inputs) at first
    row = _one_by_one(side.reshape(1, height, -1, inputs), kernel, (vertical, (0, mixed)))
    # (height, batch, width, outputs)
    apart = row.reshape(row.shape[1], batch, side.shape[2], -1)[:, :, : side.shape[2] - mixed]
    return apart.transpose(1, 0, 2, 3)


def _in_slices(maps: Maps, kernel: Kernel, pads: Pads) -> jax.Array:
    """Convolves with a few outputs at a time.

    XLA's CPU backend is two to five times slower with more where the kernel is as large as an
    image: that is, in the derivative by a kernel.
    """
    slices = jnp.split(kernel, list(range(TILE, kernel.shape[3], TILE)), axis=3)
    return jnp.concatenate([_one_by_one(maps, part, pads) for part in slices], axis=3)


def _in_products(maps: Maps, kernel: Kernel, pads: Pads) -> jax.Array:
    """Makes each pixel of the result by a matrix product.

    XLA's CPU backend is up to forty times slower where the result, as in the derivative by a kernel
    of 2x2, has few pixels and many outputs.
    """
    rows, columns = _result_shape(maps, kernel, pads)
    height, width, _, outputs = kernel.shape
    maps = jnp.pad(maps, ((0, 0), *pads, (0, 0)))
    seen = [
        maps[:, row : row + height, column : column + width].reshape(len(maps), -1)
        for row in range(rows)
        for column in range(columns)
    ]
    pixels = [one @ kernel.reshape(-1, outputs) for one in seen]
    # (batch, rows * columns, outputs) before
    return jnp.stack(pixels, axis=1).reshape(len(maps), rows, columns, outputs)


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
    turned = kernel[::-1, ::-1].swapaxes(2, 3)  # (rows, columns, outputs, inputs)
    # maps as (inputs, height, width, batch), their change as the kernel
    of_kernel = _convolve(maps.transpose(3, 1, 2, 0), change.transpose(1, 2, 0, 3), pads)
    return _convolve(change, turned, (rows, columns)), of_kernel.transpose(1, 2, 0, 3)


_convolve.defvjp(_keep, _back)


class Conv(nn.Module):
    """A convolution with stride 1 and SAME padding, which may double or halve the resolution.

    Attributes:
      features: channels of the output.
      kernel_size: rows and columns of the kernel, whose shape is (rows, columns, in, out).
      kernel_init: makes the kernel from a key and its shape; the bias starts at zero.
      convolve: of maps and kernel; `conv`, or one that doubles or halves the resolution as well.
    """

    features: int
    kernel_size: int = 3
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    convolve: Convolution = conv

    @nn.compact
    def __call__(self, maps: Maps) -> Float[Array, "batch _ _ outputs"]:
        """Maps (batch, h, w, in) to (batch, h, w, features), if `convolve` keeps the size."""
        shape = (self.kernel_size, self.kernel_size, maps.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return self.convolve(maps, kernel) + bias[None, None, None]
