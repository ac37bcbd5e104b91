"""Checkpoints that are whole or absent, and never trusted without their digest.

Orbax writes each into a hidden folder and renames it, so that a kill leaves no half. A flipped
byte would still be read back silently: the digest of all values finds it. A checkpoint that another
version of this project wrote is no damage: its arrays have other names, shapes or types, and it
stays.
"""

import errno
import shutil
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging

from minegan_jax import trees
from minegan_jax.errors import InputError
from minegan_jax.training.learner import State
from minegan_jax.trees import by_path

SPACE_FACTOR, SPACE_FIXED = 1.2, 1_000_000  # bytes on disk: per byte of the state, and beside it
FORMAT = 2  # of what is written
# The primary process reads and writes by itself, and waits for no other.
ALONE = ocp.options.MultiprocessingOptions(active_processes={0})
NUM_KEPT = 2  # the newest, and the one before in case the newest is damaged


class Checkpoints:
    """The checkpoints of one phase, by step."""

    def __init__(self, directory: Path) -> None:
        """Opens `directory`, or makes it, once it is used; only the primary process may use it."""
        self._directory = directory.absolute()

    @cached_property
    def _manager(self) -> ocp.CheckpointManager:
        self._directory.mkdir(parents=True, exist_ok=True)
        return ocp.CheckpointManager(
            self._directory,
            options=ocp.CheckpointManagerOptions(
                create=False,
                max_to_keep=NUM_KEPT,
                cleanup_tmp_directories=True,
                enable_async_checkpointing=False,
                multiprocessing_options=ALONE,
            ),
            item_handlers={
                "state": ocp.StandardCheckpointHandler(),
                "digest": ocp.JsonCheckpointHandler(),
            },
        )

    def save(self, step: int, state: State) -> None:
        """Writes a checkpoint; a damaged one of the same step makes way.

        Raises:
          InputError: the state holds a NaN or an infinity, or there is a checkpoint of another
            structure.
          OSError: the disk is full.
        """
        state = jax.device_get(state)
        if (path := trees.first_not_finite(state)) is not None:
            raise InputError(f"{path} is not finite at step {step}: no checkpoint written")
        self._check_space(state)
        for kept in self._manager.all_steps():
            _refuse(self._difference(kept, state))
        if step in self._manager.all_steps():
            self._manager.delete(step)
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(state),
                digest=ocp.args.JsonSave(
                    {
                        "format": FORMAT,
                        "arrays": _types_and_shapes(state),
                        "sha256": trees.leaf_digests(state),
                    }
                ),
            ),
            force=True,
        )

    def newest(self, like: State) -> tuple[int, State] | None:
        """Reads the newest checkpoint that is whole; damaged ones are reported and passed over.

        Args:
          like: a state of the same structure, shapes and types.

        Returns:
          Its step and state, on the host, or None if there is none.

        Raises:
          InputError: those that are whole have another structure.
        """
        return self._newest(like, partial(self._read, like=like))

    def newest_part(self, like: State, select: Callable[[State], Any]) -> tuple[int, Any] | None:
        """Reads, as `newest`, only those arrays that `select` takes out of a state."""
        chosen = jax.tree.leaves(select(trees.labelled(str, like)))  # paths, and what is no array
        wanted = {path for path in chosen if isinstance(path, str)}
        read = self._newest(like, partial(self._read_part, like=like, wanted=wanted))
        return read and (read[0], select(read[1]))

    def _newest(self, like: State, read: Callable[[int], State]) -> tuple[int, State] | None:
        """Returns the step of the newest checkpoint that is whole, and what is read of it."""
        differences = []
        for step in sorted(self._manager.all_steps(), reverse=True):
            if difference := self._difference(step, like):
                differences.append(difference)
                continue
            try:
                return step, read(step)
            except Exception as error:  # Orbax and its storage raise many kinds
                reason = str(error).strip().split("\n")[0][:200]
                logging.warning(
                    "checkpoint %s is damaged (%s): using the one before",
                    self._manager.directory / str(step),
                    reason,
                )
        _refuse(*differences)
        return None

    def _difference(self, step: int, like: State) -> str:
        """Says how a checkpoint's structure differs; nothing if it does not, or is damaged."""
        try:
            written = self._digest(step)
        except Exception:  # as in `newest`, where reading it says why
            return ""
        if (there := written.get("format", 0)) != FORMAT:
            return (
                f"{self._manager.directory / str(step)}: a checkpoint of format {there}, as another"
                f" version writes it: expected {FORMAT}; nothing was changed"
            )
        found, expected = written["arrays"], _types_and_shapes(like)
        for path in sorted(found.keys() | expected.keys()):
            there, here = found.get(path, "missing"), expected.get(path, "missing")
            if there != here:
                return (
                    f"{self._manager.directory / str(step)}: a checkpoint of another structure, as"
                    f" another version or config writes it: {path} is {there} there and"
                    f" {here} here; nothing was changed"
                )
        return ""

    def _check_space(self, state: State) -> None:
        """Raises an OSError if the disk is too full; Orbax would fail halfway, and noisily."""
        needed = SPACE_FACTOR * sum(leaf.nbytes for leaf in jax.tree.leaves(state)) + SPACE_FIXED
        directory = self._manager.directory
        if shutil.disk_usage(directory).free < needed:
            message = f"no space left for a checkpoint of {needed / 1e6:.1f} MB"
            raise OSError(errno.ENOSPC, message, str(directory))

    def _read(self, step: int, like: State) -> State:
        """Reads one checkpoint and checks it against its digest."""
        shapes: Any = jax.tree.map(lambda leaf: np.empty(leaf.shape, leaf.dtype), like)
        found = self._manager.restore(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardRestore(shapes), digest=ocp.args.JsonRestore()
            ),
        )
        _check_digests(found.state, found.digest["sha256"])
        return found.state

    def _read_part(self, step: int, like: State, wanted: set[str]) -> State:
        """Reads the arrays of these paths; for the others stand Orbax's placeholders."""
        item = trees.labelled(str, like)
        item = jax.tree.map(lambda path: path if path in wanted else ocp.PLACEHOLDER, item)
        args = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), item)
        directory = self._manager.directory / str(step)
        # Orbax's standard handler knows no placeholders.
        handler = ocp.PyTreeCheckpointHandler(multiprocessing_options=ALONE)
        with ocp.Checkpointer(handler, multiprocessing_options=ALONE) as reader:
            restore = ocp.args.PyTreeRestore(item=item, restore_args=args)
            found = reader.restore(directory / "state", args=restore)
        read = {path: leaf for path, leaf in by_path(found).items() if path in wanted}
        _check_digests(read, self._digest(step)["sha256"])
        return found

    def _digest(self, step: int) -> dict[str, Any]:
        """Reads a checkpoint's format, and of its arrays type, shape and digest by path."""
        args = ocp.args.Composite(digest=ocp.args.JsonRestore())
        return self._manager.restore(step, args=args).digest


def _check_digests(found: Any, digests: dict[str, str]) -> None:
    """Raises a ValueError unless each array is the one that was written."""
    for path, digest in trees.leaf_digests(found).items():
        if digests.get(path) != digest:
            raise ValueError("its values do not match their digest")


def any_in(directory: Path) -> bool:
    """Says whether a phase has a checkpoint; one that was never finished has a longer name."""
    return any(path.name.isdecimal() for path in directory.glob("*"))


def _refuse(*differences: str) -> None:
    """Raises the first difference, if there is one."""
    for difference in filter(None, differences):
        raise InputError(difference)


def _types_and_shapes(tree: Any) -> dict[str, str]:
    """Returns the type and shape of each array by its path, as words."""
    leaves = by_path(tree)
    return {path: f"{leaf.dtype} of shape {leaf.shape}" for path, leaf in leaves.items()}
