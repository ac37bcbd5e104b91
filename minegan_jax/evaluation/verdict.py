"""One word on a set of generated images: are they copies of the training images?

Every distance to the training images is best for exact copies of them, so no figure is read before
this word. Three rules, each on shares with 95 % intervals; the first that holds is the reason.

1. More than 1 % of the fakes, surely, have the very features of a training image, and more of them
   than of held-out images.
2. More of the fakes than of held-out images, surely, are near copies: as near to a training image
   as only the closest training images are to each other. A generator of smooth, typical images
   draws nearer to all real ones, so a near copy must also be half as far from the training image as
   from any held-out one, and the share must exceed that of near copies of held-out images, in
   proportion to the sizes of the two sets. Where nothing was held out, most must be near copies.
3. Fakes are authentic (Alaa et al. 2022) less than half as often as held-out images, surely, and on
   average at least a tenth nearer to training images than to equally many held-out ones.
"""

from typing import NamedTuple

import numpy as np

from minegan_jax.evaluation.bootstrap import share_interval
from minegan_jax.evaluation.distances import nearest
from minegan_jax.evaluation.memorisation import (
    HeldOutFeatures,
    Memorisation,
    TrainFeatures,
    near_copy_distance,
)
from minegan_jax.evaluation.rows import FakeFeatures

COPIES, CLEAN, UNKNOWN = "copies", "no sign of copies", "cannot tell"
FEW = 0.01  # share of equal features that may be chance
MOST = 0.5
GAP = 0.1  # of mean distances


class Verdict(NamedTuple):
    """The word, and why."""

    verdict: str  # COPIES, CLEAN or UNKNOWN
    because: str


def judge(
    train: TrainFeatures,
    held_out: HeldOutFeatures,
    fake: FakeFeatures,
    remembered: Memorisation | None,
) -> Verdict:
    """Applies the rules.

    Args:
      train: features of the training images.
      held_out: of real images that training did not see; there may be none.
      fake: of the generated images.
      remembered: the memorisation figures; None where they cannot be had.
    """
    reasons = (
        _equal(train, held_out, fake),
        _near(train, held_out, fake),
        _not_authentic(remembered, len(held_out), len(fake)),
    )
    for reason in filter(None, reasons):
        return Verdict(COPIES, reason)
    if remembered is None:
        return Verdict(UNKNOWN, "too few images were held out, or trained on, to compare with")
    return Verdict(CLEAN, "no nearer to the training images than held-out images are")


def _equal(train: np.ndarray, held_out: np.ndarray, fake: np.ndarray) -> str | None:
    """Rule 1."""
    count, others = (_within(0.0, rows, train) for rows in (fake, held_out))
    usual = others / len(held_out) if len(held_out) else 0.0
    if share_interval(count, len(fake)).low <= max(FEW, usual):
        return None
    return f"{count} of {len(fake)} images have the very features of a training image"


def _near(train: np.ndarray, held_out: np.ndarray, fake: np.ndarray) -> str | None:
    """Rule 2."""
    if len(train) < 2:
        return None
    distance = near_copy_distance(train)
    of_train, of_held_out = _distances(fake, train), _distances(fake, held_out)
    count = int(((of_train <= distance) & (of_train <= of_held_out / 2)).sum())
    usual = MOST
    if len(held_out):
        expected = share_interval(_within(distance, held_out, train), len(held_out)).high
        others = int(((of_held_out <= distance) & (of_held_out <= of_train / 2)).sum())
        by_size = share_interval(others, len(fake)).high * max(1.0, len(train) / len(held_out))
        usual = max(expected, min(MOST, by_size))
    if share_interval(count, len(fake)).low <= usual:
        return None
    return f"{count} of {len(fake)} images are near copies of a training image"


def _not_authentic(remembered: Memorisation | None, num_held_out: int, num_fake: int) -> str | None:
    """Rule 3."""
    if remembered is None:
        return None
    ours, usual = (
        share_interval(round(share * count), count)
        for share, count in (
            (remembered.authentic, num_fake),
            (remembered.held_out_authentic, num_held_out),
        )
    )
    if ours.high >= usual.low / 2 or remembered.gap < GAP:
        return None
    return (
        f"{100 * remembered.authentic:.1f} % of the images are authentic,"
        f" {100 * remembered.held_out_authentic:.1f} % of held-out ones"
    )


def _within(distance: float, rows: np.ndarray, references: np.ndarray) -> int:
    """Number of rows so near to a reference."""
    return int((_distances(rows, references) <= distance).sum())


def _distances(rows: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Distance of each row to the nearest reference; infinite where there is none."""
    if not len(rows) or not len(references):
        return np.full(len(rows), np.inf)
    return nearest(rows, references).distances
