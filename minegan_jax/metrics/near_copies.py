"""Which generated images are near copies of a training image: by eye the same picture.

An image is a near copy of a real one if it is at most half as far from it as from the next real
images, which differ from each other as real images do. So a smooth, typical image, which is near to
many, copies none of them, and no distance has to be known beforehand. By such a ratio, to the mean
of the 50 nearest, Carlini et al. 2023 (arXiv:2301.13188) find what a generator has memorised, and
Lowe 2004 (Int. J. Comput. Vis. 60, section 7.1) tells true matches from chance ones. Distances are
those of thumbnails (`thumbnails`), the least over shifts by one of their pixels.
"""

from functools import reduce
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from minegan_jax.metrics.distances import squared_distances
from minegan_jax.metrics.shown import Shown, least_by_picture
from minegan_jax.metrics.thumbnails import Patterns, patterns, shifts, thumbnails
from minegan_jax.types import Pixels

RATIO = 0.5
NEXT = 5  # real images, after the nearest; the median of their distances counts
MOST_ASKED = 1000  # real images of each kind, drawn by lot: the rate needs no more
NO_PICTURE = -1
MAX_ENTRIES = 2**24  # of distances, 128 MiB
MAX_PIXELS = 2**21  # of images at a time, of which several copies in float64 are made


class NearCopies(NamedTuple):
    """Counts of images, and of how many."""

    near_copies: int  # generated images that are near copies of a training image
    of_held_out: int  # generated images that are near copies of a held-out one: by chance
    num_fake: int
    real: int  # real images that are near copies of another training image
    num_real: int  # held-out images, and training images, each asked against the others

    def shares(self) -> dict[str, float]:
        """The shares of images that are near copies of training images, and by chance."""
        return {
            "near_copies": self.near_copies / self.num_fake,
            "real_near_copies": self.real / self.num_real,
            "near_copies_of_held_out": self.of_held_out / self.num_fake,
        }


class Known(NamedTuple):
    """The real pictures, the training images' first, and what they show of each other."""

    rows: Patterns
    pictures: Int[np.ndarray, " rows"]
    num_train: int  # pictures
    real: int  # as in `NearCopies`
    num_real: int


def near_copies(train: Shown, held_out: Shown, fake: Pixels, *, seed: int = 0) -> NearCopies | None:
    """Counts near copies among generated and among real images.

    Held-out images and each picture of the training set, against the others, show how often a new
    real image passes for a near copy. A picture that occurs twice is asked once.

    Args:
      train: pixels of the training images.
      held_out: of real images that training did not see; there may be none.
      fake: of the generated images.
      seed: of which real images are asked, where there are more than 1,000 of a kind.

    Returns:
      The counts; None for fewer than 3 real pictures, which leave none to compare with.
    """
    known = known_pictures(train, held_out, seed=seed)
    return known and near_copies_of(known, fake)


def known_pictures(train: Shown, held_out: Shown, *, seed: int = 0) -> Known | None:
    """What `near_copies` makes of the real images, for several sets of generated ones."""
    num_train = len(train.first_rows)
    pictures = np.concatenate([train.pictures, held_out.pictures + num_train])
    if pictures.max(initial=NO_PICTURE) < 2:
        return None
    parts = [patterns(thumbnails(part.rows)) for part in (train, held_out) if len(part.rows)]
    reals = Known(np.concatenate(parts), pictures, num_train, 0, 0)
    rng = np.random.default_rng(seed)
    asked = [_asked(rng, part) for part in (train, held_out)]
    own = np.concatenate([train.pictures[asked[0]], held_out.pictures[asked[1]] + num_train])
    real = np.concatenate(
        [part.rows[rows] for part, rows in zip((train, held_out), asked, strict=True)]
    )
    count = _of_train(_copied(reals, real, own), reals)
    return reals._replace(real=count, num_real=len(real))


def near_copies_of(known: Known, fake: Pixels) -> NearCopies:
    """Counts near copies among generated images."""
    copied = _copied(known, fake, np.full(len(fake), NO_PICTURE))
    return NearCopies(
        near_copies=_of_train(copied, known),
        of_held_out=int((copied >= known.num_train).sum()),
        num_fake=len(fake),
        real=known.real,
        num_real=known.num_real,
    )


def _asked(rng: np.random.Generator, part: Shown) -> Int[np.ndarray, " asked"]:
    """Rows of pictures, each once."""
    first = part.first_rows
    return np.sort(rng.permutation(first)[:MOST_ASKED])


def _of_train(copied: Int[np.ndarray, " queries"], reals: Known) -> int:
    return int(((copied != NO_PICTURE) & (copied < reals.num_train)).sum())


def _copied(
    reals: Known, pixels: Pixels, own: Int[np.ndarray, " queries"]
) -> Int[np.ndarray, " queries"]:
    """The picture that each image is a near copy of, its own excepted; `NO_PICTURE` of none."""
    found, (height, width) = np.full(len(pixels), NO_PICTURE), pixels.shape[1:3]
    size = max(1, min(MAX_ENTRIES // len(reals.rows), MAX_PIXELS // (height * width)))
    for start in range(0, len(pixels), size):
        part = slice(start, start + size)
        small = thumbnails(pixels[part])
        moved = (squared_distances(patterns(way), reals.rows) for way in shifts(small))
        squared = least_by_picture(reduce(np.minimum, moved), reals.pictures)
        rows = np.flatnonzero(own[part] != NO_PICTURE)
        squared[rows, own[part][rows]] = np.inf
        found[part] = np.where(_stands_out(squared), squared.argmin(axis=1), NO_PICTURE)
    return found


def _stands_out(
    squared: Float[np.ndarray, "queries pictures"],
) -> Bool[np.ndarray, " queries"]:
    """Whether the least distance of each row is at most half the median of the next ones."""
    count = int(np.isfinite(squared).sum(axis=1).min())  # all but the own picture, if there is one
    last = min(NEXT, count - 1)
    nearby = np.sqrt(np.partition(squared, range(last + 1), axis=1)[:, : last + 1])
    return nearby[:, 0] <= RATIO * np.median(nearby[:, 1:], axis=1)
