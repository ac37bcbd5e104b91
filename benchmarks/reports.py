"""What the experiments share: runs that are only read once they are done, and tables of them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from minegan_jax import experiment
from minegan_jax.config import from_values, load_config
from minegan_jax.evaluation.table import markdown


def same_effort(config_name: str, method: str, seed: int) -> dict[str, Any]:
    """Returns a config's fields with which every method gets as many steps as MineGAN's phases."""
    config = load_config(config_name)
    steps = config.mine_steps + config.finetune_steps
    return {
        **config.to_dict(),
        "method": method,
        "finetune_steps": config.finetune_steps if method == "minegan" else steps,
        "train_steps": steps,
        "seed": seed,
        "target_seed": seed,
    }


def report_of(folder: Path, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Trains a run, unless it is done, or goes on where it was cut; returns its report."""
    if not (folder / "report.json").exists():
        experiment.train(from_values(dict(fields)), folder)
    return json.loads((folder / "report.json").read_text())


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table in Markdown."""
    print(markdown(titles, rows))
