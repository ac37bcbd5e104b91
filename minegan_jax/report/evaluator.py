"""How generated images are measured, and the frozen networks that look at them."""

from collections.abc import Callable
from typing import Any, NamedTuple

from minegan_jax.data import Dataset
from minegan_jax.errors import InputError
from minegan_jax.features import lpips
from minegan_jax.features.catalogue import load_extractor
from minegan_jax.features.efficientnet_lite import INSTALL
from minegan_jax.features.embed import embed
from minegan_jax.features.extractor import Extractor
from minegan_jax.report import measure
from minegan_jax.report.settings import ReportConfig
from minegan_jax.sampling.generator import Generator
from minegan_jax.training.learner import State
from minegan_jax.types import Pixels

WITHOUT_FEATURES = (
    "without report.features there is no Fréchet distance, KID, KMMD, precision, recall, density,"
    " coverage or mean variance, and of copies only what shows in the pixels;"
    f" `{INSTALL}`, then `minegan evaluate --workdir=RUN --features=efficientnet_lite0` measures"
    " all"
)


class Recipe(NamedTuple):
    """How generated images are measured, and of which weights."""

    config: ReportConfig
    seed: int = 0  # of images and subsets
    weights: str | None = None  # of the phases: "ema" or "raw"; None takes the EMA if there is one


class Evaluator(NamedTuple):
    """The frozen networks that measure."""

    features: Extractor | None  # in whose features distances are measured; None measures none
    classifier: Extractor | None  # that says which classes are recognised
    diversity: lpips.Perceptual | None


def load_evaluator(config: ReportConfig) -> Evaluator:
    """Loads the networks that a config names."""
    return Evaluator(
        None if config.features is None else load_extractor(config.features),
        None if config.classifier is None else load_extractor(config.classifier),
        None if config.diversity is None else load_diversity(config.diversity),
    )


def caution(features: Extractor | None, dataset: Dataset) -> str:
    """Returns a warning of distances between colour images that a network sees as grey ones, or of
    figures that there are not without a network.
    """
    if features is None:
        return WITHOUT_FEATURES
    if features.channels >= dataset.train.shape[-1]:
        return ""
    return (
        f"features {features.name!r} see no colour, and know digits alone: for photographs give"
        f" report.features=efficientnet_lite0 (`{INSTALL}`) or torch_fidelity:FILE"
    )


def quick_measure(
    recipe: Recipe, dataset: Dataset, drawn: Callable[[str, State], Generator]
) -> Callable[[str, State], dict[str, Any]]:
    """Returns a function that measures a state while training, against held-out images if any.

    Without features it measures only what is recognised.

    Args:
      recipe: how to measure.
      dataset: the images.
      drawn: gives what draws images in a phase's state.
    """
    networks = load_evaluator(recipe.config)
    reals = dataset.held_out if len(dataset.held_out) else dataset.train
    features = networks.features
    real = features and embed(features, reals).features

    def measured(phase: str, state: State) -> dict[str, Any]:
        images = drawn(phase, state).as_measured().sample(recipe.config.num_images, recipe.seed)
        found: dict[str, Any] = {}
        if features is not None and real is not None:
            fake = embed(features, images).features
            found = measure.compare(real, fake, k=recipe.config.neighbours, seed=recipe.seed)
        return {**found, "recognised": recognised(networks, images)}

    return measured


def recognised(networks: Evaluator, images: Pixels) -> dict[str, float]:
    """Returns the share of images that is recognised as each class; none without a classifier."""
    if networks.classifier is None:
        return {}
    seen = embed(networks.classifier, images).probabilities
    return measure.recognised(seen, networks.classifier.class_names)


def target_classes(dataset: Dataset) -> tuple[str, ...]:
    """Returns the names of the classes that were asked for; none where they have no names."""
    names = dataset.class_names
    return tuple(names[label] for label in dataset.description["labels"]) if names else ()


def load_diversity(name: str) -> lpips.Perceptual:
    """Loads `lpips:FILE`."""
    kind, _, file = name.partition(":")
    if kind != "lpips" or not file:
        raise InputError(f"unknown diversity {name!r}: expected lpips:FILE")
    return lpips.load_lpips(file)
