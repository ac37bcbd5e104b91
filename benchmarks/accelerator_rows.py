"""All rows of `accelerator.py` in their order, and how they are run one after another.

A row is a name, a function that returns its figures, and the seconds that it is given. It is in
the file from the moment it starts, so that whatever ends its process leaves a trace.
"""

import importlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import accelerator_looking
import accelerator_quick
import accelerator_right
import accelerator_whole
import jax
import results
from accelerator_right import Figures
from accelerator_settings import CHECKED, TIMED

PARTS = ("card", "prepared", "right", "quick", "torch", "whole")
CARD = "card"
PEAK = "quick peak"
DETERMINISTIC = {"XLA_FLAGS": "--xla_gpu_deterministic_ops=true"}
# Others than this process, PyTorch or a command, need memory on the same card.
SHARED = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
RUNNING = {"status": "running"}
PHOTOGRAPHS_STEPS = 6000


class Row(NamedTuple):
    """One thing to find out; consecutive rows of one environment share a process."""

    name: str  # begins with its part
    run: Callable[..., Figures]
    seconds: float  # that it is given; it does not start with less
    environment: Mapping[str, str] = {}
    after: str | None = None  # a row whose figures, or None, `run` is given


def card() -> Figures:
    """Says what runs this."""
    device = jax.devices()[0]
    names = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")
    return {
        "platform": device.platform,
        "devices": len(jax.devices()),
        "memory": (device.memory_stats() or {}).get("bytes_limit"),
        "versions": {name: version(name) for name in names},
    }


def in_torch(ours: Mapping[str, Any] | None, *given: str, **options: Any) -> Figures:
    """Times PyTorch's step, if there is PyTorch, and a step of ours to compare it with."""
    if find_spec("torch") is None:
        return {"left_out": "torch is not installed"}
    if ours is None:
        return {"left_out": "our own step has no figures"}
    return importlib.import_module("accelerator_torch").time_step(ours, *given, **options)


def _steps(precision: str, *, tiny: bool) -> Iterator[Row]:
    """Times every step in a precision, then those that PyTorch has."""
    for name, timed in TIMED.items():
        run = partial(accelerator_quick.time_step, name=name, precision=precision, tiny=tiny)
        yield Row(f"quick {name} {precision}", run, timed.seconds, after=PEAK)
    for name, timed in TIMED.items():
        if timed.opponent:
            yield _torch(name, precision, tiny=tiny)


def _torch(name: str, precision: str, *, compiled: bool = False, tiny: bool) -> Row:
    """Times a step in PyTorch."""
    run = partial(in_torch, name=name, precision=precision, compiled=compiled, tiny=tiny)
    title = f"torch {name} {precision}{' compiled' if compiled else ''}"
    seconds = 60.0 if compiled else 20.0
    return Row(title, run, seconds, SHARED, after=f"quick {name} {precision}")


def _right(*, tiny: bool) -> Iterator[Row]:
    """Checks families, samples and features, and whether steps repeat."""
    for name in CHECKED:
        yield Row(f"right {name}", partial(accelerator_right.check_family, name, tiny=tiny), 25.0)
    yield Row("right sampling", partial(accelerator_looking.check_sampling, tiny=tiny), 10.0)
    for name in ("digits", "efficientnet_lite0"):
        run = partial(accelerator_looking.check_features, name, tiny=tiny)
        yield Row(f"right features {name}", run, 20.0)
    yield from _repeats(tiny=tiny)


def _repeats(title: str = "", environment: Mapping[str, str] = {}, *, tiny: bool) -> Iterator[Row]:
    """Checks whether each family's step repeats."""
    for name in CHECKED:
        run = partial(accelerator_right.check_repeats, name, tiny=tiny)
        yield Row(f"right repeat {name}{title}", run, 15.0, environment)


def _variants(*, tiny: bool) -> Iterator[Row]:
    """Times what else a step could be."""
    step = partial(accelerator_quick.time_step, precision="tf32", tiny=tiny)
    for name in ("biggan_128", "progan_256"):
        timed, run = TIMED[name], partial(step, name=name)
        title = f"quick {name} tf32"
        without = partial(run, own=False)
        yield Row(f"{title} derivatives of XLA", without, timed.seconds, after=PEAK)
    run = partial(step, name="biggan_128", penalty=False)
    yield Row("quick biggan_128 tf32 no penalty", run, 60.0, after=PEAK)
    for name in ("mnist", "biggan_128"):
        run, title = partial(step, name=name), f"quick {name} tf32 deterministic"
        yield Row(title, run, TIMED[name].seconds, DETERMINISTIC, after=PEAK)
    yield from _repeats(" deterministic", DETERMINISTIC, tiny=tiny)


def _whole(*, tiny: bool) -> Iterator[Row]:
    """Times the README's first command, and the conditional digits."""
    for config in ("mnist", "bigGAN_digits"):
        steps = "mine_steps", "finetune_steps"
        run = partial(accelerator_whole.digits, config, steps=steps, tiny=tiny)
        yield Row(f"whole {config}", run, 75.0, SHARED)


def plan(*, tiny: bool, photographs: Path | None = None, kept: Path = Path()) -> list[Row]:
    """Returns all rows, the most valuable first.

    Args:
      tiny: for a rehearsal.
      photographs: a folder of them to pretrain a BigGAN on; without, there is no such row.
      kept: where its source goes.
    """
    rows = [Row(CARD, card, 10.0)]
    rows += _right(tiny=tiny)
    rows.append(Row(PEAK, partial(accelerator_quick.peak, tiny=tiny), 10.0))
    rows += _steps("tf32", tiny=tiny)
    rows += _whole(tiny=tiny)
    rows += [*_steps("bfloat16", tiny=tiny), *_variants(tiny=tiny), *_steps("float32", tiny=tiny)]
    opponents = [name for name, timed in TIMED.items() if timed.opponent]
    rows += [_torch(name, "tf32", compiled=True, tiny=tiny) for name in opponents]
    for name in TIMED:
        run = partial(accelerator_quick.prepared, name, tiny=tiny)
        rows.append(Row(f"prepared {name}", run, 10.0, {"JAX_PLATFORMS": "cpu"}))
    if photographs:
        steps = 1 if tiny else PHOTOGRAPHS_STEPS
        run = partial(accelerator_whole.photographs, photographs, kept, num_steps=steps)
        rows.append(Row("whole photographs", run, 180.0, SHARED))
    return [row._replace(seconds=1.0) for row in rows] if tiny else rows


def found(out: Path) -> dict[str, Any]:
    """Returns the rows that a file has, by name."""
    return json.loads(out.read_text()) if out.exists() else {}


def figures_of(out: Path, name: str) -> Figures | None:
    """Returns what a row found, or None if it found nothing."""
    row = found(out).get(name, {})
    return row if row.get("status") == "done" else None


def run_rows(rows: Sequence[Row], out: Path, until: float) -> bool:
    """Runs rows one after another; stops after one that failed, for the next needs a fresh process.

    Args:
      rows: to run, in this process.
      out: the file that keeps each row.
      until: the time, as `time.time` gives it, at which all must be over.

    Returns:
      Whether none failed.
    """
    for row in rows:
        left = until - time.time()
        if left < row.seconds:
            kept: Figures = {"left_out": f"it is given {row.seconds:.0f} s, {left:.0f} are left"}
            results.keep(out, row.name, {"status": "left out", **kept})
            continue
        results.keep(out, row.name, RUNNING)
        start, given = time.time(), [figures_of(out, row.after)] if row.after else []
        try:
            kept = row.run(*given)
        except Exception as error:  # whatever it is, the other rows can still be had
            kept = {"status": "failed", "error": one_line(error)}
        ended = "left out" if "left_out" in kept else "done"
        facts = {"status": ended, "row_seconds": time.time() - start, "device": device_name()}
        results.keep(out, row.name, facts | kept)
        if kept.get("status") == "failed":
            return False
    return True


def device_name() -> str:
    """Says which device this process has."""
    return jax.devices()[0].device_kind


def one_line(error: Exception) -> str:
    """Returns what an error says, in a line."""
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said[:500]}"
