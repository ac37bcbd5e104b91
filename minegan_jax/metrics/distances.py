"""Squared Euclidean distances between rows of features, in float64 and blockwise."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

MAX_BLOCK_ENTRIES = 2**20  # 8 MiB of float64, which caches hold
MAX_PAIRS = 2**12  # whose difference is taken at once
CANCELLATION = 1e-4  # share of |x|^2 + |y|^2 below which their difference has lost digits

Left = Float[np.ndarray, "left features"]
Right = Float[np.ndarray, "right features"]


class Nearest(NamedTuple):
    """The nearest reference row of each query row."""

    indices: Int[np.ndarray, " queries"]
    distances: Float[np.ndarray, " queries"]  # Euclidean, not squared


def squared_distances(left: Left, right: Right) -> Float[np.ndarray, "left right"]:
    """|x - y|^2 of every pair of rows: never negative, and exactly 0 for equal rows."""
    return np.concatenate([block for _, block in distance_blocks(left, right)])


def distance_blocks(left: Left, right: Right) -> Iterator[tuple[slice, np.ndarray]]:
    """The rows of `squared_distances` in blocks of bounded memory: (which rows, their distances).

    |x|^2 + |y|^2 - 2 x.y costs one matrix product, but cancels for close pairs.
    """
    # A common offset would make every pair look close; distances do not feel a translation.
    centre = right.mean(axis=0, dtype=np.float64)
    is_one_set = left is right
    right = right - centre
    left = right if is_one_set else left - centre  # of itself, half the product is enough for BLAS
    right_norms = np.square(right).sum(axis=1)
    size = max(1, MAX_BLOCK_ENTRIES // len(right))
    for start in range(0, len(left), size):
        rows = slice(start, min(start + size, len(left)))
        yield rows, _block(left[rows], right, right_norms)


def _block(left: np.ndarray, right: np.ndarray, right_norms: np.ndarray) -> np.ndarray:
    norms = np.square(left).sum(axis=1)[:, None] + right_norms[None, :]
    block = left @ right.T
    block *= -2
    block += norms
    # Copies must be at distance 0, not at the rounding error of a matrix product.
    rows, columns = np.nonzero(block <= CANCELLATION * norms)
    for first in range(0, len(rows), MAX_PAIRS):
        row, column = rows[first : first + MAX_PAIRS], columns[first : first + MAX_PAIRS]
        block[row, column] = np.square(left[row] - right[column]).sum(axis=1)
    return block


def nearest(
    queries: Float[np.ndarray, "queries features"],
    references: Float[np.ndarray, "references features"],
) -> Nearest:
    """Index of, and distance to, the nearest reference of each query; the first one of equals."""
    indices = np.empty(len(queries), dtype=np.int64)
    squared = np.empty(len(queries))
    for rows, block in distance_blocks(queries, references):
        indices[rows] = block.argmin(axis=1)
        squared[rows] = block.min(axis=1)
    return Nearest(indices, np.sqrt(squared))
