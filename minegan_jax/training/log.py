"""The metrics file: one JSON object a line, cut back to the last checkpoint when a run resumes."""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from minegan_jax.files import write_atomically

Write = Callable[[Mapping[str, Any]], None]  # adds a record with at least `phase` and `step`


def writer(path: Path) -> Write:
    """Returns the writer of a run's `metrics.jsonl`; everything that logs during a run shares it.

    Before a phase's first line those of a run that was cut are dropped from that step on, and with
    them the rest of a line that a kill cut short.
    """
    begun: set[str] = set()

    def write(record: Mapping[str, Any]) -> None:
        if record["phase"] not in begun:
            begun.add(record["phase"])
            forget_from(path, record["phase"], record["step"])
        append(path, record)

    return write


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Adds a line; numbers that JSON lacks (NaN, infinities) become null."""
    with path.open("a") as file:
        file.write(json.dumps(_plain(record)) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """Returns the lines; a last line that a kill cut short is left out."""
    records = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            records.append(json.loads(line))
        except ValueError:
            break
    return records


def forget_from(path: Path, phase: str, step: int) -> None:
    """Drops a phase's lines from a step on, which a resumed run takes again."""
    kept = [r for r in read(path) if r["phase"] != phase or r["step"] < step]
    if path.exists():
        write_atomically(path, "".join(json.dumps(record) + "\n" for record in kept).encode())


def _plain(value: Any) -> Any:
    """Returns the value as JSON can hold it."""
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
