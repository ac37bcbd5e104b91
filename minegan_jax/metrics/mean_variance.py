"""Mean Variance (MV), a measure of diversity."""

from minegan_jax.metrics.checks import check_rows
from minegan_jax.types import Features


def mean_variance(features: Features) -> float:
    """Mean over the dimensions of the sample variance (over n - 1) of the rows, at least 0.

    Higher is more diverse. The MineGAN paper takes its Mean Variance from Noguchi and Harada 2019
    (arXiv:1904.01774), and neither text nor released code defines it; this definition is our own.
    Compare it with the value of the real images in the same features, never with published
    numbers.

    Raises InputError for fewer than 2 rows, ValueError for values that are not finite.
    """
    rows = check_rows(features, name="image", at_least=2)
    return float(rows.var(axis=0, ddof=1).mean())
