"""The contract of a frozen network that looks at images."""

from collections.abc import Callable
from typing import NamedTuple

import jax

from minegan_jax.types import Images

TOGETHER = 250  # images that most networks look at together


class Extractor(NamedTuple):
    """Maps images in [-1, 1] to features and to the probabilities of its classes."""

    name: str
    sha256: str  # of its weights
    resolution: int | None  # in pixels; None resizes images of any size itself
    channels: int  # 1 grey, 3 RGB
    class_names: tuple[str, ...]
    embed: Callable[[Images], tuple[jax.Array, jax.Array]]  # (batch, features), (batch, classes)
    logits: Callable[[Images], jax.Array]  # (batch, classes), of any images: for gradients
    maps: Callable[[Images], tuple[jax.Array, ...]]  # what its layers see, the first one's first
    together: int = TOGETHER  # images per call of `embed`
