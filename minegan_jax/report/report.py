"""What a run shows in the end: every phase's images, measured and pictured."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from minegan_jax import run_folder, trees
from minegan_jax.data import Dataset
from minegan_jax.data.identity import identity
from minegan_jax.features.embed import embed
from minegan_jax.features.extractor import Extractor
from minegan_jax.metrics.copy_verdict import judge_pixels
from minegan_jax.metrics.intra_cluster import intra_cluster_distance
from minegan_jax.metrics.memorisation import Memorisation, exact_copies
from minegan_jax.metrics.near_copies import (
    Known,
    NearCopies,
    known_pictures,
    near_copies_of,
)
from minegan_jax.metrics.shown import Shown, shown
from minegan_jax.mining import selector
from minegan_jax.report import figures, html, markdown, measure, source_usage
from minegan_jax.report.evaluator import (
    Evaluator,
    Recipe,
    caution,
    load_evaluator,
    recognised,
    target_classes,
)
from minegan_jax.report.record import Compared, Described, Distances, PhaseReport, Report
from minegan_jax.sampling.generator import Generator
from minegan_jax.sources import Source
from minegan_jax.training import log
from minegan_jax.types import Pixels

FORMAT = 2  # of report.json


class Steps(NamedTuple):
    """How far a phase has come; one that ends early does fewer steps than planned."""

    done: int
    planned: int


class Subject(NamedTuple):
    """What a report is of."""

    recipe: Recipe  # how to measure
    dataset: Dataset  # the target images
    phases: Mapping[str, Generator]  # by name; the last is also walked and searched for copies
    steps: Mapping[str, Steps]  # of those phases that were trained; a source as it came was not
    sources: Sequence[Source]  # that were mined, none for networks from scratch
    selection: source_usage.Selection | None = None  # of the last phase, if sources competed
    flip: bool = False  # whether training mirrored half of the images
    remarks: Sequence[str] = ()  # on the images, see `experiment.target_images.remarks`
    view: str = ""  # how images are measured, where that is not how they are handed out


def is_current(workdir: Path, subject: Subject) -> bool:
    """Says whether `report.json` is of this: measured so, of these images, steps and weights."""
    evaluator = load_evaluator(subject.recipe.config)
    found, expected = markdown.read(workdir), _described(subject, evaluator)
    return {name: found.get(name) for name in expected} == json.loads(json.dumps(expected))


def _described(subject: Subject, evaluator: Evaluator) -> Described:
    """Returns everything that a figure depends on."""
    phases = {
        name: {
            "steps": subject.steps[name]._asdict() if name in subject.steps else None,
            "weights": trees.digest((generator.weights, generator.probabilities)),
        }
        for name, generator in subject.phases.items()
    }
    networks = {
        role: {"name": extractor.name, "sha256": extractor.sha256}
        for role, extractor in evaluator._asdict().items()
        if extractor is not None
    }
    recipe, target = subject.recipe, identity(subject.dataset)
    how = {**dataclasses.asdict(recipe.config), "seed": recipe.seed, "weights": recipe.weights}
    return {
        "format": FORMAT,
        "recipe": {**how, **networks, "target": target},
        "provenance": {"phases": phases},
    }


class _Real(NamedTuple):
    """The real images as each measure takes them."""

    train: Shown  # their pixels
    held_out: Shown
    known: Known | None  # among which near copies are sought
    embedded: measure.Reals | None  # None without a network for features


def write_report(workdir: Path, subject: Subject) -> Report:
    """Measures and pictures every phase; writes `report.json`, `report.md` and `report.html`."""
    recipe, dataset, phases = subject.recipe, subject.dataset, subject.phases
    evaluator, directory = load_evaluator(recipe.config), workdir / run_folder.SAMPLES
    real = _real(evaluator.features, subject)
    measured, pictured, last = dict[str, PhaseReport](), {}, list(phases)[-1]
    # One phase after the other: of many images no more than one phase's lie in memory.
    for name, drawn in phases.items():
        images = drawn.as_measured().sample(recipe.config.num_images, recipe.seed)
        compared, copies = _compared(evaluator.features, recipe, real, images)
        measured[name] = {
            **compared,
            "weights": drawn.kind,
            "recognised": (found := recognised(evaluator, images)),
            "recognised_as_target": measure.recognised_as(target_classes(dataset), found),
            "probability": source_usage.probabilities(drawn),
            "exact_copies": exact_copies(real.train.rows, images),
            "intra_cluster": _intra_cluster(evaluator, dataset, images, recipe.seed),
        }
        pictured[name] = _handed_out(drawn, images, recipe)
        if name == last:
            figures.save_closest(directory, real.train.rows, images, copies)
        del images
    table = source_usage.selector_report(phases[last], subject.selection, recipe.seed)
    record: Report = {
        **_described(subject, evaluator),
        "versions": run_folder.versions(),
        "caution": caution(evaluator.features, dataset),
        "remarks": list(subject.remarks),
        "view": subject.view,
        "real": _reference(recipe, real),
        "phases": measured,
        "selector": table,
        "classes": source_usage.classes_report(phases[last], subject.sources, recipe.seed),
        "selector_entropy": selector.entropy(np.array([row["probability"] for row in table])),
    }
    figures.save_comparison(directory, dataset, pictured)
    figures.save_walk(directory, phases[last], recipe.seed)
    figures.save_selector(directory, log.read(workdir / run_folder.METRICS))
    html.write(workdir, record)
    markdown.write(workdir, record)  # last: its JSON makes the report complete
    return record


def _real(features: Extractor | None, subject: Subject) -> _Real:
    """Prepares what the measures compare with."""
    parts = (subject.dataset.train, subject.dataset.held_out)
    train, held_out = (shown(part, flip=subject.flip) for part in parts)
    known = known_pictures(train, held_out, seed=subject.recipe.seed)
    if features is None:
        return _Real(train, held_out, known, None)
    embedded = measure.Reals(_features(features, train), _features(features, held_out))
    return _Real(train, held_out, known, embedded)


def _reference(recipe: Recipe, real: _Real) -> Distances:
    """Returns the distances of real images to each other: the best to hope for."""
    if real.embedded is None:
        return {}
    config = recipe.config
    return measure.real_reference(
        real.embedded, config.num_images, k=config.neighbours, seed=recipe.seed
    )


def _compared(
    features: Extractor | None, recipe: Recipe, real: _Real, images: Pixels
) -> tuple[Compared, Memorisation | None]:
    """Compares a phase's images with the real ones; by pixels alone where no network looks."""
    near = real.known and near_copies_of(real.known, images)
    if features is None or real.embedded is None:
        return _by_pixels(real, near), None
    reals, seed = real.embedded, recipe.seed
    fake = embed(features, images).features
    copies = measure.remembered(reals, fake, seed)
    compared: Compared = {
        **measure.distances(reals, fake, k=recipe.config.neighbours, seed=seed),
        "verdict": measure.judged(reals, fake, copies, near),
        "memorisation": measure.summary(copies, near),
        "copying": measure.copying(reals, fake, seed),
    }
    return compared, copies


def _by_pixels(real: _Real, near: NearCopies | None) -> Compared:
    """Returns the figures that need no features: the share of near copies."""
    pictures = (len(part.first_rows) for part in (real.train, real.held_out))
    return {
        "held_out": None,
        "equal_counts": None,
        "train": None,
        "mean_variance": None,
        "verdict": judge_pixels(near, *pictures)._asdict(),
        "memorisation": measure.summary(None, near),
        "copying": {"left_out": {}},
    }


def _handed_out(
    drawn: Generator, measured: Pixels, recipe: Recipe
) -> UInt8[np.ndarray, "shown _ _ _"]:
    """Returns the first of the images that were measured, as they are handed out."""
    if not drawn.as_measured().measured:
        return measured[: figures.PANEL**2].copy()  # a view would keep all of them in memory
    return drawn.sample(min(figures.PANEL**2, len(measured)), recipe.seed)


def _intra_cluster(
    evaluator: Evaluator, dataset: Dataset, images: Pixels, seed: int
) -> dict[str, Any] | None:
    """Returns how different images of one kind are, if there is what tells."""
    if evaluator.diversity is None:
        return None
    distances = evaluator.diversity.distances
    return intra_cluster_distance(dataset.train, images, distances, seed=seed)._asdict()


def _features(features: Extractor, pixels: Shown) -> Shown:
    """Embeds real images, of which there may be none."""
    if not pixels.num_images:
        return pixels._replace(rows=np.zeros((0, 0)))
    return pixels._replace(rows=embed(features, pixels.rows).features)
