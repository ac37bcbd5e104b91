"""Where a method's images come from: which sources it uses, and near which of their classes."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from minegan_jax.mining import class_conditioning, selector
from minegan_jax.nets.conditioning import class_table
from minegan_jax.sampling import sampler
from minegan_jax.sampling.adapter import Mined
from minegan_jax.sources import Source

CONTEST = 500  # supersamples that say who would win without a source, or which classes are mined
TOP = 10  # classes that a report names


def selector_table(names: Sequence[str], state: selector.SelectorState) -> list[dict[str, Any]]:
    """Returns how often each source is used, in the config's order, with a 95 % interval."""
    shares = np.asarray(selector.probabilities(state)).tolist()
    rows = zip(names, shares, selector.intervals(state).tolist(), strict=True)
    return [{"name": n, "probability": p, "interval": interval} for n, p, interval in rows]


def selector_report(mined: Mined, seed: int) -> list[dict[str, Any]]:
    """Adds to the table what the critic would choose without a source; None: nobody is left."""
    state = mined.method.selector(mined.state)
    table = selector_table(mined.source_names, state)
    if len(table) == 1 or mined.method.contest is None:
        return table
    key = jax.random.fold_in(jax.random.key(seed), sampler.STREAM + 2)
    scores = mined.method.contest(mined.state, key, CONTEST)
    left = [selector.without(scores, number) for number in range(len(table))]
    return [
        {**row, "without_it": None if shares is None else shares.tolist()}
        for row, shares in zip(table, left, strict=True)
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
        key = jax.random.fold_in(jax.random.key(seed), sampler.STREAM + 3 + number)
        latents = jax.random.normal(key, (CONTEST, mined.method.latent_sizes[number]))
        given = given_for(mined.state, number, latents)
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


def probabilities(mined: Mined) -> dict[str, float]:
    """Returns how often each source is used."""
    table = selector_table(mined.source_names, mined.method.selector(mined.state))
    return {row["name"]: row["probability"] for row in table}
