"""Real images as training shows them, so that copies are found whichever way round they are.

A training image that occurs twice is one picture, and so is its mirror image where training mirrors
images. Otherwise an image's nearest neighbour is itself again, at distance 0, and next to that no
generated image is near to anything.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from minegan_jax.errors import InputError
from minegan_jax.metrics.distances import distance_blocks
from minegan_jax.metrics.thumbnails import patterns, thumbnails
from minegan_jax.types import Pixels

SAME = 0.99  # correlation of two files of one picture, at least; of JPEG's quality 75, say


class Shown(NamedTuple):
    """Images, or their features: the images themselves first, then their mirror images if shown."""

    rows: Any  # pixels or features; the leading axis is that of `pictures`
    pictures: Int[np.ndarray, " shown"]  # which picture a row shows: from 0, equal ones alike
    num_images: int  # the images themselves

    @property
    def images(self) -> np.ndarray:
        """The images themselves."""
        return self.rows[: self.num_images]

    @property
    def first_rows(self) -> Int[np.ndarray, " pictures"]:
        """The first row that shows each picture."""
        return np.unique(self.pictures, return_index=True)[1]


class Neighbours(NamedTuple):
    """Of each row those that are nearest among rows of other pictures."""

    rows: Int[np.ndarray, " shown"]  # the nearest
    pictures: Int[np.ndarray, " shown"]  # the picture that it shows
    distances: Float[np.ndarray, "shown 2"]  # to it and to the next; infinite without a next


def shown(pixels: Pixels, *, flip: bool) -> Shown:
    """Real images as training shows them; `flip` says whether it mirrors half of them.

    Images of one picture are equal or correlate by 0.99 as thumbnails: the same file twice, or
    saved again. What is mirrored from each other is one picture only with `flip`.
    """
    pictures = _pictures(pixels, flip=flip)
    if not flip:
        return Shown(pixels, pictures, len(pixels))
    both = np.concatenate([pixels, pixels[:, :, ::-1]])
    return Shown(both, np.concatenate([pictures, pictures]), len(pixels))


def _pictures(pixels: Pixels, *, flip: bool) -> Int[np.ndarray, " images"]:
    """Which picture each image is: that of the first image that it looks like."""
    if not len(pixels):
        return np.zeros(0, np.int64)
    small = thumbnails(pixels)
    ways = [small, small[:, :, ::-1]] if flip else [small]
    rows = [patterns(way) for way in ways]
    limit = 2 * (1 - SAME)  # of the squared distance
    alike = np.arange(len(pixels))
    for blocks in zip(*(distance_blocks(rows[0], other) for other in rows), strict=True):
        close = np.logical_or.reduce([block <= limit for _, block in blocks])
        alike[blocks[0][0]] = close.argmax(axis=1)
    pictures = np.arange(len(pixels))
    for index, first in enumerate(alike):  # `first` is never behind `index`, which is like itself
        pictures[index] = pictures[first]
    return np.unique(pictures, return_inverse=True)[1]


def neighbours(features: Shown) -> Neighbours:
    """The other pictures nearest to each row.

    Raises:
      InputError: all rows show one picture.
    """
    first = features.first_rows
    if len(first) < 2:
        raise InputError(
            f"training images: expected at least 2 that differ, found {len(first)} among"
            f" {features.num_images}"
        )
    rows, pictures = np.asarray(features.rows, np.float64), features.pictures
    nearest, distances = np.empty(len(rows), np.int64), np.full((len(rows), 2), np.inf)
    for part, block in distance_blocks(rows, rows):
        block[pictures[part, None] == pictures] = np.inf
        nearest[part] = block.argmin(axis=1)
        kept = min(2, len(first))
        columns = least_by_picture(block, pictures)
        distances[part, :kept] = np.sqrt(np.partition(columns, kept - 1, axis=1)[:, :kept])
    return Neighbours(nearest, pictures[nearest], distances)


def least_by_picture(
    block: Float[np.ndarray, "queries shown"], pictures: Int[np.ndarray, " shown"]
) -> Float[np.ndarray, "queries pictures"]:
    """Distances to rows as distances to pictures: the least of those to rows that show it."""
    order = np.argsort(pictures, kind="stable")
    if len(order) == pictures.max() + 1:  # each row another picture: much the usual case
        return block[:, order]
    starts = np.searchsorted(pictures[order], np.arange(pictures.max() + 1))
    return np.minimum.reduceat(block[:, order], starts, axis=1)
