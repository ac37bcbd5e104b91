"""How much of what a generator draws are its training images.

Every number has its twin for real images that were held out: fakes should be no more exact and
no nearer copies of the training images than real images are of each other.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from minegan_jax.evaluation.distances import Nearest, kth_nearest_other, nearest
from minegan_jax.evaluation.rows import FakeFeatures, check_rows, check_width, in_canonical_order

TrainFeatures = Float[np.ndarray, "train features"]
HeldOutFeatures = Float[np.ndarray, "held_out features"]


class Memorisation(NamedTuple):
    """Shares are in [0, 1], distances Euclidean in the features' unit."""

    authentic: float  # AuthPct / 100: share of fakes that are no copies by Alaa et al.'s test
    held_out_authentic: float  # the same share of held-out images: what to expect without copying
    near_copies: float  # share of fakes within near_copy_distance of a training image
    held_out_near_copies: float  # the same share of held-out images
    near_copy_distance: float  # so close only the closest training images are to each other
    to_train: float  # mean distance of a fake to the nearest of equally many training ...
    to_held_out: float  # ... and held-out images
    gap: float  # in [-1, 1]: (to_held_out - to_train) / the larger; 1 = copies, 0 = none
    nearest_indices: Int[np.ndarray, " fake"]  # the training image nearest to each fake
    nearest_distances: Float[np.ndarray, " fake"]
    closest: Int[np.ndarray, "pairs 2"]  # (fake, training image), the closest pair first


def memorisation(
    train: TrainFeatures,
    held_out: HeldOutFeatures,
    fake: FakeFeatures,
    *,
    quantile: float = 0.01,
    num_closest: int = 16,
    seed: int = 0,
) -> Memorisation:
    """Compares the fakes' distances to the training images with what real images show.

    authentic: the share of fakes farther from their nearest training image than that image is
    from its nearest other training image: Alaa et al. 2022 (arXiv:2102.08921).
    near_copy_distance: the `quantile` of each training image's distance to its nearest other one.
    gap: both sets are cut to the size of the smaller by a seeded draw, since a larger set is
    nearer to everything. closest: each fake at most once, with its nearest training image.

    Raises InputError for fewer than 2 training images, no held-out image or no fake, ValueError
    for a quantile outside [0, 1].
    """
    train, held_out, fake = check_sets(train, held_out, fake)
    spacing = np.sqrt(kth_nearest_other(train, 1))
    threshold = near_copy_distance(train, quantile)
    of_fake, of_held_out = nearest(fake, train), nearest(held_out, train)
    to_train, to_held_out = _equal_size_distances(train, held_out, fake, seed)
    closest_fakes = np.argsort(of_fake.distances, kind="stable")[:num_closest]
    return Memorisation(
        authentic=_authentic(of_fake, spacing),
        held_out_authentic=_authentic(of_held_out, spacing),
        near_copies=float((of_fake.distances <= threshold).mean()),
        held_out_near_copies=float((of_held_out.distances <= threshold).mean()),
        near_copy_distance=threshold,
        to_train=to_train,
        to_held_out=to_held_out,
        gap=_relative_gap(to_train, to_held_out),
        nearest_indices=of_fake.indices,
        nearest_distances=of_fake.distances,
        closest=np.stack([closest_fakes, of_fake.indices[closest_fakes]], axis=1),
    )


def near_copy_distance(train: TrainFeatures, quantile: float = 0.01) -> float:
    """The `quantile` of each training image's distance to its nearest other one; needs two."""
    return float(np.quantile(np.sqrt(kth_nearest_other(train, 1)), quantile))


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
    train: np.ndarray, held_out: np.ndarray, fake: np.ndarray, seed: int
) -> tuple[float, float]:
    rng = np.random.default_rng(seed)
    count = min(len(train), len(held_out))
    means = []
    for rows in (train, held_out):
        drawn = in_canonical_order(rows)[rng.choice(len(rows), count, replace=False)]
        means.append(float(nearest(fake, drawn).distances.mean()))
    return means[0], means[1]


def _relative_gap(to_train: float, to_held_out: float) -> float:
    larger = max(to_train, to_held_out)
    # Both are 0 where the held-out images are the training images themselves: no gap.
    return (to_held_out - to_train) / larger if larger > 0 else 0.0


def exact_copies(
    train_pixels: UInt8[np.ndarray, "train height width channels"],
    fake_pixels: UInt8[np.ndarray, "fake height width channels"],
) -> int:
    """Number of fakes that equal some training image in every pixel; mirrored ones do not count."""
    expected, found = ((x.dtype, x.shape[1:]) for x in (train_pixels, fake_pixels))
    if expected != found:  # the bytes of other types or shapes would never match, silently
        raise ValueError(f"fake pixels: expected {expected}, found {found}")
    known = {image.tobytes() for image in train_pixels}
    return sum(image.tobytes() in known for image in fake_pixels)
