"""All measures of one set of generated images, each with what it needs to be read honestly."""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from minegan_jax.errors import InputError
from minegan_jax.metrics.checks import (
    FakeFeatures,
    RealFeatures,
    check_pair,
    in_canonical_order,
)
from minegan_jax.metrics.copy_verdict import judge
from minegan_jax.metrics.data_copying import Components, copying_score, principal_components
from minegan_jax.metrics.distances import Nearest, nearest
from minegan_jax.metrics.frechet import frechet_distances
from minegan_jax.metrics.intervals import halves, intervals
from minegan_jax.metrics.kid import CubicKernelSums, squared_norms
from minegan_jax.metrics.kmmd import GaussianKernelSums, SplitKernelSums
from minegan_jax.metrics.mean_variance import mean_variance
from minegan_jax.metrics.memorisation import Memorisation, memorisation
from minegan_jax.metrics.mifid import memorisation_informed
from minegan_jax.metrics.near_copies import NearCopies
from minegan_jax.metrics.pairwise import Draw, Statistic, feed
from minegan_jax.metrics.prdc import PRDC, Balls
from minegan_jax.metrics.shown import Neighbours, Shown, neighbours
from minegan_jax.report.record import Copying, Distances, ToReal
from minegan_jax.types import Features

CONFIDENT = 0.9  # the evaluation classifier's probability above which an image counts as recognised
Attempt = Callable[[], Mapping[str, Any]]
# What gets an interval, and the values that it may have.
RANGES = {
    **dict.fromkeys(("frechet_distance", "kmmd_biased", "density"), (0.0, np.inf)),
    **dict.fromkeys(("kid", "kmmd_unbiased"), (-np.inf, np.inf)),
    **dict.fromkeys(("precision", "recall", "coverage"), (0.0, 1.0)),
}


NAMES: dict[str, tuple[str, ...]] = {  # of what each statistic results in
    "kid": ("kid", "kid_standard_error"),
    "kmmd": ("kmmd_biased", "kmmd_unbiased"),
    "kmmd_floor": ("kmmd_floor",),
    "prdc": PRDC._fields,
}
# Subsets of KID. In halves fewer: what they add to the spread only widens the interval.
NUM_SUBSETS, FEW_SUBSETS = 100, 2
NUM_SPLITS = 5  # for KMMD's floor
# Images of a set, drawn by lot, whose pairs are all compared: those of 50,000 would take an hour.
MOST_PAIRED = 10_000


@dataclasses.dataclass(frozen=True)
class Reals:
    """The real images' features, of mirrored ones too where training mirrors.

    What depends on them alone is made when it is first asked for, and kept for the next phase.
    """

    train: Shown
    held_out: Shown  # no rows, and no width, if nothing was held out

    @functools.cached_property
    def neighbours(self) -> Neighbours | None:
        """Of the training images; None where all are one picture."""
        return neighbours(self.train) if len(self.train.first_rows) > 1 else None

    @functools.cached_property
    def nearest_to_held_out(self) -> Nearest | None:
        """The training image nearest to each held-out one; None where there is none."""
        if not self.held_out.num_images:
            return None
        return nearest(self.held_out.images, self.train.rows)

    @functools.cached_property
    def components(self) -> Components:
        """The training images' principal components."""
        return principal_components(self.train.rows)


class _Measured(NamedTuple):
    """Distances between two sets and between halves of them, by name."""

    values: dict[str, float]
    of_halves: list[dict[str, float]]
    left_out: dict[str, str]  # what too few images forbid, and why


def compare(real: RealFeatures, fake: FakeFeatures, *, k: int, seed: int) -> dict[str, Any]:
    """Returns every distance between two sets; what too few images forbid is left out."""
    return {**_counts(real, fake), **_measured(real, fake, 0, k=k, seed=seed).values}


def compare_closely(
    real: RealFeatures, fake: FakeFeatures, *, k: int, seed: int, num_resamples: int = 20
) -> Distances:
    """Returns `compare`, its 95 % intervals by name, and what was left out and why."""
    found = _measured(real, fake, num_resamples, k=k, seed=seed)
    ranged = {name: value for name, value in found.values.items() if name in RANGES}
    ends = intervals(ranged, found.of_halves) if found.of_halves else {}
    measured = {
        **_counts(real, fake),
        **found.values,
        "intervals": {name: np.clip(each, *RANGES[name]).tolist() for name, each in ends.items()},
        "left_out": found.left_out,
    }
    return cast("Distances", measured)


def _counts(real: RealFeatures, fake: FakeFeatures) -> dict[str, int]:
    """Returns how many images are compared, and how many of a set at most pair by pair."""
    counts = {"num_real": len(real), "num_fake": len(fake)}
    return counts | ({"num_paired": MOST_PAIRED} if max(counts.values()) > MOST_PAIRED else {})


def _measured(
    real: RealFeatures, fake: FakeFeatures, num_resamples: int, *, k: int, seed: int
) -> _Measured:
    """Measures two sets and so many random halves of them."""
    real, fake = check_pair(real, fake, at_least=0)
    whole = in_canonical_order(real), in_canonical_order(fake)
    few = _thinned(whole[0], seed), _thinned(whole[1], seed)
    drawn, unsettled = _halves(whole, num_resamples, seed)
    frechet, too_few = _attempted(
        {"frechet_distance": lambda: {"found": frechet_distances(*whole, drawn)}}
    )
    of_pairs, _ = _halves(few, num_resamples, seed)
    values, left_out = _pairwise(*few, of_pairs, k=k, seed=seed)
    for named, distance in zip(values, frechet.get("found", ()), strict=False):
        named["frechet_distance"] = distance
    return _Measured(values[0], values[1:], {**too_few, **left_out, **unsettled})


def _halves(
    sets: tuple[np.ndarray, np.ndarray], num_resamples: int, seed: int
) -> tuple[Sequence[Draw], dict[str, str]]:
    """Draws halves of two sets; or says why there are none."""
    if not num_resamples:
        return (), {}
    real, fake = map(len, sets)
    drawn, unsettled = _attempted(
        {"intervals": lambda: {"of": halves(real, fake, num_resamples=num_resamples, seed=seed)}}
    )
    return drawn.get("of", ()), unsettled


def _thinned(rows: np.ndarray, seed: int) -> np.ndarray:
    """Returns rows of a set, drawn by lot if it has more than `MOST_PAIRED`; else the set."""
    if len(rows) <= MOST_PAIRED:
        return rows
    return rows[np.sort(np.random.default_rng(seed).permutation(len(rows))[:MOST_PAIRED])]


def _pairwise(
    real: RealFeatures, fake: FakeFeatures, draws: Sequence[Draw], *, k: int, seed: int
) -> tuple[list[dict[str, float]], dict[str, str]]:
    """Measures the whole and the draws by distances of pairs, which are made once."""
    norms = squared_norms(real), squared_norms(fake)

    def floor() -> dict[str, Statistic]:
        splits = SplitKernelSums(len(real), fake, num_splits=NUM_SPLITS, seed=seed)
        return {"kmmd_floor": splits}

    whole, left_out = _attempted(
        {**_statistics(real, norms, NUM_SUBSETS, k=k, seed=seed), "kmmd_floor": floor}
    )
    parts = []
    for draw in draws:
        own = norms[0][draw.real], norms[1][draw.fake]
        started, _ = _attempted(_statistics(real[draw.real], own, FEW_SUBSETS, k=k, seed=seed))
        parts.append(started)
    if whole:
        shares = zip(draws, (list(part.values()) for part in parts), strict=True)
        feed(real, fake, list(whole.values()), list(shares))
    return [_named(part) for part in (whole, *parts)], left_out


def _statistics(
    real: RealFeatures,
    norms: tuple[np.ndarray, np.ndarray],
    num_subsets: int,
    *,
    k: int,
    seed: int,
) -> dict[str, Attempt]:
    """Returns functions that start the statistics of two sets; the norms are squared."""

    def cubic() -> dict[str, Statistic]:
        width = real.shape[1]
        return {"kid": CubicKernelSums(*norms, width=width, num_subsets=num_subsets, seed=seed)}

    return {
        "kid": cubic,
        "kmmd": lambda: {"kmmd": GaussianKernelSums(real, len(norms[1]))},
        "prdc": lambda: {"prdc": Balls(len(norms[0]), len(norms[1]), k=k)},
    }


def _named(statistics: Mapping[str, Statistic]) -> dict[str, float]:
    """Returns all values by name."""
    return {
        name: value
        for kind, statistic in statistics.items()
        for name, value in zip(NAMES[kind], statistic.result(), strict=True)
    }


def real_reference(reals: Reals, num_fake: int, *, k: int, seed: int) -> Distances:
    """Returns the training images' variety and, if any were held out, their distances to these.

    That is the best to hope for at equal counts, and so what `equal_counts` of a phase compares
    with: as many training images, different ones, as there are generated ones, or all.
    """
    found, _ = _attempted(
        {"mean_variance": lambda: {"mean_variance": mean_variance(reals.train.images)}}
    )
    variety = cast("Distances", found)
    if not reals.held_out.num_images:
        return variety
    different = in_canonical_order(reals.train.rows[reals.train.first_rows])
    order = np.random.default_rng(seed).permutation(len(different))
    drawn = different[order[: _equal_count(reals, num_fake)]]
    return {**compare_closely(reals.held_out.images, drawn, k=k, seed=seed), **variety}


def _equal_count(reals: Reals, num_fake: int) -> int:
    """Returns how many training images and generated ones can be compared at equal counts."""
    return min(num_fake, len(reals.train.first_rows))


def recognised(probabilities: np.ndarray, class_names: tuple[str, ...]) -> dict[str, float]:
    """Returns the share of images recognised as each class, and that of confident verdicts."""
    counts = np.bincount(probabilities.argmax(axis=1), minlength=len(class_names))
    shares = {
        name: float(n / len(probabilities)) for name, n in zip(class_names, counts, strict=True)
    }
    return {**shares, "confident": float((probabilities.max(axis=1) > CONFIDENT).mean())}


def recognised_as(classes: Sequence[str], shares: Mapping[str, float]) -> float | None:
    """Returns the share of images recognised as one of some classes.

    Args:
      classes: by name; None comes back where there are none.
      shares: that `recognised` gave; None comes back where the classifier does not know a class.
    """
    known = shares.keys() - {"confident"}
    return sum(shares[name] for name in classes) if classes and known >= set(classes) else None


def distances(reals: Reals, fake: Features, *, k: int, seed: int) -> ToReal:
    """Returns one set of generated images against held-out and training images, and its variety.

    Args:
      reals: features of the real images.
      fake: features of the generated ones.
      k: neighbours of precision, recall, density and coverage.
      seed: of subsets.
    """
    held_out, at_equal_counts = _against_held_out(reals, fake, k=k, seed=seed)
    return {
        "held_out": held_out,
        "equal_counts": at_equal_counts,
        "train": compare_closely(reals.train.images, fake, k=k, seed=seed),
        "mean_variance": mean_variance(fake),
    }


def _against_held_out(
    reals: Reals, fake: Features, *, k: int, seed: int
) -> tuple[Distances | None, Distances | None]:
    """Returns the distances of all generated images, and of no more than there are training ones.

    None where nothing was held out.
    """
    if not reals.held_out.num_images:
        return None, None
    whole = compare_closely(reals.held_out.images, fake, k=k, seed=seed)
    count = _equal_count(reals, len(fake))
    if count == len(fake):
        return whole, whole
    return whole, compare_closely(reals.held_out.images, fake[:count], k=k, seed=seed)


def remembered(reals: Reals, fake: Features, seed: int) -> Memorisation | None:
    """Returns the memorisation figures, or None where too few real images forbid them."""
    if len(reals.train.first_rows) < 2 or not reals.held_out.num_images:
        return None
    return memorisation(
        reals.train,
        reals.held_out,
        fake,
        seed=seed,
        others=reals.neighbours,
        of_held_out=reals.nearest_to_held_out,
    )


def summary(copies: Memorisation | None, near: NearCopies | None) -> dict[str, float]:
    """Returns the figures without the indices, and near copies as shares; what there is."""
    found = {} if copies is None else copies._asdict()
    shares = {} if near is None else near.shares()
    return {**{name: value for name, value in found.items() if isinstance(value, float)}, **shares}


def copying(reals: Reals, fake: Features, seed: int) -> Copying:
    """Returns C_T, the memorisation-informed distance, and what was left out and why."""

    def informed() -> dict[str, float]:
        found = memorisation_informed(reals.train.rows, fake)
        return {
            "memorisation_informed_frechet_distance": found.value,
            "cosine_distance": found.cosine_distance,
        }

    def score() -> dict[str, float]:
        has_held_out = reals.held_out.num_images > 0
        held_out = reals.held_out.images if has_held_out else np.zeros((0, fake.shape[1]))
        return {
            "copying_score": copying_score(
                reals.train.rows, held_out, fake, seed=seed, components=reals.components
            )
        }

    values, left_out = _attempted({"memorisation_informed": informed, "copying_score": score})
    return cast("Copying", {**values, "left_out": left_out})


def judged(
    reals: Reals, fake: Features, copies: Memorisation | None, near: NearCopies | None
) -> dict[str, str]:
    """Returns the verdict on copies, and why."""
    return judge(
        reals.train,
        reals.held_out,
        fake,
        copies,
        near,
        others=reals.neighbours,
        of_held_out=reals.nearest_to_held_out,
    )._asdict()


def _attempted(attempts: Mapping[str, Attempt]) -> tuple[dict[str, Any], dict[str, str]]:
    """Returns the values that could be measured, and by name why the rest could not."""
    measured: dict[str, Any] = {}
    left_out = {}
    for name, attempt in attempts.items():
        try:
            measured |= attempt()
        except InputError as error:
            left_out[name] = str(error)
    return measured, left_out
