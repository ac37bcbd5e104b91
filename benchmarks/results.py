"""A file of results, as `docs/results/speed.json`: figures by the name of what was measured."""

import json
import os
import platform
import resource
from collections.abc import Mapping
from pathlib import Path

from minegan_jax.files import write_atomically


def keep(out: Path | None, name: str, figures: Mapping[str, object]) -> None:
    """Prints figures and, where there is a file, puts them there in the place of older ones."""
    print(f"{name}: {json.dumps(figures)}", flush=True)
    if out is None:
        return
    rows = json.loads(out.read_text()) if out.exists() else {}
    rows[name] = {**figures, "machine": _machine()}
    write_atomically(out, (json.dumps(rows, indent=1) + "\n").encode())


def peak_gigabytes(whose: int = resource.RUSAGE_SELF) -> float:
    """Returns the most memory, in 10^9 bytes, that this process or its largest child ever had."""
    return resource.getrusage(whose).ru_maxrss * 1024 / 1e9


def _machine() -> str:
    """Says which processor this is, as far as it says so itself."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} cores, {models[0] if models else platform.processor()}"
