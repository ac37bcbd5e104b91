"""Finds equal images: the same pixels, or the same picture stored again.

A copy with other JPEG settings or at another size has another digest but looks the same, so small
thumbnails are correlated. Measured with them: no two of 5,000 different digits correlate more than
0.993, nor two of 3,000 photographs more than 0.973, while a JPEG of quality 50, or a copy one
pixel larger or smaller, correlates at least 0.996 with what it was made from.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image

from minegan_jax.data.decode import readable_images
from minegan_jax.data.digests import Digests, image_digest
from minegan_jax.data.image_index import ImageIndex

SIDE = 16  # pixels of a thumbnail
SAME = 0.995  # correlation from which on two thumbnails show one picture
LEAST_CONTRAST = 1.0  # standard deviation in a thumbnail, of 255, below which all is noise
MAX_COMPARED = 20_000  # images up to which each is compared with each: about 10 s
BLOCK = 1024  # images that are compared with all others at a time


def repeated(
    listing: ImageIndex, indices: Int[np.ndarray, "chosen"], *, skip_unreadable: bool
) -> Bool[np.ndarray, "chosen"]:
    """Which images show the picture of an earlier one; unreadable ones repeat nothing.

    Of more than `MAX_COMPARED` images only those with equal pixels are found.
    """
    digests = np.zeros(len(indices), np.uint64)
    thumbnails = np.zeros((len(indices), 3 * SIDE**2), np.float32)
    readable = np.zeros(len(indices), bool)
    places = {int(index): place for place, index in enumerate(indices)}
    for index, image in readable_images(listing, indices, skip_unreadable=skip_unreadable):
        place = places[index]
        digests[place], readable[place] = image_digest(image), True
        if len(indices) <= MAX_COMPARED:
            thumbnails[place] = thumbnail(image)
    return readable & (_repeats_digest(digests) | _repeats_picture(thumbnails))


def thumbnail(image: Image.Image) -> Float[np.ndarray, "values"]:
    """A flattened image as 16x16x3 values of mean 0 and length 1; 0 where it is all of one grey."""
    small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    values = np.asarray(small, np.float32).ravel()
    values -= values.mean()
    length = np.linalg.norm(values)
    return values / length if values.std() >= LEAST_CONTRAST else np.zeros_like(values)


def _repeats_digest(digests: Digests) -> Bool[np.ndarray, "images"]:
    """Which digests occur earlier."""
    found = np.ones(len(digests), bool)
    found[np.unique(digests, return_index=True)[1]] = False
    return found


def _repeats_picture(thumbnails: Float[np.ndarray, "images values"]) -> Bool[np.ndarray, "images"]:
    """Which thumbnails are like an earlier one."""
    found = np.zeros(len(thumbnails), bool)
    for start in range(0, len(thumbnails), BLOCK):
        block = thumbnails[start : start + BLOCK]
        alike = block @ thumbnails[: start + len(block)].T >= SAME
        found[start : start + len(block)] = np.tril(alike, start - 1).any(axis=1)
    return found
