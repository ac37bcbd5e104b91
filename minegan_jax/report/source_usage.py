"""Where a method's images come from: which sources it uses, and near which of their classes."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from minegan_jax.mining import class_conditioning, selector
from minegan_jax.mining.noise import sample_noise
from minegan_jax.nets.conditioning import class_table
from minegan_jax.report.record import ClassUse, SourceUse
from minegan_jax.sampling.generator import STREAM, Generator
from minegan_jax.sources import Source
from minegan_jax.types import Key, SuperScores

CONTEST = 500  # supersamples that say who would win without a source, or which classes are mined
TOP = 10  # classes that a report names


def selector_table(names: Sequence[str], state: selector.SelectorState) -> list[SourceUse]:
    """Returns how often each source is used, in the config's order, with a 95 % interval."""
    shares = np.asarray(selector.probabilities(state)).tolist()
    rows = zip(names, shares, selector.intervals(state).tolist(), strict=True)
    return [{"name": n, "probability": p, "interval": interval} for n, p, interval in rows]


class Selection(NamedTuple):
    """How several sources compete, as a phase left them."""

    record: selector.SelectorState
    score_sources: Callable[
        [Key, int], SuperScores
    ]  # the critic's verdicts on so many supersamples


def selector_report(
    generator: Generator, selection: Selection | None, seed: int
) -> list[SourceUse]:
    """Returns how often each source is used and what the critic would choose without it.

    None of the latter: nobody would be left.
    """
    if selection is None:
        return [
            {"name": name, "probability": share, "interval": [0.0, 1.0]}
            for name, share in probabilities(generator).items()
        ]
    table = selector_table(generator.names, selection.record)
    key = jax.random.fold_in(jax.random.key(seed), STREAM + 2)
    scores = selection.score_sources(key, CONTEST)
    left = [selector.without(scores, number) for number in range(len(table))]
    return [
        {**row, "without_it": None if shares is None else shares.tolist()}
        for row, shares in zip(table, left, strict=True)
    ]


def classes_report(generator: Generator, sources: Sequence[Source], seed: int) -> list[ClassUse]:
    """Returns near which of its sources' classes a method asks, the most frequent first.

    A row has the share of a source's images for which M^c's vector is nearest to a class's, and how
    far it is on average, over the mean distance from a class to the nearest other one.
    """
    rows: list[ClassUse] = []
    for number, source in enumerate(sources):
        behind = generator.sources[number]
        if behind.mined is None:
            continue
        key = jax.random.fold_in(jax.random.key(seed), STREAM + 3 + number)
        noise = sample_noise(key, (CONTEST,), behind.noise)
        given = behind.mined(generator.weights[number], noise)
        if not isinstance(given, tuple) or given[1].ndim == 1:
            continue  # no class was mined
        table = class_table(source.generator, source.networks.num_classes)
        found, distances = map(np.asarray, class_conditioning.nearest(given[1], table))
        names = source.description.get("class_names") or range(len(table))
        rows += [
            {
                "source": source.name,
                "class": str(names[label]),
                "share": float((found == label).mean()),
                "distance": float(
                    distances[found == label].mean() / class_conditioning.spacing(table)
                ),
            }
            for label in np.argsort(-np.bincount(found, minlength=len(table)), kind="stable")[:TOP]
            if (found == label).any()
        ]
    return rows


def probabilities(generator: Generator) -> dict[str, float]:
    """Returns how often each source is used."""
    return dict(zip(generator.names, generator.probabilities.tolist(), strict=True))
