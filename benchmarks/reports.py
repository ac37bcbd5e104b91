"""What the experiments share: each run lies in its own folder, and is only read once it is done."""

import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from minegan_jax import experiment
from minegan_jax.config import from_values


def report_of(folder: Path, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Trains a run, unless it is done, or goes on where it was cut; returns its report."""
    if not (folder / "report.json").exists():
        experiment.train(from_values(dict(fields)), folder)
    return json.loads((folder / "report.json").read_text())


def mean_and_spread(values: Sequence[float]) -> str:
    """Returns the mean over seeds and, if there are several, the standard deviation."""
    spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3g}{spread}"
