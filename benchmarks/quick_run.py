"""How long the README's first command takes, and a job so short that starting it is all its work.

    python benchmarks/quick_run.py --workdir=QUICK [--out=docs/results/speed.json]

The short job, of five steps, runs twice: with an empty compilation cache, and with what the first
left there. Then the whole command runs, from a third empty folder.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import results

SHORT = (
    "--config.run.mine_steps=3",
    "--config.run.finetune_steps=2",
    "--config.report.num_images=200",
)


def seconds(workdir: Path, cache: Path, *flags: str) -> float:
    """Returns how long a run takes, from start to exit."""
    command = [sys.executable, "-m", "minegan_jax.main", "--config=mnist", f"--workdir={workdir}"]
    start = time.perf_counter()
    environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(cache)}
    subprocess.run([*command, *flags], check=True, env=environment)
    return time.perf_counter() - start


def main() -> None:
    """Runs all three and keeps the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    workdir, cache = options.workdir, options.workdir / "cache"
    first = seconds(workdir / "first", cache, *SHORT)
    second = seconds(workdir / "second", cache, *SHORT)
    results.keep(options.out, "start", {"first_seconds": first, "second_seconds": second})

    taken = seconds(workdir / "whole", workdir / "empty")
    peak = results.peak_gigabytes(resource.RUSAGE_CHILDREN)
    phases = json.loads((workdir / "whole" / "report.json").read_text())["phases"]
    nines = {name: phase["recognised"]["9"] for name, phase in phases.items()}
    figures = {"seconds": taken, "gigabytes": peak, "recognised_as_nine": nines}
    results.keep(options.out, "quick run", figures)


if __name__ == "__main__":
    main()
