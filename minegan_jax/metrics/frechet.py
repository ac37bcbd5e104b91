"""The Frechet distance between two sets of features seen as Gaussians.

It is called FID only where the features are those of the 2015 Inception network.
"""

import numpy as np

from minegan_jax.metrics.checks import FakeFeatures, RealFeatures, check_pair

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
    real, fake = check_pair(real, fake)
    shift = real.mean(axis=0) - fake.mean(axis=0)
    real_root, fake_root = _covariance_root(real), _covariance_root(fake)
    # With S_r = A'A and S_f = B'B the trace of (S_r S_f)^(1/2) is the sum of the singular values
    # of A B': no square root of a matrix, no complex numbers, no epsilon.
    overlap = np.linalg.svd(real_root @ fake_root.T, compute_uv=False).sum()
    traces = np.square(real_root).sum() + np.square(fake_root).sum()
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
