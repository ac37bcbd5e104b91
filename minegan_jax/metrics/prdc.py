"""Precision, recall, density and coverage, from balls around the rows."""

from typing import NamedTuple

import numpy as np

from minegan_jax.errors import InputError
from minegan_jax.metrics.checks import FakeFeatures, RealFeatures, check_pair
from minegan_jax.metrics.distances import distance_blocks, kth_nearest_other

TIE = 1e-9  # relative: squared distances that differ by less differ by rounding


class PRDC(NamedTuple):
    """Higher is better; all are shares in [0, 1] but density, which may exceed 1."""

    precision: float  # of fakes inside the ball of some real row
    recall: float  # of real rows inside the ball of some fake
    density: float  # mean number of real balls around a fake, over k
    coverage: float  # of real rows with a fake in their ball; with 10 real rows, tenths


def prdc(real: RealFeatures, fake: FakeFeatures, *, k: int = 5) -> PRDC:
    """Shares of rows inside the balls of the other set; a ball reaches its k-th nearest neighbour.

    Kynkaanniemi et al. 2019 (arXiv:1904.06991), eqs. 1 and 2, for precision and recall; Naeem et
    al. 2020 (arXiv:2002.09797) for density and coverage. A radius is the distance
    to the k-th nearest other row of the same set.

    Balls are closed (distance <= radius), as in the first paper's code; the second paper's uses
    "<". They differ where distances are equal: a real image that occurs k + 1 times has
    radius 0, and its exact copy should count as inside. Two equal sets thus have density
    (k + 1) / k, and the other three are 1.

    Raises InputError for k < 1 or for k rows or fewer in a set.
    """
    if k < 1:
        raise InputError(f"prdc k: expected at least 1, found {k}")
    real, fake = check_pair(real, fake, at_least=k + 1)
    real_radii, fake_radii = (kth_nearest_other(rows, k) * (1 + TIE) for rows in (real, fake))
    inside_some = 0  # fakes in a real ball
    around = 0  # pairs of a fake and a real ball around it
    recalled = np.zeros(len(real), dtype=bool)
    covered = np.zeros(len(real), dtype=bool)
    for rows, block in distance_blocks(fake, real):
        inside = block <= real_radii[None, :]
        inside_some += int(inside.any(axis=1).sum())
        around += int(inside.sum())
        covered |= inside.any(axis=0)
        recalled |= (block <= fake_radii[rows, None]).any(axis=0)
    return PRDC(
        precision=inside_some / len(fake),
        recall=float(recalled.mean()),
        density=around / (k * len(fake)),
        coverage=float(covered.mean()),
    )
