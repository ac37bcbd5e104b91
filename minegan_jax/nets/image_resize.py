"""How the critic sees images of sources of different sizes: all, and real ones, by one path.

A critic that could tell sources by their resampling would judge that instead of what they show. So
every image first shrinks to the smallest source's resolution, and then grows to the critic's. Of a
generated image it may see a box alone, such as the face without the hair around it.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from minegan_jax.types import Images

Given = Float[Array, "batch rows columns colours"]  # images of any size, in [-1, 1]
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue in grey (ITU-R BT.601), as Pillow has it
ROUNDING = 1e-6  # of a box's size in pixels


class Box(NamedTuple):
    """A part of an image, in shares of its height and width; it may reach over the edge."""

    top: float
    left: float
    height: float
    width: float

    def pixels(self, resolution: int) -> int:
        """Whole pixels along the shorter side of the box in an image of so many; at least 1."""
        return max(1, int(min(self.height, self.width) * resolution + ROUNDING))


WHOLE = Box(0.0, 0.0, 1.0, 1.0)


class ImageShape(NamedTuple):
    """The shape of a set of images: height and width in pixels, and 1 channel or 3."""

    resolution: int
    channels: int


def box_view(
    box: Box, resolution: int, channels: int, *, through: int | None = None
) -> Callable[[Given], Images]:
    """Returns a function that crops a box, resizes it and converts its colours.

    Shrinking averages over areas, enlarging interpolates linearly; both are linear maps of the
    image, whose matrices are made while it is traced. Beyond the edge lies the nearest pixel of the
    image again, as if its first and last rows and columns went on for ever.

    Args:
      box: that is shown.
      resolution: of the result, in pixels.
      channels: of the result: 1 grey, 3 RGB.
      through: pixels to which the content shrinks on the way, if it has more; None is `resolution`.
    """
    most = resolution if through is None else min(through, resolution)

    def view(images: Given) -> Images:
        size = min(most, box.pixels(images.shape[1]))
        return enlarge(crop(recolour(images, channels), box, size), resolution)

    return view


def common_view(*resolutions: int, resolution: int, channels: int) -> Callable[[Given], Images]:
    """Returns the one path from images of any size to the critic's.

    Args:
      resolutions: of the sources, in pixels.
      resolution: of the critic, in pixels.
      channels: of the critic: 1 grey, 3 RGB.
    """
    smallest = min([resolution, *resolutions])
    return box_view(WHOLE, resolution, channels, through=smallest)


def recolour(images: Given, channels: int) -> Images:
    """Turns RGB into grey as brightness is seen, or grey into RGB."""
    if images.shape[-1] == channels:
        return images
    if images.shape[-1] == len(LUMA):
        shares = jnp.asarray(LUMA, images.dtype)
        images = jnp.einsum("bhwc,c->bhw", images, shares, precision="highest")[..., None]
    return jnp.repeat(images, channels, axis=-1)


def shrink(images: Given, resolution: int) -> Images:
    """Averages over the area of each new pixel, so that repeated pixels come back as they were."""
    return crop(images, WHOLE, resolution)


def crop(images: Given, box: Box, resolution: int) -> Images:
    """Averages over the area of each new pixel in a box, see `box_view`."""
    height, width = images.shape[1:3]
    if box == WHOLE and height == width == resolution:
        return images
    rows = _overlaps(height, resolution, start=box.top * height, length=box.height * height)
    columns = _overlaps(width, resolution, start=box.left * width, length=box.width * width)
    weights = (jnp.asarray(each, images.dtype) for each in (rows, columns))
    return jnp.einsum("bhwc,Hh,Ww->bHWc", images, *weights, precision="highest")


def _overlaps(size: int, new: int, *, start: float, length: float) -> Float[np.ndarray, "new size"]:
    """Shares of each pixel of an axis in the new pixels of a stretch of it; rows sum to 1.

    The first and the last pixel go on beyond the ends.
    """
    scale = length / new
    starts = start + np.arange(new)[:, None] * scale
    firsts = np.arange(size, dtype=np.float64)
    ends = firsts + 1
    firsts[0], ends[-1] = -np.inf, np.inf
    shared = np.minimum(starts + scale, ends) - np.maximum(starts, firsts)
    return shared.clip(0.0) / scale


def enlarge(images: Given, resolution: int) -> Images:
    """Interpolates between pixels linearly."""
    if images.shape[1] == resolution:
        return images
    shape = (len(images), resolution, resolution, images.shape[-1])
    return jax.image.resize(images, shape, "linear")


def fit(images: Given, resolution: int | None, channels: int) -> Float[Array, "batch _ _ _"]:
    """Turns colour into grey or back and resizes (antialiased linear), as a frozen network asks.

    Args:
      images: of any size.
      resolution: that it looks at, in pixels; None keeps the size.
      channels: that it looks at: 1 grey, 3 RGB.
    """
    images = recolour(images, channels)
    shape = (len(images), resolution, resolution, channels)
    if resolution is None or images.shape == shape:
        return images
    return jax.image.resize(images, shape, "linear", antialias=True)
