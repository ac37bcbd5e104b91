"""What a run shows in the end: every phase's images, measured and pictured."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from minegan_jax import origins, runs, selector, sheets
from minegan_jax.adapters import Mined
from minegan_jax.data import Dataset
from minegan_jax.evaluation import measure, report
from minegan_jax.evaluation.embed import embed
from minegan_jax.evaluation.intra_cluster import intra_cluster_distance
from minegan_jax.evaluation.memorisation import exact_copies
from minegan_jax.looker import Looker, Recipe, caution, load_looker, recognised
from minegan_jax.methods import finetuning
from minegan_jax.methods.base import State
from minegan_jax.methods.game import Rules
from minegan_jax.methods.views import common_view
from minegan_jax.sources import Source
from minegan_jax.training import log
from minegan_jax.types import Features, Images, Latents, Pixels


def unmined(
    sources: Sequence[Source], of_classes: str, *, resolution: int, channels: int
) -> dict[str, Mined]:
    """Returns the sources as they came, drawn from their prior; one is called `source`.

    A conditional source is asked for classes as `methods.classes` says.

    Their images come out like those of the run: at `resolution` pixels, with `channels`.
    """
    output = common_view(resolution=resolution, channels=channels)
    named = {}
    for source in sources:
        method = finetuning.transfergan(source, Rules(), of_classes)
        shown = method._replace(generate=partial(_shown, output, method.generate))
        name = "source" if len(sources) == 1 else f"source {source.name}"
        state = method.learner.init(None, jax.random.key(0))
        named[name] = Mined(shown, state, (source.name,))
    return named


def _shown(
    output: Callable[[Images], Images],
    generate: Callable[[State, int, Latents], Images],
    *given: Any,
) -> Images:
    """Generates images and gives them the shape of the run's."""
    return output(generate(*given))


def write_report(
    workdir: Path,
    recipe: Recipe,
    dataset: Dataset,
    phases: Mapping[str, Mined],
    sources: Sequence[Source],
) -> dict[str, Any]:
    """Measures and pictures every phase; writes `report.json` and `report.md`.

    Args:
      workdir: the run folder.
      recipe: how to measure.
      dataset: the target images.
      phases: what to measure, by name; the last one is also walked and searched for copies.
      sources: that were mined, none for networks from scratch.

    Returns:
      What `report.json` holds.
    """
    looker = load_looker(recipe)
    reals = measure.Reals(*(_features(looker, part) for part in (dataset.train, dataset.held_out)))
    images = {name: mined.sample(recipe.num_images, recipe.seed) for name, mined in phases.items()}
    fakes = {name: embed(looker.features, pixels).features for name, pixels in images.items()}
    copies = {name: measure.remembered(reals, fake, recipe.seed) for name, fake in fakes.items()}
    measured = {
        name: {
            **measure.distances(reals, fakes[name], k=recipe.neighbours, seed=recipe.seed),
            "recognised": recognised(looker, pixels),
            "probability": origins.probabilities(phases[name]),
            "verdict": measure.judged(reals, fakes[name], copies[name]),
            "memorisation": measure.summary(copies[name]),
            "copying": measure.copying(reals, fakes[name], recipe.seed),
            "exact_copies": exact_copies(dataset.train, pixels),
            "intra_cluster": _intra_cluster(looker, dataset, pixels, recipe.seed),
        }
        for name, pixels in images.items()
    }
    last = list(phases)[-1]
    table = origins.selector_report(phases[last], recipe.seed)
    record = {
        "recipe": _recipe(recipe, looker, dataset),
        "caution": caution(looker.features, dataset),
        "real": measure.real_reference(reals, k=recipe.neighbours, seed=recipe.seed),
        "phases": measured,
        "selector": table,
        "classes": origins.classes_report(phases[last], sources, recipe.seed),
        "selector_entropy": selector.entropy(np.array([row["probability"] for row in table])),
    }
    directory = workdir / runs.SAMPLES
    sheets.save_comparison(directory, dataset, images)
    sheets.save_walk(directory, phases[last], recipe.seed)
    sheets.save_closest(directory, dataset, images[last], copies[last])
    sheets.save_selector(directory, log.read(workdir / runs.METRICS))
    report.write(workdir, record)
    return record


def _intra_cluster(
    looker: Looker, dataset: Dataset, images: Pixels, seed: int
) -> dict[str, Any] | None:
    """Returns how different images of one kind are, if there is what tells."""
    if looker.diversity is None:
        return None
    distances = looker.diversity.distances
    return intra_cluster_distance(dataset.train, images, distances, seed=seed)._asdict()


def _features(looker: Looker, pixels: Pixels) -> Features:
    """Embeds real images, of which there may be none."""
    if len(pixels):
        return embed(looker.features, pixels).features
    return np.zeros((0, 0))


def _recipe(recipe: Recipe, looker: Looker, dataset: Dataset) -> dict[str, Any]:
    """Returns everything that a figure depends on."""
    networks = {
        role: {"name": extractor.name, "sha256": extractor.sha256}
        for role, extractor in looker._asdict().items()
        if extractor is not None
    }
    return {**recipe._asdict(), **networks, "target": dataset.description}
