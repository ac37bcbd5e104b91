"""What a comparison keeps of one phase of one run: figures, what was given, what made them."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from minegan_jax import experiment
from minegan_jax.config import FIELDS, Config, flat
from minegan_jax.experiment import build
from minegan_jax.experiment.comparison_config import Cell
from minegan_jax.mining import class_conditioning
from minegan_jax.report import table

SEARCHES = ("dgn_am", "ppgn")  # methods that climb a classifier's verdict for one class


class Row(NamedTuple):
    """One phase of one run."""

    title: str
    phase: str
    cell: Cell
    run: experiment.Run
    report: Mapping[str, Any]


def describe(row: Row, folder: str) -> dict[str, Any]:
    """Returns a row as plain values.

    Args:
      row: the phase.
      folder: where its run lies, from the comparison's folder.
    """
    phase = row.report["phases"][row.phase]
    return {
        "title": row.title,
        "setting": row.cell.setting,
        "max_images": row.cell.max_images,
        "seed": row.cell.seed,
        "folder": folder,
        "phase": row.phase,
        "label": uses_label(row.cell.config),
        **table.metrics(phase),
        "recognised": phase["recognised"],
        "probability": phase["probability"],
        "given": given(row),
        "provenance": provenance(row),
        "view": row.report["view"],
        "remarks": row.report["remarks"],  # none: no source saw an image that is held out
    }


def uses_label(config: Config) -> bool:
    """Says whether a method is told the target's class (Table 2)."""
    named = config.classes not in (class_conditioning.ALL, class_conditioning.MEAN)
    return config.method in SEARCHES or named or config.network.num_classes > 0


def given(row: Row) -> dict[str, Any]:
    """Returns a method's budget up to this phase's end.

    `steps` of training and the `images` that these saw, repeats among them; `guide`, the frozen
    network that it asked; `search_steps` for each image that it makes; the `weights` that draw.
    """
    config, built = row.cell.config, row.run.experiment
    trained = row.phase in built.methods
    steps, climbs = _steps(row), trained and config.method in SEARCHES
    return {
        "steps": steps,
        "images": steps * _images_a_step(row) if trained else 0,
        "guide": built.guide.name if trained and built.guide else None,
        "search_steps": config.baseline.search_steps if climbs else 0,
        "weights": row.report["phases"][row.phase]["weights"],
    }


def _steps(row: Row) -> int:
    """Returns how many steps were done up to a phase's end."""
    names = [phase.name for phase in row.run.experiment.phases]
    done = row.report["provenance"]["phases"]
    upto = names[: names.index(row.phase) + 1] if row.phase in names else []
    return sum(done[name]["steps"]["done"] for name in upto)


def _images_a_step(row: Row) -> int:
    """Returns how many real images a step sees: only a game's critic has several turns."""
    config = row.cell.config
    if config.method in SEARCHES:
        return 0  # PPGN's encoder learns from the source's own images
    return config.run.batch_size * build.turns(config)


def provenance(row: Row) -> dict[str, Any]:
    """Returns the digests of what made a row: config, images, sources and other networks."""
    built, recipe = row.run.experiment, row.report["recipe"]
    networks = {role: recipe[role]["sha256"] for role in ("features", "classifier") if recipe[role]}
    if built.guide:
        networks["guide"] = built.guide.sha256
    return {
        "config": config_digest(row.cell.config, [source.name for source in built.sources]),
        "images": recipe["target"]["sha256"],
        "sources": {source.name: source.sha256 for source in built.sources},
        "networks": networks,
    }


def config_digest(config: Config, sources: Sequence[str]) -> str:
    """Returns the SHA-256 of what a config says other than the defaults.

    Args:
      config: of a run.
      sources: by name, which stand in the place of where they lie.
    """
    fields = {**flat(dataclasses.asdict(config)), "sources": tuple(sources)}
    said = {path: value for path, value in fields.items() if value != FIELDS[path].default}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
