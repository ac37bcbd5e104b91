"""Images to features: the one place where evaluation meets a network."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from minegan_jax.features.extractor import Extractor
from minegan_jax.methods.views import recolour
from minegan_jax.types import Features, Images, Pixels, to_unit_range


class Embedding(NamedTuple):
    """What an extractor says of images."""

    features: Features
    probabilities: Float[np.ndarray, "batch classes"]


def embed(extractor: Extractor, pixels: Pixels) -> Embedding:
    """Looks at (n, height, width, channels) in [0, 255]; other sizes and colours are fitted."""
    parts = []
    for first in range(0, len(pixels), extractor.together):
        block = pixels[first : first + extractor.together]
        # Every block has one shape, so that the network is compiled once.
        padded = np.pad(block, ((0, extractor.together - len(block)), (0, 0), (0, 0), (0, 0)))
        looked_at = extractor.embed(_fit(extractor, to_unit_range(jnp.asarray(padded))))
        parts.append([np.asarray(part, np.float64)[: len(block)] for part in looked_at])
    features, probabilities = zip(*parts, strict=True)
    return Embedding(np.concatenate(features), np.concatenate(probabilities))


def _fit(extractor: Extractor, images: Images) -> Float[jax.Array, "batch rows columns colours"]:
    """Turns colour into grey or back and resizes (antialiased bilinear), as the extractor asks."""
    images = recolour(images, extractor.channels)
    if extractor.resolution is None:
        return images
    size = (extractor.resolution, extractor.resolution)
    if images.shape[1:3] != size:
        shape = (len(images), *size, extractor.channels)
        images = jax.image.resize(images, shape, "linear", antialias=True)
    return images
