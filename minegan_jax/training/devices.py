"""The one place that knows how many devices there are.

One mesh with one axis over all devices; one CPU is a mesh of one. A learner's step runs once per
device on its share of the batch: `jit(shard_map(...))`, which is what `jax.pmap` has been since
JAX 0.8.
"""

import contextlib
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from minegan_jax.errors import InputError
from minegan_jax.files import as_path
from minegan_jax.training import sharding
from minegan_jax.training.learner import Learner, State
from minegan_jax.training.sharding import AXIS
from minegan_jax.types import Batch, Key, Metrics

CACHE = Path("~/.cache/minegan_jax/xla")
CONTAINERS_LIMIT = Path("/sys/fs/cgroup/memory.max")  # in bytes
LARGE = 10_000_000  # numbers in the state of a network that a CPU takes days to train
# An accelerator -> the files and the variables that a machine with one has, and the extra for it.
ACCELERATORS = {
    "an NVIDIA GPU": (("dev/nvidia[0-9]*", "dev/nvidiactl", "dev/dxg"), (), "cuda13"),
    "a TPU": (
        ("dev/accel[0-9]*", "dev/vfio/[0-9]*"),
        ("TPU_ACCELERATOR_TYPE", "TPU_WORKER_ID", "TPU_NAME", "COLAB_TPU_ADDR"),
        "tpu",
    ),
}


def use_compilation_cache() -> None:
    """Keeps compiled programs for the next start, unless JAX was told where, or not to.

    Without a home that can be written, programs are compiled anew each time.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    with contextlib.suppress(OSError, InputError):
        cache = as_path(CACHE)
        cache.mkdir(parents=True, exist_ok=True)
        jax.config.update("jax_compilation_cache_dir", str(cache))


def make_mesh(
    batch_size: int, devices: list[jax.Device] | None = None, *, accumulation: int = 1
) -> Mesh:
    """Lines up the devices (all by default) between which a batch is split.

    Args:
      batch_size: images per minibatch, over all devices.
      devices: that share the work.
      accumulation: parts in which each device goes through its share.

    Raises:
      InputError: the batch does not split evenly.
    """
    devices = devices or jax.devices()
    if batch_size % (len(devices) * accumulation):
        parts = f", each in an accumulation of {accumulation} parts" if accumulation > 1 else ""
        raise InputError(
            f"batch_size {batch_size} does not split evenly over {len(devices)} devices{parts}"
        )
    return jax.make_mesh((len(devices),), (AXIS,), axis_types=(AxisType.Auto,), devices=devices)


def memory() -> int:
    """Returns how many bytes each device of this process has: a CPU its share of the machine's."""
    stats = jax.local_devices()[0].memory_stats() or {}
    return int(stats.get("bytes_limit") or _machines_memory() // jax.local_device_count())


def _machines_memory() -> int:
    """Returns the bytes of the machine, or fewer where a container may use fewer."""
    found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):  # "max" where there is no limit
        found = min(found, int(CONTAINERS_LIMIT.read_text()))
    return found


def unused_accelerator(state: Any, machine: Path = Path("/")) -> str:
    """Says that a large network is about to train on a CPU beside an accelerator; else nothing.

    Who has told JAX which platform to take (`JAX_PLATFORMS`) knows.

    Args:
      state: of training, or its shapes.
      machine: the root of the file system.
    """
    size = sum(math.prod(np.shape(leaf)) for leaf in jax.tree.leaves(state))
    if jax.default_backend() != "cpu" or size < LARGE or os.environ.get("JAX_PLATFORMS"):
        return ""
    for kind, (files, variables, extra) in ACCELERATORS.items():
        if any(map(os.environ.get, variables)) or any(any(machine.glob(name)) for name in files):
            return (
                f"JAX found no device but the CPU, though this machine has {kind}: expected that to"
                f' train {size:,} numbers: pip install "minegan_jax[{extra}]" and start anew, or'
                " JAX_PLATFORMS=cpu says that the CPU is meant"
            )
    return ""


def split(mesh: Mesh) -> NamedSharding:
    """Every device holds its share of the first axis: batches and draws."""
    return NamedSharding(mesh, PartitionSpec(AXIS))


def layout(learner: Learner, state: State, mesh: Mesh) -> State:
    """Returns of which axis of each array in the state every device holds only its part.

    That is none of most, and one of those that the learner spreads.
    """

    def spec(path: tuple[Any, ...], leaf: Any) -> PartitionSpec:
        names = {key.key for key in path if isinstance(key, jax.tree_util.DictKey)}
        axis = sharding.split_axis(np.shape(leaf), mesh.size) if names & {*learner.spread} else None
        return PartitionSpec() if axis is None else PartitionSpec(*[None] * axis, AXIS)

    return jax.tree_util.tree_map_with_path(spec, state)


def place(learner: Learner, state: State, mesh: Mesh) -> State:
    """Copies a state to the devices, an array at a time, so that no device ever holds all of it.

    It copies because a step reuses the memory of the state that it is given. Every process gives
    its own devices what they hold.
    """

    def put(leaf: Any, spec: PartitionSpec) -> jax.Array:
        copy = np.array(leaf)
        return jax.make_array_from_callback(
            copy.shape, NamedSharding(mesh, spec), lambda index: copy[index]
        )

    return jax.tree.map(put, state, layout(learner, state, mesh))


def compile_step(
    learner: Learner, mesh: Mesh
) -> Callable[[State, Batch, Key], tuple[State, Metrics]]:
    """Compiles a learner's step for a mesh; the given state's memory is reused.

    The draws are made from the whole batch's key, outside the part that runs per device, and a
    critic that compares images compares those of all devices (`sharding.over_batch`), so that one
    seed gives one run on any number of devices.
    """

    def one_share(state: State, batch: Batch, draws: Any) -> tuple[State, Metrics]:
        return learner.step(state, batch, draws, sharding.mean_over_devices)

    def step(state: State, batch: Batch, key: Key) -> tuple[State, Metrics]:
        specs, share = layout(learner, state, mesh), PartitionSpec(AXIS)
        on_each = jax.shard_map(
            one_share,
            mesh=mesh,
            in_specs=(specs, share, share),
            out_specs=(specs, PartitionSpec()),
            # Otherwise JAX would track which arrays differ between devices, and sum gradients
            # over devices inside the differentiation; layers with their own derivatives cannot
            # say so.
            check_vma=False,
        )
        return on_each(state, batch, learner.draw(key))

    return jax.jit(step, donate_argnums=0)
