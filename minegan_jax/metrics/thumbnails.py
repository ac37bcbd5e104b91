"""Images as small grey pictures, whose correlation says how alike two are to look at.

The distance of two is |x - y| = sqrt(2 (1 - r)), where r is their correlation (zero-mean normalised
cross-correlation): brightness and contrast do not count, and what JPEG, noise or a change of size
do to an image hardly does. 0 is the same picture, 1.41 an unrelated one, 2 its negative.
"""

import numpy as np
from jaxtyping import Float

from minegan_jax.types import Pixels

SIDE = 32  # pixels, at most
CONTRAST = 2.0  # of 255: the deviation below which an image counts as more and more flat

Thumbnails = Float[np.ndarray, "images rows columns"]
Patterns = Float[np.ndarray, "images pixels"]  # of mean 0 and length 1; a flat image's is shorter


def thumbnails(pixels: Pixels) -> Thumbnails:
    """The images in grey, in [0, 255], each pixel the mean of as many as bring them to 32 x 32."""
    grey = pixels.mean(axis=3, dtype=np.float64)
    factor = -(-max(grey.shape[1:]) // SIDE)
    height, width = (size // factor for size in grey.shape[1:])
    # What no whole number of pixels covers is cut off, as much at each end as goes.
    top, left = ((size % factor) // 2 for size in grey.shape[1:])
    whole = grey[:, top : top + height * factor, left : left + width * factor]
    return whole.reshape(len(grey), height, factor, width, factor).mean(axis=(2, 4))


def patterns(images: Thumbnails) -> Patterns:
    """What distances are taken between."""
    rows = images.reshape(len(images), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    least = CONTRAST * np.sqrt(rows.shape[1])
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), least)


def shifts(images: Thumbnails) -> list[Thumbnails]:
    """The images as they are and moved by one pixel, each of 8 ways; borders are repeated."""
    height, width = images.shape[1:]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    return [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
