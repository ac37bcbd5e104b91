"""How generated images are measured, and the frozen networks that look at them."""

from collections.abc import Callable
from typing import Any, NamedTuple

from minegan_jax.data import Dataset
from minegan_jax.errors import InputError
from minegan_jax.features import lpips
from minegan_jax.features.catalogue import load_extractor
from minegan_jax.features.embed import embed
from minegan_jax.features.extractor import Extractor
from minegan_jax.report import measure
from minegan_jax.sampling.generator import Generator
from minegan_jax.training.learner import State
from minegan_jax.types import Pixels


class Recipe(NamedTuple):
    """How generated images are measured."""

    features: str  # as for `load_extractor`: what distances are measured in
    judge: str  # the same: what says which classes are recognised; "" for nothing
    neighbours: int  # k of precision, recall, density and coverage
    num_images: int  # generated images of each phase
    seed: int  # of images and subsets
    diversity: str = ""  # lpips:FILE, for diversity inside clusters; empty: that is not measured
    weights: str | None = None  # of the phases: "ema" or "raw"; None takes the EMA if there is one


class Looker(NamedTuple):
    """The frozen networks of a recipe."""

    features: Extractor
    judge: Extractor | None
    diversity: lpips.Perceptual | None


def load_looker(recipe: Recipe) -> Looker:
    """Loads what the recipe names."""
    return Looker(
        load_extractor(recipe.features),
        load_extractor(recipe.judge) if recipe.judge else None,
        load_diversity(recipe.diversity),
    )


def caution(features: Extractor, dataset: Dataset) -> str:
    """Returns what to know of distances between colour images that a network sees as grey ones."""
    if features.channels >= dataset.train.shape[-1]:
        return ""
    return (
        f"features {features.name!r} see no colour, and know digits alone: for photographs give"
        " --config.features=efficientnet_lite0:FILE or torch_fidelity:FILE"
    )


def quick_measure(
    recipe: Recipe, dataset: Dataset, drawn: Callable[[str, State], Generator]
) -> Callable[[str, State], dict[str, Any]]:
    """Returns what measures a state while training, against held-out images if there are any.

    Args:
      recipe: how to measure.
      dataset: the images.
      drawn: gives what draws images in a phase's state.
    """
    looker = load_looker(recipe)
    reals = dataset.held_out if len(dataset.held_out) else dataset.train
    real = embed(looker.features, reals).features

    def measured(phase: str, state: State) -> dict[str, Any]:
        images = drawn(phase, state).sample(recipe.num_images, recipe.seed)
        fake = embed(looker.features, images).features
        return {
            **measure.compare(real, fake, k=recipe.neighbours, seed=recipe.seed),
            "recognised": recognised(looker, images),
        }

    return measured


def recognised(looker: Looker, images: Pixels) -> dict[str, float]:
    """Returns the judge's verdicts on images; none without a judge."""
    if looker.judge is None:
        return {}
    seen = embed(looker.judge, images).probabilities
    return measure.recognised(seen, looker.judge.class_names)


def target_classes(dataset: Dataset) -> tuple[str, ...]:
    """Returns the names of the classes that were asked for; none where they have no names."""
    names = dataset.class_names
    return tuple(names[label] for label in dataset.description["labels"]) if names else ()


def load_diversity(name: str) -> lpips.Perceptual | None:
    """Loads `lpips:FILE`; nothing for an empty name."""
    kind, _, file = name.partition(":")
    if not name:
        return None
    if kind != "lpips" or not file:
        raise InputError(f"unknown diversity {name!r}: expected lpips:FILE")
    return lpips.load_lpips(file)
