"""All measures of one set of generated images, each with what it needs to be read honestly."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from minegan_jax.errors import InputError
from minegan_jax.evaluation.frechet import frechet_distance
from minegan_jax.evaluation.kid import kid
from minegan_jax.evaluation.kmmd import kmmd
from minegan_jax.evaluation.mean_variance import mean_variance
from minegan_jax.evaluation.memorisation import Memorisation, TrainFeatures, memorisation
from minegan_jax.evaluation.prdc import prdc
from minegan_jax.evaluation.rows import FakeFeatures, RealFeatures
from minegan_jax.types import Features

CONFIDENT = 0.9  # the judge's probability above which an image counts as recognised


@dataclasses.dataclass(frozen=True)
class Reals:
    """The real images' features."""

    train: TrainFeatures
    held_out: Float[np.ndarray, "held_out _"]  # no rows, and no width, if nothing was held out


def compare(real: RealFeatures, fake: FakeFeatures, *, k: int, seed: int) -> dict[str, Any]:
    """Returns every distance between two sets; what too few images forbid is left out."""
    measured: dict[str, Any] = {"num_real": len(real), "num_fake": len(fake)}
    for attempt in (
        lambda: {"frechet_distance": frechet_distance(real, fake)},
        lambda: dict(zip(("kid", "kid_standard_error"), kid(real, fake, seed=seed), strict=True)),
        lambda: {f"kmmd_{n}": v for n, v in kmmd(real, fake, seed=seed)._asdict().items()},
        lambda: prdc(real, fake, k=k)._asdict(),
    ):
        measured |= _unless_too_few(attempt)
    return measured


def real_reference(reals: Reals, *, k: int, seed: int) -> dict[str, Any] | None:
    """Returns what the training images score against the held-out ones: the best to hope for."""
    if not len(reals.held_out):
        return None
    return compare(reals.held_out, reals.train, k=k, seed=seed)


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
        "held_out": compare(reals.held_out, fake, k=k, seed=seed) if has_held_out else None,
        "train": compare(reals.train, fake, k=k, seed=seed),
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


def _unless_too_few(attempt: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Returns the measures, or none of them where there are too few images."""
    try:
        return attempt()
    except InputError:
        return {}
