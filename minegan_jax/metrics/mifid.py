"""The memorisation-informed Fréchet distance: the distance, divided where fakes copy."""

from typing import NamedTuple

import numpy as np

from minegan_jax.metrics.checks import FakeFeatures, RealFeatures, check_pair
from minegan_jax.metrics.distances import distance_blocks
from minegan_jax.metrics.frechet import frechet_distance

SMALLEST = 1e-14  # that a distance is divided by


class MemorisationInformed(NamedTuple):
    """Called MiFID only where the features are those of the 2015 Inception network."""

    value: float  # lower is better
    cosine_distance: float  # in [0, 2]: mean over the fakes, to the nearest training image


def memorisation_informed(
    train: RealFeatures, fake: FakeFeatures, *, threshold: float = 0.1
) -> MemorisationInformed:
    """Fréchet distance / d where d < threshold, else the Fréchet distance itself.

    Bai et al. 2021 (arXiv:2106.03062). d is the mean over the fakes of the least cosine distance
    1 - |cos| to a training image. The threshold is the authors' for Inception's features; features
    that are never negative are all near each other, and d often is below it without any copy.
    Copies of every training image have a Fréchet distance of 0, which no division makes worse: what
    `copy_verdict` says stands above this number.

    Raises InputError for fewer than 2 rows in a set, ValueError for broken features.
    """
    train, fake = check_pair(train, fake)
    # For unit vectors |x - y|^2 = 2 - 2 cos, and |x + y|^2, for the absolute value, the rest of 4.
    squared = [
        np.minimum(block, 4 - block).min(axis=1)
        for _, block in distance_blocks(_rays(fake), _rays(train))
    ]
    distance = float(np.concatenate(squared).mean() / 2)
    value = frechet_distance(train, fake)
    if distance < threshold:
        value /= max(distance, SMALLEST)
    return MemorisationInformed(value, distance)


def _rays(rows: np.ndarray) -> np.ndarray:
    """The rows at length 1; a row of zeros stays as it is."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1.0)
