"""How much nearer to the training images than to other real ones a generator draws, in features.

Every number has its twin for real images that were held out: fakes should be no nearer to the
training images than real images are. Which fakes are copies by eye, `near_copies` says.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from minegan_jax.metrics.checks import FakeFeatures, canonical_order, check_rows, check_width
from minegan_jax.metrics.distances import Nearest, nearest
from minegan_jax.metrics.shown import Neighbours, Shown, neighbours

TrainFeatures = Float[np.ndarray, "train features"]
HeldOutFeatures = Float[np.ndarray, "held_out features"]


class Memorisation(NamedTuple):
    """Shares are in [0, 1], distances Euclidean in the features' unit."""

    authentic: float  # AuthPct / 100: share of fakes that are no copies by Alaa et al.'s test
    held_out_authentic: float  # the same share of held-out images: what to expect without copying
    to_train: float  # mean distance of a fake to the nearest of equally many training ...
    to_held_out: float  # ... and held-out pictures
    gap: float  # in [-1, 1]: (to_held_out - to_train) / the larger; 1 = copies, 0 = none
    nearest_rows: Int[np.ndarray, " fake"]  # the row of the training images nearest to each fake
    nearest_distances: Float[np.ndarray, " fake"]
    closest: Int[np.ndarray, "pairs 2"]  # (fake, row of the training images), the closest first


def memorisation(
    train: Shown,
    held_out: Shown,
    fake: FakeFeatures,
    *,
    num_closest: int = 16,
    seed: int = 0,
    others: Neighbours | None = None,
    of_held_out: Nearest | None = None,
) -> Memorisation:
    """Compares the fakes' distances to the training images with what real images show.

    authentic: the share of fakes farther from their nearest training image than that image is
    from the nearest other picture: Alaa et al. 2022 (arXiv:2102.08921).
    gap: both sets are cut to as many pictures as the smaller has by a seeded draw, since a larger
    set is nearer to everything. closest: each fake at most once, with its nearest training image.

    Args:
      train: features of the training images, mirrored ones too where training mirrors.
      held_out: of real images that training did not see, shown in the same ways.
      fake: of generated images.
      num_closest: pairs to name.
      seed: of the draw.
      others: the neighbours of the training images, where they are known.
      of_held_out: the training image nearest to each held-out one, where that is known.

    Raises:
      InputError: fewer than 2 training images that differ, no held-out image or no fake.
      ValueError: broken features.
    """
    rows, held_out_rows, fake = check_sets(train.rows, held_out.rows, fake)
    train, held_out = train._replace(rows=rows), held_out._replace(rows=held_out_rows)
    spacing = (others or neighbours(train)).distances[:, 0]
    of_held_out = of_held_out or nearest(held_out.images, rows)
    of_fake = nearest(fake, rows)
    to_train, to_held_out = _equal_size_distances(train, held_out, fake, seed)
    closest_fakes = np.argsort(of_fake.distances, kind="stable")[:num_closest]
    return Memorisation(
        authentic=_authentic(of_fake, spacing),
        held_out_authentic=_authentic(of_held_out, spacing),
        to_train=to_train,
        to_held_out=to_held_out,
        gap=_relative_gap(to_train, to_held_out),
        nearest_rows=of_fake.indices,
        nearest_distances=of_fake.distances,
        closest=np.stack([closest_fakes, of_fake.indices[closest_fakes]], axis=1),
    )


def check_sets(
    train: np.ndarray, held_out: np.ndarray, fake: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The three sets in float64, of one width; at least 2 training rows and 1 of the others."""
    train = check_rows(train, name="training", at_least=2)
    held_out = check_rows(held_out, name="held-out", at_least=1)
    fake = check_rows(fake, name="fake", at_least=1)
    check_width(held_out, name="held-out", width=train.shape[1])
    check_width(fake, name="fake", width=train.shape[1])
    return train, held_out, fake


def _authentic(queries: Nearest, spacing: np.ndarray) -> float:
    return float((queries.distances > spacing[queries.indices]).mean())


def _equal_size_distances(
    train: Shown, held_out: Shown, fake: np.ndarray, seed: int
) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    count = min(len(train.first_rows), len(held_out.first_rows))
    means = []
    for part in (train, held_out):
        pictures = _in_canonical_order(part)
        drawn = pictures[rng.choice(len(pictures), count, replace=False)]
        rows = part.rows[np.isin(part.pictures, drawn)]
        means.append(float(nearest(fake, rows).distances.mean()))
    return means[0], means[1]


def _in_canonical_order(part: Shown) -> Int[np.ndarray, " pictures"]:
    """The pictures' numbers in an order that depends on what they show alone."""
    first = part.first_rows
    return part.pictures[first[canonical_order(part.rows[first])]]


def _relative_gap(to_train: float, to_held_out: float) -> float:
    larger = max(to_train, to_held_out)
    # Both are 0 where the held-out images are the training images themselves: no gap.
    return (to_held_out - to_train) / larger if larger > 0 else 0.0


def exact_copies(
    train_pixels: UInt8[np.ndarray, "train height width channels"],
    fake_pixels: UInt8[np.ndarray, "fake height width channels"],
) -> int:
    """Number of fakes that equal a training image in every pixel; mirrored ones count if given."""
    expected, found = ((x.dtype, x.shape[1:]) for x in (train_pixels, fake_pixels))
    if expected != found:  # the bytes of other types or shapes would never match, silently
        raise ValueError(f"fake pixels: expected {expected}, found {found}")
    known = {image.tobytes() for image in train_pixels}
    return sum(image.tobytes() in known for image in fake_pixels)
