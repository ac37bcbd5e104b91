"""All measures of one set of generated images, each with what it needs to be read honestly."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from minegan_jax.errors import InputError
from minegan_jax.evaluation.bootstrap import intervals
from minegan_jax.evaluation.data_copying import copying_score
from minegan_jax.evaluation.frechet import frechet_distance
from minegan_jax.evaluation.kid import kid
from minegan_jax.evaluation.kmmd import kmmd
from minegan_jax.evaluation.mean_variance import mean_variance
from minegan_jax.evaluation.memorisation import (
    HeldOutFeatures,
    Memorisation,
    TrainFeatures,
    memorisation,
)
from minegan_jax.evaluation.mifid import memorisation_informed
from minegan_jax.evaluation.prdc import prdc
from minegan_jax.evaluation.rows import FakeFeatures, RealFeatures
from minegan_jax.evaluation.verdict import judge
from minegan_jax.types import Features

CONFIDENT = 0.9  # the judge's probability above which an image counts as recognised
Attempt = Callable[[], Mapping[str, Any]]
# What gets an interval, and the values that it may have.
RANGES = {
    **dict.fromkeys(("frechet_distance", "kmmd_biased", "density"), (0.0, np.inf)),
    **dict.fromkeys(("kid", "kmmd_unbiased"), (-np.inf, np.inf)),
    **dict.fromkeys(("precision", "recall", "coverage"), (0.0, 1.0)),
}


class Lots(NamedTuple):
    """How often measures draw images by lot."""

    subsets: int  # of KID
    splits: int  # for KMMD's floor


MANY, FEW = Lots(100, 5), Lots(2, 1)


@dataclasses.dataclass(frozen=True)
class Reals:
    """The real images' features."""

    train: TrainFeatures
    held_out: Float[np.ndarray, "held_out _"]  # no rows, and no width, if nothing was held out


def compare(real: RealFeatures, fake: FakeFeatures, *, k: int, seed: int) -> dict[str, Any]:
    """Returns every distance between two sets; what too few images forbid is left out."""
    values, _ = _attempted(_distances(real, fake, k=k, seed=seed))
    return {"num_real": len(real), "num_fake": len(fake), **values}


def compare_closely(
    real: RealFeatures, fake: FakeFeatures, *, k: int, seed: int, num_resamples: int = 20
) -> dict[str, Any]:
    """Returns `compare`, its 95 % intervals by name, and what was left out and why."""
    values, left_out = _attempted(_distances(real, fake, k=k, seed=seed))

    def of_halves(real: RealFeatures, fake: FakeFeatures) -> dict[str, float]:
        # Fewer subsets and splits: what they add to the spread only widens the interval.
        measured, _ = _attempted(_distances(real, fake, k=k, seed=seed, lots=FEW))
        return {name: value for name, value in measured.items() if name in RANGES}

    found, unsettled = _attempted(
        {
            "intervals": lambda: intervals(
                of_halves, real, fake, around=values, num_resamples=num_resamples, seed=seed
            )
        }
    )
    return {
        "num_real": len(real),
        "num_fake": len(fake),
        **values,
        "intervals": {name: np.clip(ends, *RANGES[name]).tolist() for name, ends in found.items()},
        "left_out": {**left_out, **unsettled},
    }


def _distances(
    real: RealFeatures, fake: FakeFeatures, *, k: int, seed: int, lots: Lots = MANY
) -> dict[str, Attempt]:
    """Returns what measures two sets."""

    def named_kid() -> dict[str, float]:
        found = kid(real, fake, num_subsets=lots.subsets, seed=seed)
        return dict(zip(("kid", "kid_standard_error"), found, strict=True))

    def named_kmmd() -> dict[str, float]:
        found = kmmd(real, fake, num_splits=lots.splits, seed=seed)
        return {f"kmmd_{name}": value for name, value in found._asdict().items()}

    return {
        "frechet_distance": lambda: {"frechet_distance": frechet_distance(real, fake)},
        "kid": named_kid,
        "kmmd": named_kmmd,
        "prdc": lambda: prdc(real, fake, k=k)._asdict(),
    }


def real_reference(reals: Reals, *, k: int, seed: int) -> dict[str, Any] | None:
    """Returns what the training images score against the held-out ones: the best to hope for."""
    if not len(reals.held_out):
        return None
    return compare_closely(reals.held_out, reals.train, k=k, seed=seed)


def recognised(probabilities: np.ndarray, class_names: tuple[str, ...]) -> dict[str, float]:
    """Returns the share of images recognised as each class, and that of confident verdicts."""
    counts = np.bincount(probabilities.argmax(axis=1), minlength=len(class_names))
    shares = {
        name: float(n / len(probabilities)) for name, n in zip(class_names, counts, strict=True)
    }
    return {**shares, "confident": float((probabilities.max(axis=1) > CONFIDENT).mean())}


def distances(reals: Reals, fake: Features, *, k: int, seed: int) -> dict[str, Any]:
    """Returns one set of generated images against held-out and training images, and its variety.

    Args:
      reals: features of the real images.
      fake: features of the generated ones.
      k: neighbours of precision, recall, density and coverage.
      seed: of subsets.
    """
    has_held_out = len(reals.held_out) > 0
    return {
        "held_out": compare_closely(reals.held_out, fake, k=k, seed=seed) if has_held_out else None,
        "train": compare_closely(reals.train, fake, k=k, seed=seed),
        "mean_variance": mean_variance(fake),
    }


def remembered(reals: Reals, fake: Features, seed: int) -> Memorisation | None:
    """Returns the memorisation figures, or None where too few real images forbid them."""
    if len(reals.train) < 2 or not len(reals.held_out):
        return None
    return memorisation(reals.train, reals.held_out, fake, seed=seed)


def summary(copies: Memorisation | None) -> dict[str, float] | None:
    """Returns the figures without the indices."""
    if copies is None:
        return None
    return {name: value for name, value in copies._asdict().items() if isinstance(value, float)}


def copying(reals: Reals, fake: Features, seed: int) -> dict[str, Any]:
    """Returns C_T, the memorisation-informed distance, and what was left out and why."""

    def informed() -> dict[str, float]:
        found = memorisation_informed(reals.train, fake)
        return {
            "memorisation_informed_frechet_distance": found.value,
            "cosine_distance": found.cosine_distance,
        }

    def score() -> dict[str, float]:
        return {"copying_score": copying_score(*_all_sets(reals, fake), seed=seed)}

    values, left_out = _attempted({"memorisation_informed": informed, "copying_score": score})
    return {**values, "left_out": left_out}


def judged(reals: Reals, fake: Features, copies: Memorisation | None) -> dict[str, str]:
    """Returns the verdict on copies, and why."""
    return judge(*_all_sets(reals, fake), copies)._asdict()


def _all_sets(reals: Reals, fake: Features) -> tuple[TrainFeatures, HeldOutFeatures, FakeFeatures]:
    """Returns training, held-out and generated rows, of one width even where there are none."""
    held_out = reals.held_out if len(reals.held_out) else np.zeros((0, fake.shape[1]))
    return reals.train, held_out, fake


def _attempted(attempts: Mapping[str, Attempt]) -> tuple[dict[str, Any], dict[str, str]]:
    """Returns what could be measured, and by name why the rest could not: too few images."""
    measured: dict[str, Any] = {}
    left_out = {}
    for name, attempt in attempts.items():
        try:
            measured |= attempt()
        except InputError as error:
            left_out[name] = str(error)
    return measured, left_out
