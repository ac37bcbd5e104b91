"""Kernel MMD with a Gaussian kernel, with the two numbers that keep it honest.

The published, biased value depends on the number of images and rewards copying the real ones:
`kmmd_floor` says what a perfect generator would get, and the unbiased square has no floor.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from minegan_jax.errors import InputError
from minegan_jax.metrics.checks import (
    FakeFeatures,
    RealFeatures,
    check_count,
    check_pair,
    check_rows,
    in_canonical_order,
)
from minegan_jax.metrics.distances import distance_blocks
from minegan_jax.metrics.pairwise import FAKE, REAL, Block, feed


class KMMD(NamedTuple):
    """Lower is better; a biased value well below `kmmd_floor` speaks of copies."""

    biased: float  # in [0, sqrt(2)]: the published statistic
    unbiased: float  # MMD^2, not its root: 0 on average for equal distributions; copies: below 0


def kmmd(real: RealFeatures, fake: FakeFeatures, *, sigma: float = 1.0) -> KMMD:
    """sqrt(mean k(r, r') + mean k(f, f') - 2 mean k(r, f)), and its unbiased square.

    k(x, y) = exp(-|x - y|^2 / (2 s sigma^2)), where s is the mean of |r - r'|^2 over all pairs of
    real rows, a row with itself included. Gretton et al. 2012 (JMLR 13), eqs. 3 and 5, in the
    scaling of Xu et al. 2018 (arXiv:1806.07755).

    Raises InputError for fewer than 2 rows in a set, or real rows that are all equal.
    """
    real, fake = check_pair(real, fake)
    sums = GaussianKernelSums(real, len(fake), sigma=sigma)
    feed(real, fake, [sums])
    return sums.result()


def kmmd_floor(
    real_count: int, fake: FakeFeatures, *, sigma: float = 1.0, num_splits: int = 5, seed: int = 0
) -> float:
    """The biased KMMD that samples of one distribution get: `real_count` fakes against the rest.

    Mean over `num_splits` random splits. The rest has `real_count` rows fewer than the fakes, so
    that the floor is a little high unless there are many more fakes than real images.

    Raises InputError for fewer than 2 real rows, or fewer than 2 fakes more than real rows.
    """
    fake = in_canonical_order(check_rows(fake, name="fake", at_least=0))
    sums = SplitKernelSums(real_count, fake, sigma=sigma, num_splits=num_splits, seed=seed)
    for rows, squared in distance_blocks(fake, fake):
        sums.add(Block(FAKE, FAKE, rows, squared))
    return sums.result()[0]


class GaussianKernelSums:
    """Sums of the kernel over all pairs, a row and itself included."""

    def __init__(self, real: RealFeatures, num_fake: int, *, sigma: float = 1.0):
        """Takes the kernel's width from the real rows; raises InputError as `kmmd` does."""
        check_count(len(real), name="real", at_least=2)
        check_count(num_fake, name="fake", at_least=2)
        self.width = _width(real, sigma, "real")
        self.counts = len(real), num_fake
        self.sums = np.zeros((2, 2))

    def add(self, block: Block) -> None:
        """Takes in some rows."""
        kernel = block.squared / -self.width
        self.sums[block.left, block.right] += np.exp(kernel, out=kernel).sum()

    def result(self) -> KMMD:
        """The statistics, once all blocks were added."""
        return KMMD(_biased(self.sums, *self.counts), _unbiased(self.sums, *self.counts))


class SplitKernelSums:
    """The same sums where some fakes, drawn by lot, stand in for the real rows."""

    def __init__(
        self, real_count: int, fake: FakeFeatures, *, sigma: float = 1.0, num_splits: int, seed: int
    ):
        """Draws the splits; the fakes are in canonical order. Raises as `kmmd_floor` does."""
        if real_count < 2 or num_splits < 1:
            raise InputError(
                "kmmd_floor: expected at least 2 real rows and 1 split, "
                f"found {real_count} and {num_splits}"
            )
        check_count(len(fake), name="fake", at_least=real_count + 2)
        rng = np.random.default_rng(seed)
        # Of each split: 1 in the first row for who stands in, and in the second for the rest.
        self.sides = np.zeros((num_splits, 2, len(fake)))
        self.widths = []
        for sides in self.sides:
            order = rng.permutation(len(fake))
            sides[REAL, order[:real_count]] = sides[FAKE, order[real_count:]] = 1.0
            self.widths.append(_width(fake[order[:real_count]], sigma, "fake"))
        self.counts = real_count, len(fake) - real_count
        self.sums = np.zeros((num_splits, 2, 2))

    def add(self, block: Block) -> None:
        """Takes in some rows."""
        if block.left == block.right == FAKE:
            for sums, sides, width in zip(self.sums, self.sides, self.widths, strict=True):
                kernel = block.squared / -width
                sums += sides[:, block.rows] @ (np.exp(kernel, out=kernel) @ sides.T)

    def result(self) -> tuple[float]:
        """The floor alone, once all blocks were added."""
        return (float(np.mean([_biased(sums, *self.counts) for sums in self.sums])),)


def _width(rows: np.ndarray, sigma: float, name: str) -> float:
    # Over all pairs, |x - y|^2 is on average twice the variance; that of equal rows is exactly 0.
    scale = 2 * float((rows - rows[0]).var(axis=0).sum())
    width = 2 * scale * sigma**2
    if not width > 0:
        raise InputError(
            f"kmmd: expected {name} rows that differ and a positive sigma, "
            f"found a mean squared distance of {scale} and sigma {sigma}"
        )
    return width


def _biased(sums: Float[np.ndarray, "2 2"], n: int, m: int) -> float:
    squared = sums[REAL, REAL] / n**2 + sums[FAKE, FAKE] / m**2 - 2 * sums[FAKE, REAL] / (n * m)
    return float(np.sqrt(max(0.0, squared)))  # rounding may leave equal sets below zero


def _unbiased(sums: Float[np.ndarray, "2 2"], n: int, m: int) -> float:
    # A row's kernel with itself is 1: leaving it out removes the bias.
    real = (sums[REAL, REAL] - n) / (n * (n - 1))
    fake = (sums[FAKE, FAKE] - m) / (m * (m - 1))
    return float(real + fake - 2 * sums[FAKE, REAL] / (n * m))
