"""C_T: whether fakes lie nearer to the training images than held-out ones do, region by region."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from minegan_jax.errors import InputError
from minegan_jax.metrics.checks import FakeFeatures, check_rows, in_canonical_order
from minegan_jax.metrics.distances import nearest
from minegan_jax.metrics.memorisation import HeldOutFeatures, TrainFeatures, check_sets

MAX_COMPONENTS = 64  # of the training images, in which distances are measured
ENOUGH = 20  # fakes in a region that counts
MAX_ROUNDS = 100  # of k-means

Rows = Float[np.ndarray, "rows components"]


class Components(NamedTuple):
    """The first principal components of the training images."""

    centre: Float[np.ndarray, " features"]
    axes: Float[np.ndarray, "components features"]


class _Sets(NamedTuple):
    """Rows of the three sets, or the regions that they lie in."""

    train: np.ndarray
    held_out: np.ndarray
    fake: np.ndarray


def copying_score(
    train: TrainFeatures,
    held_out: HeldOutFeatures,
    fake: FakeFeatures,
    *,
    num_regions: int = 3,
    seed: int = 0,
    components: Components | None = None,
) -> float:
    """C_T of Meehan et al. 2020 (arXiv:2004.05675): far below 0 copies, far above 0 does not fit.

    In each region, a k-means cell of the training images, U counts the pairs in which the fake is
    farther from its nearest training image than the held-out image; ties count half. Standardised
    by the mean and the deviation that equal distributions give, it is about normal for these. C_T
    is its mean over the regions with 20 fakes or more, weighted by their held-out images. It grows
    with the root of the number of images. Distances are those of the first 64 principal components
    of the training images; `components` has them where they are known.

    Raises InputError where there are too few images for that, ValueError for broken features.
    """
    sets = _Sets(*check_sets(train, held_out, fake))
    sets = sets._replace(train=in_canonical_order(sets.train))
    centre, axes = components or principal_components(sets.train)
    sets = _Sets(*((rows - centre) @ axes.T for rows in sets))
    if len(sets.train) < num_regions:
        raise InputError(
            f"training features: expected at least {num_regions} rows, found {len(sets.train)}"
        )
    centres = k_means(sets.train, num_regions, seed)
    regions = _Sets(*(nearest(rows, centres).indices for rows in sets))
    scores, weights = [], []
    for number in range(num_regions):
        inside = _Sets(
            *(rows[region == number] for rows, region in zip(sets, regions, strict=True))
        )
        if len(inside.fake) >= ENOUGH and len(inside.held_out) and len(inside.train):
            scores.append(_standardised_u(inside))
            weights.append(len(inside.held_out))
    if not scores:
        raise InputError(
            f"copying_score: expected {ENOUGH} fakes and a held-out image in at least one of"
            f" {num_regions} regions, found none among {len(fake)} and {len(held_out)}"
        )
    return float(np.average(scores, weights=weights))


def principal_components(train: TrainFeatures) -> Components:
    """Of rows in whatever order; at most 64."""
    rows = in_canonical_order(check_rows(train, name="training", at_least=2))
    centre = rows.mean(axis=0)
    _, _, axes = np.linalg.svd(rows - centre, full_matrices=False)
    return Components(centre, axes[:MAX_COMPONENTS])


def _standardised_u(inside: _Sets) -> float:
    """The Mann-Whitney U of distances to the training images, in deviations from its mean."""
    of_held_out = np.sort(nearest(inside.held_out, inside.train).distances)
    of_fake = nearest(inside.fake, inside.train).distances
    below = np.searchsorted(of_held_out, of_fake, side="left")
    not_above = np.searchsorted(of_held_out, of_fake, side="right")
    pairs = (below + not_above).sum() / 2
    n, m = len(of_held_out), len(of_fake)
    return float((pairs - n * m / 2) / np.sqrt(n * m * (n + m + 1) / 12))


def k_means(rows: Rows, num_regions: int, seed: int) -> Float[np.ndarray, "regions components"]:
    """Centres that Lloyd's rounds reach from those of k-means++ (Arthur and Vassilvitskii 2007)."""
    centres = _first_centres(rows, num_regions, np.random.default_rng(seed))
    before: Int[np.ndarray, " rows"] = np.full(len(rows), -1)
    for _ in range(MAX_ROUNDS):
        regions = nearest(rows, centres).indices
        if (regions == before).all():
            break
        before = regions
        centres = np.stack(
            [
                rows[regions == number].mean(axis=0) if (regions == number).any() else centre
                for number, centre in enumerate(centres)
            ]
        )
    return centres


def _first_centres(rows: Rows, num_regions: int, rng: np.random.Generator) -> np.ndarray:
    """Rows, each drawn by its squared distance to those drawn before."""
    chosen = [int(rng.integers(len(rows)))]
    while len(chosen) < num_regions:
        squared = np.square(nearest(rows, rows[chosen]).distances)
        total = squared.sum()
        shares = squared / total if total > 0 else np.full(len(rows), 1 / len(rows))
        chosen.append(int(rng.choice(len(rows), p=shares)))
    return rows[chosen]
