"""What a run leaves while it trains: samples, measures and the selector, as hooks of the loop."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from minegan_jax.mining.method import TransferMethod
from minegan_jax.mining.selector import SelectorState
from minegan_jax.report import image_grids
from minegan_jax.training import log
from minegan_jax.training.learner import State
from minegan_jax.training.loop import Hook, Progress
from minegan_jax.types import Pixels


def write_selector(
    write: log.Write,
    table: Callable[[SelectorState], Sequence[Mapping[str, Any]]],
    methods: Mapping[str, TransferMethod],
) -> Hook:
    """Writes how often each source is used."""

    def hook(progress: Progress) -> None:
        state = methods[progress.phase.name].selector(progress.state)
        where = {"phase": progress.phase.name, "step": progress.step}
        write({**where, "selector": table(jax.device_get(state))})

    return hook


def save_samples(directory: Path, sample: Callable[[str, State], Pixels]) -> Hook:
    """Writes a square grid of samples; `sample` gets the phase's name and the state."""

    def hook(progress: Progress) -> None:
        samples = image_grids.shrunk(sample(progress.phase.name, progress.state))
        path = directory / f"{progress.phase.name}_{progress.step:06d}.png"
        image_grids.save_png(path, image_grids.grid(samples, columns=math.isqrt(len(samples))))

    return hook


def evaluate(write: log.Write, measure: Callable[[str, State], Mapping[str, float]]) -> Hook:
    """Writes held-out measures of the phase's samples into the metrics file."""

    def hook(progress: Progress) -> None:
        record = {"phase": progress.phase.name, "step": progress.step}
        write({**record, "evaluation": measure(progress.phase.name, progress.state)})

    return hook
