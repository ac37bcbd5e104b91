"""What happens beside training: each hook is a function of the progress."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from tqdm import tqdm

from minegan_jax.errors import InputError
from minegan_jax.training import hosts, log
from minegan_jax.training.checkpoints import Checkpoints
from minegan_jax.training.loop import Hook, Progress


def every(num_steps: int, hook: Hook) -> Hook:
    """Calls the hook each `num_steps` steps (never if 0) and after a phase's last step."""

    def sometimes(progress: Progress) -> None:
        if progress.done or (num_steps and progress.step % num_steps == 0):
            hook(progress)

    return sometimes


def led_every(num_steps: int, hook: Hook) -> Hook:
    """As `every`, but only the primary process calls the hook, with a state that it has whole."""

    def together(progress: Progress) -> None:
        state = hosts.gathered(progress.state)
        if hosts.is_primary():
            hook(progress._replace(state=state))

    return every(num_steps, together)


def wait_for_step(progress: Progress) -> None:
    """Waits for the devices; CPUs of several processes lock up with too many steps in flight."""
    jax.block_until_ready(progress.metrics)


def write_metrics(write_line: log.Write, every_steps: int) -> Hook:
    """Writes the metrics' means over each interval; stops at the first that is not finite.

    They are read back only at the interval's end, so that the devices never wait for the log.

    Raises:
      InputError: a metric was NaN or infinite; says which, and at which step.
    """
    waiting: list[Any] = []
    started = [time.monotonic()]

    def write(progress: Progress) -> None:
        rows = jax.device_get(waiting)
        waiting.clear()
        first = progress.step - len(rows) + 1
        for step, row in enumerate(rows, first):
            stop_if_not_finite(progress.phase.name, step, row)
        means = {name: np.mean([row[name] for row in rows], axis=0).tolist() for name in rows[0]}
        now = time.monotonic()
        rate, started[0] = len(rows) / (now - started[0]), now
        record = {"phase": progress.phase.name, "step": progress.step, **means}
        write_line({**record, "steps_per_second": round(rate, 3)})

    write_now_and_then = every(every_steps, write)

    def hook(progress: Progress) -> None:
        waiting.append(progress.metrics)
        write_now_and_then(progress)

    return hook


def stop_if_not_finite(phase: str, step: int, metrics: Mapping[str, np.ndarray]) -> None:
    """Raises an InputError that names the first metric which is NaN or infinite."""
    for name, value in metrics.items():
        if not np.isfinite(value).all():
            raise InputError(
                f"{name} became {value[~np.isfinite(value)][0]} at step {step} of {phase}: stopped;"
                " the last checkpoint is good; try smaller learning rates in a new run folder"
            )


def save_checkpoints(stores: Mapping[str, Checkpoints]) -> Hook:
    """Writes a checkpoint into the phase's store."""
    return lambda progress: stores[progress.phase.name].save(progress.step, progress.state)


@contextlib.contextmanager
def progress_bars(*, shown: bool = True) -> Iterator[Hook]:
    """Shows a bar per phase with steps per second and the time left; ends its line at the end."""
    bars: dict[str, tqdm] = {}

    def hook(progress: Progress) -> None:
        name = progress.phase.name
        if name not in bars:
            bars[name] = tqdm(
                total=progress.phase.num_steps,
                initial=max(progress.step - 1, 0),
                desc=name,
                unit="step",
                disable=not shown,
            )
        bars[name].update(progress.step - bars[name].n)
        if progress.done:
            bars[name].close()

    try:
        yield hook
    finally:
        for bar in bars.values():
            bar.close()
