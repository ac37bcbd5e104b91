"""What a run shows in the end: every phase's images, measured and pictured."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from minegan_jax import pictures, runs, sampling, selector
from minegan_jax.adapters import Mined
from minegan_jax.data import Dataset
from minegan_jax.errors import InputError
from minegan_jax.evaluation import measure, report
from minegan_jax.evaluation.embed import embed
from minegan_jax.evaluation.intra_cluster import intra_cluster_distance
from minegan_jax.evaluation.memorisation import Memorisation, exact_copies
from minegan_jax.features import lpips
from minegan_jax.features.catalogue import load_extractor
from minegan_jax.features.extractor import Extractor
from minegan_jax.methods import classes, finetuning
from minegan_jax.methods.base import State, TransferMethod
from minegan_jax.methods.game import Rules
from minegan_jax.methods.views import common_view
from minegan_jax.nets.conditioning import class_table
from minegan_jax.sources import Source
from minegan_jax.training import log
from minegan_jax.types import Features, Images, Latents, Pixels

PANEL = 6  # rows and columns of each panel of the comparison
CONTEST = 500  # supersamples that say who would win without a source, or which classes are mined
TOP = 10  # classes that a report names
WALKS = 8  # rows, and steps of each, of the latent walks


def load_diversity(name: str) -> lpips.Perceptual | None:
    """Loads `lpips:FILE`; nothing for an empty name."""
    kind, _, file = name.partition(":")
    if not name:
        return None
    if kind != "lpips" or not file:
        raise InputError(f"unknown diversity {name!r}: expected lpips:FILE")
    return lpips.load_lpips(file)


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


class Recipe(NamedTuple):
    """How generated images are measured."""

    features: str  # as for `load_extractor`: what distances are measured in
    judge: str  # the same: what says which classes are recognised; "" for nothing
    neighbours: int  # k of precision, recall, density and coverage
    num_images: int  # generated images of each phase
    seed: int  # of images and subsets
    diversity: str = ""  # lpips:FILE, for diversity inside clusters; empty: that is not measured


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
    recipe: Recipe, dataset: Dataset, methods: Mapping[str, TransferMethod]
) -> Callable[[str, State], dict[str, Any]]:
    """Returns what measures a state while training, against held-out images if there are any."""
    looker = load_looker(recipe)
    reals = dataset.held_out if len(dataset.held_out) else dataset.train
    real = embed(looker.features, reals).features

    def measured(phase: str, state: State) -> dict[str, Any]:
        images = sampling.sample(methods[phase], state, recipe.num_images, seed=recipe.seed)
        fake = embed(looker.features, images).features
        return {
            **measure.compare(real, fake, k=recipe.neighbours, seed=recipe.seed),
            "recognised": _recognised(looker, images),
        }

    return measured


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
            "recognised": _recognised(looker, pixels),
            "probability": _probabilities(phases[name]),
            "verdict": measure.judged(reals, fakes[name], copies[name]),
            "memorisation": measure.summary(copies[name]),
            "copying": measure.copying(reals, fakes[name], recipe.seed),
            "exact_copies": exact_copies(dataset.train, pixels),
            "intra_cluster": _intra_cluster(looker, dataset, pixels, recipe.seed),
        }
        for name, pixels in images.items()
    }
    last = list(phases)[-1]
    table = selector_report(phases[last], recipe.seed)
    record = {
        "recipe": _recipe(recipe, looker, dataset),
        "caution": caution(looker.features, dataset),
        "real": measure.real_reference(reals, k=recipe.neighbours, seed=recipe.seed),
        "phases": measured,
        "selector": table,
        "classes": classes_report(phases[last], sources, recipe.seed),
        "selector_entropy": selector.entropy(np.array([row["probability"] for row in table])),
    }
    directory = workdir / runs.SAMPLES
    _save_comparison(directory, dataset, images)
    _save_walk(directory, phases[last], recipe.seed)
    _save_closest(directory, dataset, images[last], copies[last])
    _save_selector(directory, log.read(workdir / runs.METRICS))
    report.write(workdir, record)
    return record


def _recognised(looker: Looker, images: Pixels) -> dict[str, float]:
    """Returns the judge's verdicts on images; none without a judge."""
    if looker.judge is None:
        return {}
    seen = embed(looker.judge, images).probabilities
    return measure.recognised(seen, looker.judge.class_names)


def _probabilities(mined: Mined) -> dict[str, float]:
    """Returns how often each source is used."""
    table = selector_table(mined.source_names, mined.method.selector(mined.state))
    return {row["name"]: row["probability"] for row in table}


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


def selector_table(names: Sequence[str], state: selector.SelectorState) -> list[dict[str, Any]]:
    """Returns how often each source is used, in the config's order, with a 95 % interval."""
    shares = np.asarray(selector.probabilities(state)).tolist()
    rows = zip(names, shares, selector.intervals(state).tolist(), strict=True)
    return [{"name": n, "probability": p, "interval": interval} for n, p, interval in rows]


def selector_report(mined: Mined, seed: int) -> list[dict[str, Any]]:
    """Adds to the table what the critic would choose if a source were not there."""
    state = mined.method.selector(mined.state)
    table = selector_table(mined.source_names, state)
    if len(table) == 1 or mined.method.contest is None:
        return table
    key = jax.random.fold_in(jax.random.key(seed), sampling.STREAM + 2)
    scores = mined.method.contest(mined.state, key, CONTEST)
    return [
        {**row, "without_it": selector.without(scores, number).tolist()}
        for number, row in enumerate(table)
    ]


def classes_report(mined: Mined, sources: Sequence[Source], seed: int) -> list[dict[str, Any]]:
    """Returns near which of its sources' classes a method asks, the most frequent first.

    A row has the share of a source's images for which M^c's vector is nearest to a class's, and how
    far it is on average, over the mean distance from a class to the nearest other one.
    """
    rows: list[dict[str, Any]] = []
    given_for = mined.method.mined
    if given_for is None:
        return rows
    for number, source in enumerate(sources):
        key = jax.random.fold_in(jax.random.key(seed), sampling.STREAM + 3 + number)
        latents = jax.random.normal(key, (CONTEST, mined.method.latent_sizes[number]))
        given = given_for(mined.state, number, latents)
        if not isinstance(given, tuple) or given[1].ndim == 1:
            continue  # no class was mined
        table = class_table(source.generator, source.networks.num_classes)
        found, distances = map(np.asarray, classes.nearest(given[1], table))
        names = source.description.get("class_names") or range(len(table))
        rows += [
            {
                "source": source.name,
                "class": str(names[label]),
                "share": float((found == label).mean()),
                "distance": float(distances[found == label].mean() / classes.spacing(table)),
            }
            for label in np.argsort(-np.bincount(found, minlength=len(table)), kind="stable")[:TOP]
            if (found == label).any()
        ]
    return rows


def _save_comparison(directory: Path, dataset: Dataset, images: Mapping[str, Pixels]) -> None:
    """Pictures every phase and the target side by side."""
    panels = [*images.values(), dataset.train]
    sheet = pictures.side_by_side([panel[: PANEL**2] for panel in panels], columns=PANEL)
    pictures.save_png(directory / "comparison.png", sheet)


def _save_walk(directory: Path, mined: Mined, seed: int) -> None:
    """Pictures walks between latents, one a row."""
    walk = sampling.latent_walk(
        mined.method, mined.state, num_walks=WALKS, num_steps=WALKS, seed=seed
    )
    pictures.save_png(directory / "walk.png", pictures.grid(walk, columns=WALKS))


def _save_selector(directory: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Pictures the selector's probabilities over the steps of all phases, if there are several."""
    tables = [line["selector"] for line in lines if "selector" in line]
    if not tables:
        return
    series = {
        row["name"]: [table[number]["probability"] for table in tables]
        for number, row in enumerate(tables[-1])
    }
    pictures.save_png(directory / "selector.png", pictures.chart(series), magnify=1)


def _save_closest(
    directory: Path, dataset: Dataset, images: Pixels, copies: Memorisation | None
) -> None:
    """Pictures the generated images that are nearest to a training image, beside it."""
    if copies is None:
        return
    fakes, nearest = copies.closest.T
    pairs = np.stack([images[fakes], dataset.train[nearest]], axis=1)
    sheet = pictures.grid(pairs.reshape(-1, *images.shape[1:]), columns=8)
    pictures.save_png(directory / "closest.png", sheet)
