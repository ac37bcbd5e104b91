"""Compiles full-size steps for TPUs, without a TPU, and says what each device needs for them.

    pip install libtpu
    python benchmarks/tpu_compile.py --out=docs/results/tpu.json [--cases biggan_128]

Nothing runs, and hardly a weight is ever made. Each program plays one critic turn and the
players', both part by part; XLA counts the work of one part, so that flops and bytes are those of
one. By hand they are forward passes of the networks, of which `cases.passes` says how many there
should be: mining never pays for a gradient of the generator's weights. A compilation takes minutes,
up to twenty on one core; rows that the file has are kept.
"""

import argparse
import itertools
import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

# libtpu would otherwise ask the network which TPU this machine has.
os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
os.environ.setdefault("TPU_ACCELERATOR_TYPE", "v5litepod-8")
os.environ.setdefault("TPU_WORKER_HOSTNAMES", "localhost")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
from cases import (
    BIGGAN_128,
    PHASES,
    PROGAN_256,
    Case,
    flops_by_hand,
    learner_of,
    planned_bytes,
    state_of,
)
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from minegan_jax.config import from_values
from minegan_jax.mining.settings import GameSettings
from minegan_jax.nets import family
from minegan_jax.report.table import markdown
from minegan_jax.training import devices
from minegan_jax.types import Batch

# XLA sums large gradients one by one unless it is told to sum up to so many bytes at once.
OPTIONS = {"xla_jf_crs_combiner_threshold_in_bytes": str(2**30)}


class Chips(NamedTuple):
    """TPUs to compile for, each of which is one device."""

    topology: str
    gibibytes: int  # of memory on each
    options: Mapping[str, str] = {}


CHIPS = {
    "v5e": Chips("v5e:2x4", 16),
    "v4": Chips("v4:2x2x1", 32, {"chip_config_name": "megacore"}),
}


CASES = {
    "biggan_128": Case("biggan", BIGGAN_128, part=25, batch_size=800),
    "progan_1024": Case(
        "progan", {"resolution": 1024, "channels": 3, "width": 16, "latent_size": 512}, part=4
    ),
    "progan_256_x4": Case("progan", PROGAN_256, part=4, num_sources=4),
}


def compile_for(
    case: Case, phase: str, settings: GameSettings, networks: family.Networks, mesh: Mesh
) -> Any:
    """Compiles one step of a phase, or raises what XLA says against it."""
    generator, critic = jax.eval_shape(networks.init, jax.random.key(0))
    if "embedding" in generator:  # a miner of classes starts from their vectors
        table = generator["embedding"]
        generator = {**generator, "embedding": jnp.zeros(table.shape, table.dtype)}
    learner = learner_of(case, phase, settings, networks, (generator, critic))

    def place(leaf: Any, spec: PartitionSpec) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=NamedSharding(mesh, spec))

    state = state_of(case, phase, settings, networks)
    state = jax.tree.map(place, state, devices.layout(learner, state, mesh))
    shape = (settings.run.batch_size, settings.game.critic_steps)
    size, split = networks.resolution, devices.split(mesh)
    numbers = jax.ShapeDtypeStruct(shape, jnp.int32, sharding=split)
    pixels = (*shape, size, size, networks.channels)
    batch = Batch(jax.ShapeDtypeStruct(pixels, jnp.uint8, sharding=split), numbers, numbers)
    key = place(jax.eval_shape(lambda: jax.random.key(0)), PartitionSpec())
    return devices.compile_step(learner, mesh).lower(state, batch, key).compile(OPTIONS)


def row(name: str, phase: str, chips_name: str, options: argparse.Namespace) -> list[str]:
    """Compiles one case and returns its line of the table."""
    case, chips = CASES[name], CHIPS[chips_name]
    networks = family.build(case.family, case.arguments)
    found = topologies.get_topology_desc(
        platform="tpu", topology_name=chips.topology, **chips.options
    )
    batch_size = case.batch_size or case.part * len(found.devices)
    accumulation = batch_size // (case.part * len(found.devices))
    values = {"batch_size": batch_size, "accumulation_steps": accumulation}
    values |= {"precision": options.precision, "remat": options.remat}
    settings = from_values({"run": values, "game.critic_steps": 1}).game_settings()
    title = [f"{name}, {phase}", f"{chips.topology}, {len(found.devices)} devices"]
    title.append(f"{batch_size} = {len(found.devices)} x {accumulation} x {case.part}")
    mesh = devices.make_mesh(batch_size, list(found.devices), accumulation=accumulation)
    start = time.perf_counter()
    try:
        compiled = compile_for(case, phase, settings, networks, mesh)
    except jax.errors.JaxRuntimeError as error:
        needs = re.search(r"Used (\S+) of (\S+) hbm", str(error))
        if not needs:
            raise
        return [*title, f"does not fit: {needs[1]} of {needs[2]}", "", "", "", ""]
    peak, cost = planned_bytes(compiled), compiled.cost_analysis()
    by_hand = flops_by_hand(case, phase, networks)
    reductions = len(re.findall(r" all-reduce(?:-start)?\(", compiled.as_text()))
    return [
        *title,
        f"{peak / 2**30:.1f} of {chips.gibibytes} GiB",
        f"{cost['flops'] / 1e12:.2f} T, {cost['flops'] / by_hand:.2f} of those by hand",
        f"{cost['bytes accessed'] / 1e9:.0f} GB",
        f"{reductions}",
        f"{time.perf_counter() - start:.0f} s",
    ]


def main() -> None:
    """Compiles all that was asked for and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--phases", nargs="+", choices=PHASES, default=list(PHASES))
    parser.add_argument("--topologies", nargs="+", choices=CHIPS, default=list(CHIPS))
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument("--remat", action="store_true")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    rows = json.loads(options.out.read_text()) if options.out.exists() else {}
    for asked in itertools.product(options.cases, options.phases, options.topologies):
        key = " ".join((*asked, options.precision, *(["remat"] if options.remat else [])))
        if key not in rows:
            rows[key] = row(*asked, options)
            options.out.write_text(json.dumps(rows, indent=1) + "\n")
    titles = "step", "for", "images = devices x parts", "memory", "flops of a part"
    titles = *titles, "bytes of a part", "all-reduces", "compiled in"
    print(markdown(titles, list(rows.values())))


if __name__ == "__main__":
    main()
