"""The one place that knows how many devices there are.

One mesh with one axis over all devices; one CPU is a mesh of one. A learner's step runs once per
device on its share of the batch: `jit(shard_map(...))`, which is what `jax.pmap` has been since
JAX 0.8.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from minegan_jax.errors import InputError
from minegan_jax.methods.base import Learner, State
from minegan_jax.types import Batch, Key, Metrics

AXIS = "devices"
CACHE = Path.home() / ".cache" / "minegan_jax" / "xla"


def use_compilation_cache() -> None:
    """Keeps compiled programs for the next start, unless JAX was told where, or not to."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(CACHE))


def make_mesh(batch_size: int, devices: list[jax.Device] | None = None) -> Mesh:
    """Lines up the devices (all by default) between which a batch is split.

    Raises:
      InputError: the batch does not split evenly.
    """
    devices = devices or jax.devices()
    if batch_size % len(devices):
        raise InputError(
            f"batch_size {batch_size} does not split evenly over {len(devices)} devices"
        )
    return jax.make_mesh((len(devices),), (AXIS,), axis_types=(AxisType.Auto,), devices=devices)


def replicated(mesh: Mesh) -> NamedSharding:
    """Every device holds all of it: the state."""
    return NamedSharding(mesh, PartitionSpec())


def split(mesh: Mesh) -> NamedSharding:
    """Every device holds its share of the first axis: batches and draws."""
    return NamedSharding(mesh, PartitionSpec(AXIS))


def value_and_mean_grad(loss: Callable) -> Callable:
    """Differentiates a loss on every device and returns the mean of the devices' results."""

    def differentiate(params: Any) -> tuple[tuple[jax.Array, Metrics], Any]:
        return jax.lax.pmean(jax.value_and_grad(loss, has_aux=True)(params), AXIS)

    return differentiate


def compile_step(
    learner: Learner, mesh: Mesh
) -> Callable[[State, Batch, Key], tuple[State, Metrics]]:
    """Compiles a learner's step for a mesh; the given state's memory is reused.

    The draws are made from the whole batch's key, outside the part that runs per device, so that
    one seed gives one run on any number of devices.
    """

    def one_share(state: State, batch: Batch, draws: Any) -> tuple[State, Metrics]:
        return learner.step(state, batch, draws, value_and_mean_grad)

    everywhere, share = PartitionSpec(), PartitionSpec(AXIS)
    spread = jax.shard_map(
        one_share,
        mesh=mesh,
        in_specs=(everywhere, share, share),
        out_specs=(everywhere, everywhere),
        # Otherwise JAX would track which arrays differ between devices, and sum gradients over
        # devices inside the differentiation; layers with their own derivatives cannot say so.
        check_vma=False,
    )
    return jax.jit(
        lambda state, batch, key: spread(state, batch, learner.draw(key)), donate_argnums=0
    )
