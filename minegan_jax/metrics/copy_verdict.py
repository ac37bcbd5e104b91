"""One word on a set of generated images: are they copies of the training images?

Every distance to the training images is best for exact copies of them, so no figure is read before
this word. Three rules on shares with 95 % intervals; the first that holds is the reason. In each,
training images count as training shows them, mirrored ones too where it mirrors, and one picture
that occurs several times is one picture (`shown`).

1. More than 1 % of the fakes, surely, have the very features of a training image, and more of them
   than of real images.
2. More than 2 % of the fakes, surely, are near copies of a training image: half as far from it by
   eye as from the next real images (`near_copies`). More, surely, than of real images: held-out
   ones, and each training image against the others. And more than chance explains: a generator of
   smooth, typical images draws as many near copies of held-out images, in proportion to how many
   there are.
3. Fakes are authentic (Alaa et al. 2022, arXiv:2102.08921) less than half as often as held-out
   images, surely, and on average at least a tenth nearer to training images than to equally many
   held-out ones.

Rule 2 sees what a person would: JPEG, noise, or a shift by a pixel or a thirty-second of the image
do not hide a copy from it. Rule 3 sees in the features what else there is, but only if most are
copies.
"""

from typing import NamedTuple

import numpy as np

from minegan_jax.metrics.checks import FakeFeatures
from minegan_jax.metrics.distances import Nearest, nearest
from minegan_jax.metrics.intervals import share_interval
from minegan_jax.metrics.memorisation import Memorisation
from minegan_jax.metrics.near_copies import NearCopies
from minegan_jax.metrics.shown import Neighbours, Shown, neighbours

COPIES, CLEAN, UNKNOWN = "copies", "no sign of copies", "cannot tell"
FEW_EQUAL = 0.01  # share of equal features that may be chance
FEW_NEAR = 0.02  # share of near copies that may be
MOST = 0.5
GAP = 0.1  # of mean distances


class Verdict(NamedTuple):
    """The word, and why."""

    verdict: str  # COPIES, CLEAN or UNKNOWN
    because: str


def judge(
    train: Shown,
    held_out: Shown,
    fake: FakeFeatures,
    remembered: Memorisation | None,
    near: NearCopies | None,
    *,
    others: Neighbours | None = None,
    of_held_out: Nearest | None = None,
) -> Verdict:
    """Applies the rules.

    Args:
      train: features of the training images.
      held_out: of real images that training did not see; there may be none.
      fake: of the generated images.
      remembered: the memorisation figures; None where they cannot be had.
      near: the counts of near copies; None where they cannot be had.
      others: the neighbours of the training images, where they are known.
      of_held_out: the training image nearest to each held-out one, where that is known.
    """
    found = (
        nearest(fake, train.rows).distances if remembered is None else remembered.nearest_distances
    )
    if held_out.num_images and of_held_out is None:
        of_held_out = nearest(held_out.images, train.rows)
    if len(train.first_rows) > 1 and others is None:
        others = neighbours(train)
    reasons = (
        _equal(found, _usually_equal(train, others, of_held_out)),
        _near(near, len(train.first_rows), len(held_out.first_rows)),
        _not_authentic(remembered, held_out.num_images, len(fake)),
    )
    for reason in filter(None, reasons):
        return Verdict(COPIES, reason)
    if remembered is None:
        return Verdict(UNKNOWN, "too few images were held out, or trained on, to compare with")
    return Verdict(CLEAN, "no nearer to the training images than held-out images are")


def judge_pixels(near: NearCopies | None, num_train: int, num_held_out: int) -> Verdict:
    """Applies rule 2 alone, which needs no features.

    Args:
      near: the counts of near copies; None where they cannot be had.
      num_train: training pictures.
      num_held_out: held-out pictures.
    """
    reason = _near(near, num_train, num_held_out)
    if reason:
        return Verdict(COPIES, reason)
    return Verdict(UNKNOWN, "few images are near copies by eye, but no network compared any")


def _equal(distances: np.ndarray, usual: float) -> str | None:
    """Rule 1; the fakes' distances to the nearest training image."""
    count = int((distances == 0.0).sum())
    if share_interval(count, len(distances)).low <= max(FEW_EQUAL, usual):
        return None
    return f"{count} of {len(distances)} images have the very features of a training image"


def _usually_equal(train: Shown, others: Neighbours | None, of_held_out: Nearest | None) -> float:
    """Share of real images with the features of a training image, another one if they are one."""
    shares = [0.0]
    if of_held_out is not None:
        shares.append(float((of_held_out.distances == 0.0).mean()))
    if others is not None:
        shares.append(float((others.distances[train.first_rows, 0] == 0.0).mean()))
    return max(shares)


def _near(near: NearCopies | None, num_train: int, num_held_out: int) -> str | None:
    """Rule 2; the counts are of pictures."""
    if near is None:
        return None
    usual = max(FEW_NEAR, share_interval(near.real, near.num_real).high)
    if num_held_out:
        by_chance = share_interval(near.of_held_out, near.num_fake).high
        usual = max(usual, min(MOST, by_chance * max(1.0, num_train / num_held_out)))
    if share_interval(near.near_copies, near.num_fake).low <= usual:
        return None
    return f"{near.near_copies} of {near.num_fake} images are near copies of a training image"


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
