"""Kernel Inception Distance: an unbiased squared MMD with a cubic kernel."""

from typing import NamedTuple

import numpy as np

from minegan_jax.errors import InputError
from minegan_jax.metrics.checks import FakeFeatures, RealFeatures, check_pair, in_canonical_order

MAX_SUBSET_SIZE = 1000


class KID(NamedTuple):
    """The mean over the subsets, and how far that mean is settled."""

    value: float  # 0 on average for equal distributions; may be negative
    standard_error: float  # of drawing subsets; 0 where every subset is the whole of both sets


def kid(
    real: RealFeatures,
    fake: FakeFeatures,
    *,
    num_subsets: int = 100,
    subset_size: int | None = None,
    seed: int = 0,
) -> KID:
    """Mean unbiased MMD^2 with k(x, y) = (x.y / width + 1)^3 over random subsets.

    Binkowski et al. 2018 (arXiv:1801.01401). Rows are drawn without replacement,
    `subset_size` of each set: by default min(real, fake, 1000). The standard error measures the
    draw of the subsets, not that of the images: subsets overlap, so it is too small for the latter.

    Raises InputError for fewer than 2 rows in a set or a subset that does not fit into one.
    """
    real, fake = check_pair(real, fake)
    fewest = min(len(real), len(fake))
    size = min(fewest, MAX_SUBSET_SIZE) if subset_size is None else subset_size
    if not 2 <= size <= fewest:
        raise InputError(f"kid subset_size: expected 2 to {fewest} rows, found {size}")
    if num_subsets < 2:
        raise InputError(f"kid num_subsets: expected at least 2, found {num_subsets}")
    real, fake = in_canonical_order(real), in_canonical_order(fake)
    rng = np.random.default_rng(seed)
    values = [
        _unbiased_mmd2(_draw(rng, real, size), _draw(rng, fake, size)) for _ in range(num_subsets)
    ]
    return KID(float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(num_subsets)))


def _draw(rng: np.random.Generator, rows: np.ndarray, size: int) -> np.ndarray:
    return rows[rng.choice(len(rows), size, replace=False)]


def _unbiased_mmd2(real: np.ndarray, fake: np.ndarray) -> float:
    across = _cubic_kernel(real, fake).mean()
    return float(_mean_of_others(real) + _mean_of_others(fake) - 2 * across)


def _mean_of_others(rows: np.ndarray) -> float:
    """Mean kernel value over pairs of different rows."""
    kernel = _cubic_kernel(rows, rows)
    return (kernel.sum() - np.trace(kernel)) / (len(rows) * (len(rows) - 1))


def _cubic_kernel(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    kernel = left @ right.T / left.shape[1] + 1
    return kernel * kernel * kernel  # far quicker than numpy's power
