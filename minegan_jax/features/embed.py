"""Images to features: the one place where evaluation meets a network."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from minegan_jax.errors import InputError
from minegan_jax.features.extractor import Extractor
from minegan_jax.nets.image_resize import fit
from minegan_jax.nets.precision import full_float32
from minegan_jax.types import Features, Pixels, to_unit_range


class Embedding(NamedTuple):
    """What an extractor says of images."""

    features: Features
    probabilities: Float[np.ndarray, "batch classes"]


@full_float32()
def embed(extractor: Extractor, pixels: Pixels) -> Embedding:
    """Looks at (n, height, width, channels) in [0, 255]; other sizes and colours are fitted."""
    whole: list[np.ndarray] = []  # made once their sizes are known, and never copied
    for first in range(0, len(pixels), extractor.together):
        block = pixels[first : first + extractor.together]
        # Every block has one shape, so that the network is compiled once.
        padded = np.pad(block, ((0, extractor.together - len(block)), (0, 0), (0, 0), (0, 0)))
        images = fit(to_unit_range(jnp.asarray(padded)), extractor.resolution, extractor.channels)
        looked_at = [np.asarray(part, np.float64)[: len(block)] for part in extractor.embed(images)]
        whole = whole or [np.empty((len(pixels), *part.shape[1:])) for part in looked_at]
        for array, part in zip(whole, looked_at, strict=True):
            array[first : first + len(block)] = part
    features, probabilities = whole
    broken = int((~np.isfinite(features).all(axis=1)).sum())
    if broken:
        raise InputError(
            f"features {extractor.name!r}: expected finite values, found NaN or infinity in"
            f" those of {broken} of {len(pixels)} images"
        )
    return Embedding(features, probabilities)
