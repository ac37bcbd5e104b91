"""Precision, recall, density and coverage, from balls around the rows."""

from typing import NamedTuple

import numpy as np

from minegan_jax.errors import InputError
from minegan_jax.metrics.checks import FakeFeatures, RealFeatures, check_count, check_pair
from minegan_jax.metrics.pairwise import FAKE, REAL, Block, feed

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
    real, fake = check_pair(real, fake, at_least=0)
    balls = Balls(len(real), len(fake), k=k)
    feed(real, fake, [balls])
    return balls.result()


class Balls:
    """Which rows lie inside which balls."""

    def __init__(self, num_real: int, num_fake: int, *, k: int):
        """Raises InputError as `prdc` does."""
        if k < 1:
            raise InputError(f"prdc k: expected at least 1, found {k}")
        check_count(num_real, name="real", at_least=k + 1)
        check_count(num_fake, name="fake", at_least=k + 1)
        self.k = k
        self.radii = np.empty(num_real), np.empty(num_fake)  # squared
        self.inside_some = 0  # fakes in a real ball
        self.around = 0  # pairs of a fake and a real ball around it
        self.recalled = np.zeros(num_real, dtype=bool)
        self.covered = np.zeros(num_real, dtype=bool)

    def add(self, block: Block) -> None:
        """Takes in some rows: radii from within a set, then what the balls hold of the other."""
        left, right, rows, squared = block
        if left == right:
            # The nearest of all is the row itself, at 0.
            kth = np.partition(squared, self.k, axis=1)[:, self.k]
            self.radii[left][rows] = kth * (1 + TIE)
            return
        inside = squared <= self.radii[REAL]
        self.inside_some += int(inside.any(axis=1).sum())
        self.around += int(inside.sum())
        self.covered |= inside.any(axis=0)
        self.recalled |= (squared <= self.radii[FAKE][rows, None]).any(axis=0)

    def result(self) -> PRDC:
        """The shares, once all blocks were added."""
        num_fake = len(self.radii[FAKE])
        return PRDC(
            precision=self.inside_some / num_fake,
            recall=float(self.recalled.mean()),
            density=self.around / (self.k * num_fake),
            coverage=float(self.covered.mean()),
        )
