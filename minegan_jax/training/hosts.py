"""A run over several processes, one per host: the primary one, and what all must do together.

Every process trains; process 0 is the primary: it alone reads and writes the run folder, so that no
folder has to be shared. With one process everything here does nothing.
"""

import contextlib
import hashlib
import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from typing import Any, NoReturn, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from orbax.checkpoint import multihost

from minegan_jax.errors import InputError

Tree = TypeVar("Tree")
STUCK = "a process hangs; end all and start them again, and they go on from the last checkpoint"

REPORT_SECONDS = 4 * 3600  # for which the others wait at the end, while the leader measures
BARRIER_SECONDS = 10  # in which the others may find the same mistake, and say so themselves
LAST_SECONDS = 1  # in which those that have met can end, before JAX does it


def join(
    coordinator: str | None, num_processes: int | None, process_id: int | None, *, seconds: int
) -> None:
    """Waits until all processes have come together; call it before JAX is used.

    Args:
      coordinator: HOST:PORT of process 0; None has JAX find all three (TPU pods, Slurm, MPI).
      num_processes: how many there are.
      process_id: which one this is, from 0.
      seconds: how long to wait for the others, now and whenever one falls silent.

    Raises:
      InputError: the three do not fit together, or not all processes came in time.
    """
    _check(coordinator, num_processes, process_id)
    # JAX ends the process where it waits in vain, without an exception: so it waits longer than we.
    waiting = futures.ThreadPoolExecutor(1).submit(
        jax.distributed.initialize,
        coordinator,
        num_processes,
        process_id,
        cluster_detection_method=coordinator and "deactivate",
        initialization_timeout=2 * seconds + 60,
        heartbeat_timeout_seconds=seconds,
        shutdown_timeout_seconds=REPORT_SECONDS,
    )
    try:
        waiting.result(seconds)
    except futures.TimeoutError as error:
        there = coordinator or "the coordinator that JAX found"
        raise InputError(
            f"no answer from {there} within {seconds} s: expected process 0 to listen there and"
            f" all {num_processes or ''} processes to come".replace("  ", " ")
        ) from error
    except (RuntimeError, ValueError) as error:
        raise InputError(f"the processes cannot join: {str(error).splitlines()[0]}") from error


def _check(coordinator: str | None, num_processes: int | None, process_id: int | None) -> None:
    """Raises an InputError unless the three fit together, or all are to be found."""
    if coordinator is None and num_processes is None and process_id is None:
        return
    if coordinator is None or num_processes is None or process_id is None:
        raise InputError("expected all or none of --coordinator, --num_processes, --process_id")
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit():
        raise InputError(f"--coordinator: expected HOST:PORT, found {coordinator!r}")
    if not 0 <= process_id < num_processes:
        raise InputError(f"--process_id: expected 0 to {num_processes - 1}, found {process_id}")


def explained(error: BaseException) -> BaseException:
    """Returns a failure as the user should read it: a lost connection means a lost process."""
    if isinstance(error, jax.errors.JaxRuntimeError) and "Gloo" in str(error):
        return InputError(
            "another process died or fell silent; start all again, and they go on from the last"
            " checkpoint"
        )
    return error


def barrier() -> None:
    """Waits, when this process has failed, until all others have, or too long.

    JAX ends the others, even as they speak, once process 0 is gone: where all find the same
    mistake, each says so first.
    """
    with contextlib.suppress(jax.errors.JaxRuntimeError):
        multihost.get_barrier_sync_fn()(key="leave", timeout_ms=1000 * BARRIER_SECONDS)
    time.sleep(LAST_SECONDS if is_primary() else 0)


def abort(status: int) -> NoReturn:
    """Ends a process that failed; a usual exit would wait for the others, and they for it."""
    sys.stderr.flush()
    os._exit(status)


@contextlib.contextmanager
def watched(seconds: int) -> Iterator[Callable[[object], None]]:
    """Gives a hook of the training loop, without whose call for so long this process ends.

    A process that is alive but stuck answers JAX, and the others would wait for its part of a step
    for ever. One that ends takes all with it, and they can be started again.

    Args:
      seconds: longer than compiling, sampling or a checkpoint take; 0 never ends this process.
    """
    if not seconds or not is_multihost():
        yield lambda _: None
        return
    steps: queue.SimpleQueue[bool] = queue.SimpleQueue()  # True for a step, False at the end

    def watch() -> None:
        try:
            while steps.get(timeout=seconds):
                pass
        except queue.Empty:
            print(f"error: no step in {seconds} s: {STUCK}", file=sys.stderr)
            abort(1)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield lambda _: steps.put(True)
    finally:
        steps.put(False)


def is_multihost() -> bool:
    """Returns whether there is more than this process."""
    return jax.process_count() > 1


def is_primary() -> bool:
    """Says whether this is process 0, which alone reads and writes the run folder."""
    return jax.process_index() == 0


def assert_equal(what: str, value: Any) -> None:
    """Makes sure that a plain value is the same on all processes.

    Raises:
      InputError: it is not; says `what` differs.
    """
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
    try:
        multihost_utils.assert_equal(np.frombuffer(digest, np.uint8))
    except AssertionError as error:
        raise InputError(f"the processes differ in {what}: expected the same on all") from error


def from_primary(make: Callable[[], Tree], like: Tree) -> Tree:
    """Returns on all processes what `make` returns on the primary one, bit for bit.

    Args:
      make: makes a tree of arrays; only called by the primary process.
      like: a tree with the same structure, shapes and types.
    """
    if not is_multihost():
        return make()
    given = jax.tree.map(np.asarray, make() if is_primary() else like)
    # As bytes, because they travel in a sum with the zeros of the others.
    sent = jax.tree.map(lambda leaf: np.frombuffer(leaf.tobytes(), np.uint8), given)
    got = multihost_utils.broadcast_one_to_all(sent)
    return jax.tree.map(
        lambda bits, leaf: np.asarray(bits).view(leaf.dtype).reshape(leaf.shape), got, given
    )


def gathered(tree: Tree) -> Tree:
    """Returns a tree that lies on all processes' devices as this process can use it alone.

    All must call it: of arrays that devices share, each has only its part.
    """
    if not is_multihost():
        return tree
    return jax.tree.map(jnp.asarray, multihost_utils.process_allgather(tree, tiled=True))
