"""Kernel Inception Distance: an unbiased squared MMD with a cubic kernel."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from minegan_jax.errors import InputError
from minegan_jax.metrics.checks import FakeFeatures, RealFeatures, check_pair, in_canonical_order
from minegan_jax.metrics.pairwise import FAKE, REAL, Block, Draw, feed, restrict

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
    real, fake = (in_canonical_order(rows) for rows in check_pair(real, fake))
    sums = CubicKernelSums(
        squared_norms(real),
        squared_norms(fake),
        width=real.shape[1],
        num_subsets=num_subsets,
        subset_size=subset_size,
        seed=seed,
    )
    feed(real, fake, [sums])
    return sums.result()


def squared_norms(rows: Float[np.ndarray, "rows features"]) -> Float[np.ndarray, " rows"]:
    """|x|^2 of each row."""
    return np.einsum("ij,ij->i", rows, rows)


class CubicKernelSums:
    """Sums of the kernel over pairs of each subset's rows, a row and itself excepted.

    The kernel is made of distances: x.y = (|x|^2 + |y|^2 - |x - y|^2) / 2.
    """

    def __init__(
        self,
        real_norms: Float[np.ndarray, " real"],
        fake_norms: Float[np.ndarray, " fake"],
        *,
        width: int,
        num_subsets: int,
        subset_size: int | None = None,
        seed: int,
    ):
        """Draws the subsets; the rows are in canonical order, their norms squared.

        Raises InputError as `kid` does.
        """
        counts = len(real_norms), len(fake_norms)
        fewest = min(counts)
        self.size = min(fewest, MAX_SUBSET_SIZE) if subset_size is None else subset_size
        if not 2 <= self.size <= fewest:
            raise InputError(f"kid subset_size: expected 2 to {fewest} rows, found {self.size}")
        if num_subsets < 2:
            raise InputError(f"kid num_subsets: expected at least 2, found {num_subsets}")
        rng = np.random.default_rng(seed)
        members = [np.zeros((count, num_subsets)) for count in counts]
        for subset in range(num_subsets):
            for part in members:
                part[rng.choice(len(part), self.size, replace=False), subset] = 1.0
        # Few subsets of large sets leave most rows out.
        self.used = Draw(*(np.flatnonzero(part.any(axis=1)) for part in members))
        self.members = [part[rows] for part, rows in zip(members, self.used, strict=True)]
        self.norms = real_norms[self.used.real], fake_norms[self.used.fake]
        self.width = width
        self.sums = np.zeros((2, 2, num_subsets))

    def add(self, block: Block) -> None:
        """Takes in some rows."""
        left, right, rows, squared = restrict(block, self.used)
        kernel = self.norms[left][rows, None] + self.norms[right]
        kernel -= squared
        kernel /= 2 * self.width
        kernel += 1
        kernel *= kernel * kernel  # far quicker than numpy's power
        if left == right:
            own = np.arange(len(kernel))
            kernel[own, own + rows.start] = 0.0
        of_rows = kernel @ self.members[right]
        self.sums[left, right] += (self.members[left][rows] * of_rows).sum(axis=0)

    def result(self) -> KID:
        """The statistic, once all blocks were added."""
        others = (self.sums[REAL, REAL] + self.sums[FAKE, FAKE]) / (self.size * (self.size - 1))
        values = others - 2 * self.sums[FAKE, REAL] / self.size**2
        error = np.std(values, ddof=1) / np.sqrt(len(values))
        return KID(float(np.mean(values)), float(error))
