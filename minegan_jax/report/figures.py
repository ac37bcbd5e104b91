"""The pictures beside a report."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from minegan_jax.data import Dataset
from minegan_jax.metrics.memorisation import Memorisation
from minegan_jax.report import image_grids
from minegan_jax.sampling.generator import Generator
from minegan_jax.types import Pixels

PANEL = 6  # rows and columns of each panel of the comparison
WALKS = 8  # rows, and steps of each, of the latent walks


def save_comparison(directory: Path, dataset: Dataset, images: Mapping[str, Pixels]) -> None:
    """Pictures every phase, as it is handed out, and the target beside it, as large."""
    panels = [image_grids.shrunk(panel[: PANEL**2]) for panel in images.values()]
    target = image_grids.resized(dataset.train[: PANEL**2], panels[0].shape[1])
    sheet = image_grids.side_by_side([*panels, target], columns=PANEL)
    image_grids.save_png(directory / "comparison.png", sheet)


def save_walk(directory: Path, generator: Generator, seed: int) -> None:
    """Pictures walks between latents, one a row."""
    walk = image_grids.shrunk(generator.walk(num_walks=WALKS, num_steps=WALKS, seed=seed))
    image_grids.save_png(directory / "walk.png", image_grids.grid(walk, columns=WALKS))


def save_selector(directory: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Charts the selector's probabilities over the steps of all phases, if there are several.

    Args:
      directory: that gets the picture.
      lines: of a run's metrics, in the order in which they were written.
    """
    from minegan_jax.report import charts  # only here: it imports matplotlib

    found = [line for line in lines if "selector" in line]
    if not found:
        return
    last = {line["phase"]: line["step"] for line in found}  # of each phase, in order
    begins = dict(zip(last, itertools.accumulate([0, *last.values()]), strict=False))
    series = {
        row["name"]: [line["selector"][number]["probability"] for line in found]
        for number, row in enumerate(found[-1]["selector"])
    }
    steps = [begins[line["phase"]] + line["step"] for line in found]
    phases = [charts.Phase(name, start) for name, start in begins.items()]
    charts.save(directory / "selector.png", charts.shares(steps, series, phases))


def save_closest(
    directory: Path,
    train: UInt8[np.ndarray, "train height width channels"],
    images: UInt8[np.ndarray, "fake height width channels"],
    copies: Memorisation | None,
) -> None:
    """Pictures the generated images that are nearest to a training image, as shown, beside it."""
    if copies is None:
        return
    fakes, nearest = copies.closest.T
    pairs = np.stack([images[fakes], train[nearest]], axis=1)
    sheet = image_grids.grid(pairs.reshape(-1, *images.shape[1:]), columns=8)
    image_grids.save_png(directory / "closest.png", sheet)
