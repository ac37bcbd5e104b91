"""All measures of one set of generated images, each with what it needs to be read honestly."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from minegan_jax.errors import InputError
from minegan_jax.evaluation.embed import Embedding
from minegan_jax.evaluation.frechet import frechet_distance
from minegan_jax.evaluation.kid import kid
from minegan_jax.evaluation.kmmd import kmmd
from minegan_jax.evaluation.mean_variance import mean_variance
from minegan_jax.evaluation.memorisation import Memorisation, memorisation
from minegan_jax.evaluation.prdc import prdc
from minegan_jax.types import Features

CONFIDENT = 0.9  # the judge's probability above which an image counts as recognised


@dataclasses.dataclass(frozen=True)
class Reals:
    """The real images' features."""

    train: Features
    held_out: Features  # no rows if nothing was held out


def compare(real: Features, fake: Features, *, k: int, seed: int) -> dict[str, Any]:
    """Returns every distance between two sets; what too few images forbid is left out."""
    measured: dict[str, Any] = {"num_real": len(real), "num_fake": len(fake)}
    for measure in (
        lambda: {"frechet_distance": frechet_distance(real, fake)},
        lambda: dict(zip(("kid", "kid_standard_error"), kid(real, fake, seed=seed), strict=True)),
        lambda: {f"kmmd_{n}": v for n, v in kmmd(real, fake, seed=seed)._asdict().items()},
        lambda: prdc(real, fake, k=k)._asdict(),
    ):
        measured |= _unless_too_few(measure)
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


def measure(
    reals: Reals,
    fake: Embedding,
    judged: Embedding,
    class_names: tuple[str, ...],
    *,
    k: int,
    seed: int,
) -> dict[str, Any]:
    """Measures one set of generated images.

    Args:
      reals: features of the training and the held-out images.
      fake: what the feature network says of the generated images.
      judged: what the judge says of them.
      class_names: the judge's classes.
      k: neighbours of precision, recall, density and coverage.
      seed: of subsets.
    """
    copies = remembered(reals, fake.features, seed=seed)
    return {
        "held_out": compare(reals.held_out, fake.features, k=k, seed=seed)
        if len(reals.held_out)
        else None,
        "train": compare(reals.train, fake.features, k=k, seed=seed),
        "mean_variance": mean_variance(fake.features),
        "recognised": recognised(judged.probabilities, class_names),
        "memorisation": copies
        and {name: value for name, value in copies._asdict().items() if isinstance(value, float)},
    }


def remembered(reals: Reals, fake: Features, *, seed: int) -> Memorisation | None:
    """Returns the memorisation figures, or None where too few real images allow them."""
    try:
        return memorisation(reals.train, reals.held_out, fake, seed=seed)
    except InputError:
        return None


def _unless_too_few(measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Returns the measures, or none of them where there are too few images."""
    try:
        return measure()
    except InputError:
        return {}
