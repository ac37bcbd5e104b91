"""Kernel MMD with a Gaussian kernel, with the two numbers that keep it honest.

The published, biased value depends on the number of images and rewards copying the real ones:
`kmmd_floor` says what a perfect generator would get, and the unbiased square has no floor.
"""

from typing import NamedTuple

import numpy as np

from minegan_jax.errors import InputError
from minegan_jax.metrics.checks import (
    FakeFeatures,
    RealFeatures,
    check_pair,
    check_rows,
    in_canonical_order,
)
from minegan_jax.metrics.distances import distance_blocks


class KMMD(NamedTuple):
    """Lower is better; a biased value well below `kmmd_floor` speaks of copies."""

    biased: float  # in [0, sqrt(2)]: the published statistic
    unbiased: float  # MMD^2, not its root: 0 on average for equal distributions; copies: below 0


class _KernelSums(NamedTuple):
    real: float  # over all pairs of real rows, own pairs included
    fake: float
    across: float


def kmmd(real: RealFeatures, fake: FakeFeatures, *, sigma: float = 1.0) -> KMMD:
    """sqrt(mean k(r, r') + mean k(f, f') - 2 mean k(r, f)), and its unbiased square.

    k(x, y) = exp(-|x - y|^2 / (2 s sigma^2)), where s is the mean of |r - r'|^2 over all pairs of
    real rows, a row with itself included. Gretton et al. 2012 (JMLR 13), eqs. 3 and 5, in the
    scaling of Xu et al. 2018 (arXiv:1806.07755).

    Raises InputError for fewer than 2 rows in a set, or real rows that are all equal.
    """
    real, fake = check_pair(real, fake)
    sums = _kernel_sums(real, fake, sigma)
    return KMMD(
        biased=_biased(sums, len(real), len(fake)),
        unbiased=_unbiased(sums, len(real), len(fake)),
    )


def kmmd_floor(
    real_count: int, fake: FakeFeatures, *, sigma: float = 1.0, num_splits: int = 5, seed: int = 0
) -> float:
    """The biased KMMD that samples of one distribution get: `real_count` fakes against the rest.

    Mean over `num_splits` random splits. The rest has `real_count` rows fewer than the fakes, so
    that the floor is a little high unless there are many more fakes than real images.

    Raises InputError for fewer than 2 real rows, or fewer than 2 fakes more than real rows.
    """
    if real_count < 2 or num_splits < 1:
        raise InputError(
            "kmmd_floor: expected at least 2 real rows and 1 split, "
            f"found {real_count} and {num_splits}"
        )
    fake = in_canonical_order(check_rows(fake, name="fake", at_least=real_count + 2))
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(num_splits):
        order = rng.permutation(len(fake))
        stand_in, rest = fake[order[:real_count]], fake[order[real_count:]]
        sums = _kernel_sums(stand_in, rest, sigma, name="fake")
        values.append(_biased(sums, real_count, len(rest)))
    return float(np.mean(values))


def _kernel_sums(
    real: np.ndarray, fake: np.ndarray, sigma: float, *, name: str = "real"
) -> _KernelSums:
    scale = sum(block.sum() for _, block in distance_blocks(real, real)) / len(real) ** 2
    width = 2 * scale * sigma**2
    if not width > 0:
        raise InputError(
            f"kmmd: expected {name} rows that differ and a positive sigma, "
            f"found a mean squared distance of {scale} and sigma {sigma}"
        )
    return _KernelSums(*(_sum(*pair, width) for pair in ((real, real), (fake, fake), (real, fake))))


def _sum(left: np.ndarray, right: np.ndarray, width: float) -> float:
    return float(sum(np.exp(-block / width).sum() for _, block in distance_blocks(left, right)))


def _biased(sums: _KernelSums, n: int, m: int) -> float:
    squared = sums.real / n**2 + sums.fake / m**2 - 2 * sums.across / (n * m)
    return float(np.sqrt(max(0.0, squared)))  # rounding may leave equal sets below zero


def _unbiased(sums: _KernelSums, n: int, m: int) -> float:
    # A row's kernel with itself is 1: leaving it out removes the bias.
    real = (sums.real - n) / (n * (n - 1))
    fake = (sums.fake - m) / (m * (m - 1))
    return real + fake - 2 * sums.across / (n * m)
