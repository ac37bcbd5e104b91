"""What the experiments share: each run lies in its own folder, and is only read once it is done."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minegan_jax import experiment
from minegan_jax.config import from_values


def report_of(folder: Path, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Trains a run, unless it is done, or goes on where it was cut; returns its report."""
    if not (folder / "report.json").exists():
        experiment.train(from_values(dict(fields)), folder)
    return json.loads((folder / "report.json").read_text())
