"""Squared distances of two sets, made once and handed in blocks to all statistics made of them.

Kernels and neighbours need nothing else. A subset's distances are some rows and columns of the
whole's, so that statistics of many subsets cost no further matrix product. No matrix is ever held:
memory is that of a few blocks.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from minegan_jax.metrics.checks import FakeFeatures, RealFeatures
from minegan_jax.metrics.distances import distance_blocks

REAL, FAKE = 0, 1


class Block(NamedTuple):
    """Some rows of one of three matrices, with all columns; not to be written to."""

    left: int  # REAL or FAKE: the set of the rows
    right: int  # of the columns
    rows: slice
    squared: Float[np.ndarray, "rows columns"]  # distances; a row's to itself is exactly 0


@runtime_checkable
class Statistic(Protocol):
    """Sums up blocks: first all of (REAL, REAL), then of (FAKE, FAKE), then of (FAKE, REAL)."""

    def add(self, block: Block) -> None:
        """Takes in some rows."""

    def result(self) -> Sequence[float]:
        """Its values, once all blocks were added."""


class Draw(NamedTuple):
    """Which rows of both sets a subset has, in ascending order."""

    real: Int[np.ndarray, " real"]
    fake: Int[np.ndarray, " fake"]


def feed(
    real: RealFeatures,
    fake: FakeFeatures,
    whole: Sequence[Statistic],
    parts: Sequence[tuple[Draw, Sequence[Statistic]]] = (),
) -> None:
    """Hands all distances to the statistics of the whole sets, and their shares to the draws'."""
    sets = real, fake
    for left, right in ((REAL, REAL), (FAKE, FAKE), (FAKE, REAL)):
        for rows, squared in distance_blocks(sets[left], sets[right]):
            block = Block(left, right, rows, squared)
            for statistic in whole:
                statistic.add(block)
            for draw, statistics in parts:
                share = restrict(block, draw)
                for statistic in statistics:
                    statistic.add(share)


def restrict(block: Block, draw: Draw) -> Block:
    """What a draw has of a block; its rows and columns are counted in the draw."""
    left = draw[block.left]
    first, last = np.searchsorted(left, (block.rows.start, block.rows.stop)).tolist()
    rows = left[first:last] - block.rows.start
    squared = block.squared.take(rows, axis=0).take(draw[block.right], axis=1)
    return block._replace(rows=slice(first, last), squared=squared)
