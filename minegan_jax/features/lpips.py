"""LPIPS, how different two images look to people: Zhang et al. 2018 (arXiv:1801.03924), VGG-16.

The distance of two images is the sum over five layers of the mean over pixels of w_c (a - b)^2,
summed over channels c, where a and b are the layer's maps at unit length over their channels. As no
weight w is negative, it is the squared Euclidean distance of two long rows, one for each image: an
image is looked at once however many pairs it is in.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from minegan_jax.features import stored
from minegan_jax.nets.function import as_function
from minegan_jax.nets.precision import full_float32
from minegan_jax.types import Params, to_unit_range

RESOLUTION = 256  # that images are resized to, in pixels
TOGETHER = 5  # images looked at together
HELD = 50  # rows held at a time: 1.6 GB at 256 pixels
LAYERS = ((64, 64), (128, 128), (256,) * 3, (512,) * 3, (512,) * 3)  # channels of the convolutions
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of the colours
EPSILON = 1e-10  # added to lengths
ADVICE = (
    "`python -m weights_conversion.lpips_vgg` makes it of torchvision's vgg16-397923af.pth and"
    " the package lpips' weights/v0.1/vgg.pth"
)

Maps = Float[Array, "batch height width channels"]


class Lpips(nn.Module):
    """Maps images to rows whose squared Euclidean distance is LPIPS."""

    @nn.compact
    def __call__(self, images: Maps) -> Float[Array, "batch features"]:
        """Maps (batch, height, width, 3) in [-1, 1] to rows; height and width at least 16."""
        x = (images - jnp.asarray(SHIFT)[None, None, None]) / jnp.asarray(SCALE)[None, None, None]
        parts, number = [], 0
        for layer, widths in enumerate(LAYERS):
            if layer:
                x = nn.max_pool(x, (2, 2), (2, 2))
            for width in widths:
                x = nn.relu(nn.Conv(width, (3, 3), name=f"conv_{number}")(x))
                number += 1
            weights = self.param(f"head_{layer}", nn.initializers.ones, (width,), jnp.float32)
            length = jnp.sqrt(jnp.square(x).sum(axis=-1, keepdims=True)) + EPSILON
            share = jnp.sqrt(weights / (x.shape[1] * x.shape[2]))
            parts.append((x / length * share[None, None, None]).reshape(len(x), -1))
        return jnp.concatenate(parts, axis=1)


def lpips_shapes() -> Params:
    """Returns the shapes of the weights."""
    images = jnp.zeros((1, 16, 16, 3), jnp.float32)
    return jax.eval_shape(Lpips().init, jax.random.key(0), images)["params"]


class Perceptual(NamedTuple):
    """A distance between images, grey or RGB, in [0, 255]."""

    name: str
    sha256: str  # of its weights
    distances: Callable[[np.ndarray, np.ndarray], np.ndarray]  # (left, right) of all pairs


def load_lpips(file: str | Path, *, resolution: int = RESOLUTION) -> Perceptual:
    """Loads LPIPS as `weights_conversion.lpips_vgg` wrote it.

    Args:
      file: the weights; their description lies beside them, as `.json`.
      resolution: that images are resized to, in pixels, at least 16.

    Raises:
      InputError: a file is missing or damaged, or holds another network.
    """
    kept = stored.load_network(
        file, lpips_shapes(), name="LPIPS", advice=ADVICE, without="all other figures are there"
    )
    params = jax.device_put(kept.params)
    look = jax.jit(as_function(Lpips()))

    @full_float32()
    def embed(pixels: np.ndarray) -> np.ndarray:
        return np.asarray(look(params, _fit(pixels, resolution)))

    return Perceptual(
        f"{kept.name} at {resolution} pixels", kept.sha256, partial(_distances, embed)
    )


def _distances(
    embed: Callable[[np.ndarray], np.ndarray], left: np.ndarray, right: np.ndarray
) -> Float[np.ndarray, "left right"]:
    """Returns the distances of all pairs."""
    found = np.empty((len(left), len(right)))
    for columns, right_rows in _blocks(embed, right):
        for lines, left_rows in _blocks(embed, left):
            # Differences, not products: near copies would cancel every digit of those.
            for line, row in zip(range(lines.start, lines.stop), left_rows, strict=True):
                found[line, columns] = np.square(right_rows - row).sum(axis=1)
    return found


def _blocks(
    embed: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields the rows of some images at a time, and which."""
    for first in range(0, len(pixels), HELD):
        held = pixels[first : first + HELD]
        parts = [embed(held[at : at + TOGETHER]) for at in range(0, len(held), TOGETHER)]
        yield slice(first, first + len(held)), np.concatenate(parts)


def _fit(pixels: np.ndarray, resolution: int) -> jax.Array:
    """Returns RGB images in [-1, 1] of a resolution, resized bilinearly with smoothing."""
    images = jnp.broadcast_to(to_unit_range(jnp.asarray(pixels)), (*pixels.shape[:3], 3))
    shape = (len(images), resolution, resolution, 3)
    return jax.image.resize(images, shape, "linear", antialias=True)
