"""How the critic sees images of sources of different sizes: all, and real ones, by one path.

A critic that could tell sources by their resampling would judge that instead of what they show. So
every image first shrinks to the smallest source's resolution, and then grows to the critic's.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from minegan_jax.types import Images

Given = Float[Array, "batch rows columns colours"]  # images of any size, in [-1, 1]


def common_view(*resolutions: int, resolution: int, channels: int) -> Callable[[Given], Images]:
    """Returns the one path from images of any size to the critic's.

    Args:
      resolutions: of the sources, in pixels.
      resolution: of the critic, in pixels.
      channels: of the critic: 1 grey, 3 RGB.
    """
    smallest = min([resolution, *resolutions])

    def view(images: Given) -> Images:
        return enlarge(shrink(recolour(images, channels), smallest), resolution)

    return view


def recolour(images: Given, channels: int) -> Images:
    """Turns RGB into grey by the mean of the three, or grey into RGB."""
    if images.shape[-1] == channels:
        return images
    return jnp.repeat(images.mean(axis=-1, keepdims=True), channels, axis=-1)


def shrink(images: Given, resolution: int) -> Images:
    """Averages over the area of each new pixel, so that repeated pixels come back as they were."""
    if images.shape[1] == resolution:
        return images
    weights = jnp.asarray(_overlaps(images.shape[1], resolution), images.dtype)
    return jnp.einsum("bhwc,Hh,Ww->bHWc", images, weights, weights)


def _overlaps(size: int, smaller: int) -> Float[np.ndarray, "smaller size"]:
    """Returns the share of each pixel in each pixel of a smaller axis; rows sum to 1."""
    scale = size / smaller
    starts = np.arange(smaller)[:, None] * scale
    pixels = np.arange(size)[None]
    shared = np.minimum(starts + scale, pixels + 1) - np.maximum(starts, pixels)
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
