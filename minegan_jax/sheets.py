"""The pictures beside a report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minegan_jax import pictures, sampling
from minegan_jax.adapters import Mined
from minegan_jax.data import Dataset
from minegan_jax.evaluation.memorisation import Memorisation
from minegan_jax.types import Pixels

PANEL = 6  # rows and columns of each panel of the comparison
WALKS = 8  # rows, and steps of each, of the latent walks


def save_comparison(directory: Path, dataset: Dataset, images: Mapping[str, Pixels]) -> None:
    """Pictures every phase and the target side by side."""
    panels = [*images.values(), dataset.train]
    sheet = pictures.side_by_side([panel[: PANEL**2] for panel in panels], columns=PANEL)
    pictures.save_png(directory / "comparison.png", sheet)


def save_walk(directory: Path, mined: Mined, seed: int) -> None:
    """Pictures walks between latents, one a row."""
    walk = sampling.latent_walk(
        mined.method, mined.state, num_walks=WALKS, num_steps=WALKS, seed=seed
    )
    pictures.save_png(directory / "walk.png", pictures.grid(walk, columns=WALKS))


def save_selector(directory: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Pictures the selector's probabilities over the steps of all phases, if there are several."""
    tables = [line["selector"] for line in lines if "selector" in line]
    if not tables:
        return
    series = {
        row["name"]: [table[number]["probability"] for table in tables]
        for number, row in enumerate(tables[-1])
    }
    pictures.save_png(directory / "selector.png", pictures.chart(series), magnify=1)


def save_closest(
    directory: Path, dataset: Dataset, images: Pixels, copies: Memorisation | None
) -> None:
    """Pictures the generated images that are nearest to a training image, beside it."""
    if copies is None:
        return
    fakes, nearest = copies.closest.T
    pairs = np.stack([images[fakes], dataset.train[nearest]], axis=1)
    sheet = pictures.grid(pairs.reshape(-1, *images.shape[1:]), columns=8)
    pictures.save_png(directory / "closest.png", sheet)
