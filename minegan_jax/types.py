"""The shape vocabulary: every array that crosses a room's door is one of these.

Same axis name, same size. Ranges and units are said here and nowhere else.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int, Shaped, UInt8

Key = Shaped[Array, ""]  # a typed key of jax.random
Params = Mapping[str, Any]  # a tree of weights
Metrics = dict[str, jax.Array]  # name -> scalar

Images = Float[Array, "batch height width channels"]  # grey or RGB, in [-1, 1]
Pixels = UInt8[np.ndarray, "batch height width channels"]  # grey or RGB, in [0, 255], on the host
Labels = Int[np.ndarray, "batch"]  # class numbers; -1 where the data has none
ClassVectors = Float[Array, "batch embedding"]  # in the place of class numbers, see each family
Conditions = Int[Array, "batch"] | ClassVectors  # what a conditional network is told
Latents = Float[Array, "batch latent"]  # draws of a prior (u), or a miner's output (z)
Scores = Float[Array, "batch"]  # critic values, unbounded
SuperScores = Float[Array, "supersamples sources"]  # critic value of each source's image
Features = Float[np.ndarray, "batch features"]  # a frozen network's view of images, float64


class Batch(NamedTuple):
    """Real images for one training step: `turns` independent minibatches, one per critic turn.

    The batch axis leads, so that splitting it over devices never mixes two turns.
    """

    images: UInt8[Array, "batch turns height width channels"]  # in [0, 255]
    labels: Int[Array, "batch turns"]  # -1 where the data has none
    indices: Int[Array, "batch turns"]  # of the images among those of training, from 0


def to_unit_range(pixels: UInt8[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Maps [0, 255] to [-1, 1]."""
    return pixels.astype("float32") / 127.5 - 1.0


def to_pixels(images: Float[Array, "*shape"]) -> UInt8[Array, "*shape"]:
    """Maps [-1, 1] to [0, 255], rounding to the nearest; values outside are clipped."""
    return ((images.clip(-1.0, 1.0) + 1.0) * 127.5).round().astype("uint8")
