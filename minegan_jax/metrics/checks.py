"""What every metric asks of its rows of features: enough of them, finite, equally wide.

Real and fake rows carry different axis names because their counts may differ: 25 real images are
compared with thousands of fakes. The width is the same: one extractor looked at both.
"""

import numpy as np
from jaxtyping import Float, Int

from minegan_jax.errors import InputError

RealFeatures = Float[np.ndarray, "real features"]
FakeFeatures = Float[np.ndarray, "fake features"]


def check_rows(features: np.ndarray, *, name: str, at_least: int) -> np.ndarray:
    """The same rows in float64, or an error that says what was expected and what was found."""
    if features.ndim != 2:
        raise ValueError(f"{name} features: expected shape (rows, width), found {features.shape}")
    check_count(len(features), name=name, at_least=at_least)
    rows = np.asarray(features, dtype=np.float64)
    broken = int((~np.isfinite(rows).all(axis=1)).sum())
    if broken:  # a fault upstream and no choice of the user's: it must not pass for "too few"
        raise ValueError(
            f"{name} features: expected finite values, found NaN or infinity in {broken} "
            f"of {len(rows)} rows"
        )
    return rows


def check_count(found: int, *, name: str, at_least: int) -> None:
    """Raises InputError for too few rows."""
    if found < at_least:
        raise InputError(f"{name} features: expected at least {at_least} rows, found {found}")


def check_pair(
    real: np.ndarray, fake: np.ndarray, *, at_least: int = 2
) -> tuple[np.ndarray, np.ndarray]:
    """Both sets in float64, each with `at_least` rows, and of one width."""
    real = check_rows(real, name="real", at_least=at_least)
    fake = check_rows(fake, name="fake", at_least=at_least)
    check_width(fake, name="fake", width=real.shape[1])
    return real, fake


def check_width(features: np.ndarray, *, name: str, width: int) -> None:
    """Two extractors' features never meet in one number."""
    if features.shape[1] != width:
        raise ValueError(f"{name} features: expected width {width}, found {features.shape[1]}")


def in_canonical_order(rows: np.ndarray) -> np.ndarray:
    """The rows sorted by their bytes.

    A seeded draw from this order depends on the set of rows alone, so that a metric does not
    change when the same images arrive in another order.
    """
    return rows[canonical_order(rows)]


def canonical_order(rows: np.ndarray) -> Int[np.ndarray, " rows"]:
    """Where the rows lie that `in_canonical_order` gives."""
    rows = np.ascontiguousarray(rows)
    keys = rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel()
    return np.argsort(keys, kind="stable")
