r"""Everything that only an accelerator can tell, by one command that ends in time.

    python benchmarks/accelerator.py --out=docs/results/accelerator.json \
        [--minutes=8] [--only=PART,...] [--photographs=FOLDER] [--rehearse]

Right: what each family computes, against float64 on the host; whether a step repeats, and resumes,
bit for bit. Quick: what full-size steps take in TF32, bfloat16 and float32, in ours and in PyTorch.
Whole: the README's first command, and the conditional digits. The most valuable rows come first.
Each row is kept as it finishes; one that fails keeps its error and the others go on; one for
which no time is left is left out. The same command goes on with what the file lacks, on the same
kind of device.

It needs JAX for the accelerator, flax, optax, orbax-checkpoint, pillow, safetensors, jaxtyping,
tqdm and ml_collections; PyTorch for its rows. On a machine without a network bring what
is missing as wheels, which have to be of pure Python:

    pip download --no-deps --dest=WHEELS ml_collections
    pip install --no-index --no-deps --find-links=WHEELS ml_collections

`--rehearse` tries all of it on any machine, at tiny sizes. `--only` takes parts (card, prepared,
right, quick, torch, whole) or whole names of rows; `--only=prepared`, flops by hand and the bytes
of a step's state, needs no accelerator.
"""

import argparse
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the checkout need not be installed

import accelerator_rows
import results
from accelerator_rows import CARD, PARTS, Row

from minegan_jax.training import devices

PROCESS = Path(__file__).with_name("accelerator_process.py")
MARGIN = 5.0  # seconds that ending takes
# What makes tiny programs compile quickly, or not twice.
REHEARSAL = {
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PLATFORMS": "cpu",
}


def wanted(rows: Sequence[Row], only: str) -> list[Row]:
    """Returns the rows of some parts, or of some names, and what runs them; all if none is named.

    Raises:
      ValueError: there is no such part or row.
    """
    asked = [name for name in only.split(",") if name]
    known = {*PARTS, *(row.name for row in rows)}
    if unknown := [name for name in asked if name not in known]:
        raise ValueError(f"--only={unknown[0]}: expected one of {', '.join(PARTS)} or a row")
    return [
        row
        for row in rows
        if not asked or row.name == CARD or row.name in asked or row.name.split()[0] in asked
    ]


def is_kept(row: Row, out: Path) -> bool:
    """Says whether a file has a row's figures, of the kind of device that runs this."""
    card, kept = (accelerator_rows.figures_of(out, name) for name in (CARD, row.name))
    if not card or not kept:
        return False
    return card["device"] == kept["device"] or "JAX_PLATFORMS" in row.environment


def start(rows: Sequence[Row], options: argparse.Namespace, until: float) -> subprocess.Popen:
    """Starts a process that runs rows of one environment."""
    flags = [f"--out={options.out}", f"--until={until}"]
    if options.rehearse:
        flags.append("--rehearse")
    if options.photographs:
        flags.append(f"--photographs={options.photographs}")
    names = [row.name for row in rows]
    return subprocess.Popen(
        [sys.executable, str(PROCESS), *flags, *names],
        env=environment(rows[0].environment, rehearse=options.rehearse),
        start_new_session=True,  # a group of its own, for a row may start processes
    )


def environment(own: Mapping[str, str], *, rehearse: bool) -> dict[str, str]:
    """Returns a process's environment; flags of XLA are added to those that there are."""
    given = dict(os.environ)
    if rehearse:
        given |= REHEARSAL
        given.setdefault("JAX_COMPILATION_CACHE_DIR", str(devices.CACHE.expanduser()))
    if "cpu" not in given.get("JAX_PLATFORMS", "cpu"):
        given["JAX_PLATFORMS"] += ",cpu"  # whose float64 is what we compare with
    flags = " ".join(each["XLA_FLAGS"] for each in (given, own) if each.get("XLA_FLAGS"))
    return {**given, **own, **({"XLA_FLAGS": flags} if flags else {})}


def wait(process: subprocess.Popen, until: float) -> None:
    """Waits for a process, and ends it and all that it started when time is up."""
    try:
        process.wait(max(0.0, until - time.time()))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def settle(rows: Sequence[Row], out: Path) -> None:
    """Says of a row that still seems to run that it was cut."""
    kept = accelerator_rows.found(out)
    for row in rows:
        if kept.get(row.name, {}).get("status") == "running":
            error = "its process ended before it did: time was up, or it crashed"
            results.keep(out, row.name, {"status": "failed", "error": error})


def run(rows: Sequence[Row], options: argparse.Namespace, until: float) -> None:
    """Runs rows of one environment, in as many processes as failures make it take."""
    left = list(rows)
    while left:
        if until - time.time() < min(row.seconds for row in left):
            accelerator_rows.run_rows(
                left, options.out, until
            )  # says of all that they are left out
            return
        before = accelerator_rows.found(options.out)
        wait(start(left, options, until), until)
        settle(left, options.out)
        after = accelerator_rows.found(options.out)
        still = [row for row in left if after.get(row.name) == before.get(row.name)]
        if still == left:
            error = "its process did not come so far as to run it"
            results.keep(options.out, left[0].name, {"status": "failed", "error": error})
            still = left[1:]
        left = still


def chosen() -> argparse.Namespace:
    """Returns what the flags say, and with it the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--only", default="")
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--rehearse", action="store_true")
    options = parser.parse_args()
    if options.photographs and not options.photographs.is_dir():
        parser.error(f"--photographs={options.photographs}: expected a folder")
    rows = accelerator_rows.plan(tiny=options.rehearse, photographs=options.photographs)
    try:
        options.rows = wanted(rows, options.only)
    except ValueError as error:
        parser.error(str(error))
    return options


def main() -> int:
    """Runs what is asked for and not kept yet, in time; returns the exit status."""
    options = chosen()
    until = time.time() + 60.0 * options.minutes - MARGIN
    card, *rows = options.rows
    run([card], options, until)
    found = accelerator_rows.figures_of(options.out, CARD)
    if not found:
        return 1
    needed = any("JAX_PLATFORMS" not in row.environment for row in rows)
    if found["platform"] == "cpu" and needed and not options.rehearse:
        print("error: no accelerator: JAX sees a CPU; --rehearse tries all on it", file=sys.stderr)
        return 2
    rows = [row for row in rows if not is_kept(row, options.out)]
    for _, group in itertools.groupby(rows, key=lambda row: sorted(row.environment.items())):
        run(list(group), options, until)
    kept = accelerator_rows.found(options.out)
    failed = [row.name for row in rows if kept[row.name]["status"] == "failed"]
    print(f"{len(rows)} rows, failed: {', '.join(failed) or 'none'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
