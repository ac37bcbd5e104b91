"""The Frechet distance between two sets of features seen as Gaussians.

It is called FID only where the features are those of the 2015 Inception network.
"""

from collections.abc import Sequence

import numpy as np

from minegan_jax.metrics.checks import FakeFeatures, RealFeatures, check_pair
from minegan_jax.metrics.pairwise import Draw

ROWS = 8192  # at a time


def frechet_distance(real: RealFeatures, fake: FakeFeatures) -> float:
    """|m_r - m_f|^2 + tr S_r + tr S_f - 2 tr (S_r S_f)^(1/2), at least 0, lower is better.

    Heusel et al. 2017 (arXiv:1706.08500), eq. 6; means m and covariances S of the rows, the latter
    over n - 1. Exact at any number of rows: nothing is added to the covariances, which matters
    where there are fewer images than dimensions. The value still depends on the number of rows,
    so that only distances between equally large sets compare.

    Raises InputError for fewer than 2 rows in a set, ValueError for values that are not
    finite or sets of different width.
    """
    return frechet_distances(real, fake, ())[0]


def frechet_distances(real: RealFeatures, fake: FakeFeatures, draws: Sequence[Draw]) -> list[float]:
    """`frechet_distance` of the whole, then of draws of at least 2 rows of each set."""
    real, fake = check_pair(real, fake)
    if min(len(real), len(fake)) > real.shape[1]:
        parts = ((real[draw.real], fake[draw.fake]) for draw in draws)
        return [_by_roots(real, fake), *(_by_roots(*part) for part in parts)]
    whole = Draw(np.arange(len(real)), np.arange(len(fake)))
    return _by_products(real, fake, [whole, *draws])


def _by_roots(real: np.ndarray, fake: np.ndarray) -> float:
    shift = real.mean(axis=0) - fake.mean(axis=0)
    real_root, fake_root = _covariance_root(real), _covariance_root(fake)
    # With S_r = A'A and S_f = B'B the trace of (S_r S_f)^(1/2) is the sum of the singular values
    # of A B': no square root of a matrix, no complex numbers, no epsilon.
    overlap = np.linalg.svd(real_root @ fake_root.T, compute_uv=False).sum()
    traces = np.square(real_root).sum() + np.square(fake_root).sum()
    return _distance(shift, traces, overlap)


def _by_products(real: np.ndarray, fake: np.ndarray, draws: Sequence[Draw]) -> list[float]:
    """The same with centred rows for A and B, whose products are taken once for all draws.

    One set has no more rows than dimensions, so that no matrix is larger than the other set.
    """
    sets = [(rows.mean(axis=0), rows - rows.mean(axis=0)) for rows in (real, fake)]
    products = sets[0][1] @ sets[1][1].T
    moments = [
        _moments(mean, centred, parts)
        for (mean, centred), parts in zip(sets, zip(*draws, strict=True), strict=True)
    ]
    found = []
    for draw, (real_mean, real_trace), (fake_mean, fake_trace) in zip(draws, *moments, strict=True):
        block = products.take(draw.real, axis=0).take(draw.fake, axis=1)
        # A draw has means of its own.
        block -= block.mean(axis=0)
        block -= block.mean(axis=1, keepdims=True)
        degrees = (len(draw.real) - 1) * (len(draw.fake) - 1)
        overlap = np.linalg.svd(block, compute_uv=False).sum() / np.sqrt(degrees)
        found.append(_distance(real_mean - fake_mean, real_trace + fake_trace, overlap))
    return found


def _moments(
    mean: np.ndarray, centred: np.ndarray, parts: Sequence[np.ndarray]
) -> list[tuple[np.ndarray, float]]:
    """The mean and the trace of the covariance of some of the rows, for each part."""
    members = np.zeros((len(parts), len(centred)))
    for member, rows in zip(members, parts, strict=True):
        member[rows] = 1.0
    counts = members.sum(axis=1)
    shifts = members @ centred / counts[:, None]
    squares = members @ np.square(centred).sum(axis=1)
    traces = (squares - counts * np.square(shifts).sum(axis=1)) / (counts - 1)
    return list(zip(mean + shifts, traces.tolist(), strict=True))


def _distance(shift: np.ndarray, traces: float, overlap: float) -> float:
    # Rounding may leave equal sets a hair below zero.
    return max(0.0, float(shift @ shift + traces - 2 * overlap))


def _covariance_root(features: np.ndarray) -> np.ndarray:
    """A matrix A of at most (width, width) or (rows, width) entries with A'A = covariance."""
    count, width = features.shape
    mean = features.mean(axis=0)
    if count <= width:
        return (features - mean) / np.sqrt(count - 1)
    # More rows than dimensions: the triangular factor has the same A'A and is smaller; that of some
    # rows stands for them beside the next ones, so that no second copy of all rows is made.
    root = np.zeros((0, width))
    step = max(ROWS, width)
    for first in range(0, count, step):
        block = np.concatenate([root, features[first : first + step] - mean])
        # numpy's stubs promise a pair here too, hence asarray.
        root = np.asarray(np.linalg.qr(block, mode="r"))
    return root / np.sqrt(count - 1)
