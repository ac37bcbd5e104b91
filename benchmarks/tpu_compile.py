"""Compiles full-size steps for TPUs, without a TPU, and says what each device needs for them.

    pip install libtpu
    python benchmarks/tpu_compile.py --out=docs/results/tpu.json [--cases biggan_128]

Nothing runs, and hardly a weight is ever made. Each program plays one critic turn and the
players', both part by part; XLA counts the work of one part, so that flops and bytes are those of
one. By hand they are forward passes of the networks, of which `passes` says how many there should
be: mining never pays for a gradient of the generator's weights. A compilation takes minutes, up to
twenty on one core; rows that the file has are kept.
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

import flops
import jax
import jax.numpy as jnp
from jax.experimental import topologies
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from minegan_jax.evaluation.table import markdown
from minegan_jax.methods.base import Learner
from minegan_jax.methods.game import Rules
from minegan_jax.methods.mining import MinerShape, critic_of, finetune, mine
from minegan_jax.methods.supersamples import BLOCK
from minegan_jax.nets import family
from minegan_jax.sources import Source
from minegan_jax.training import devices
from minegan_jax.types import Batch, Params

PHASES = {"mine": mine, "finetune": finetune}
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


class Case(NamedTuple):
    """Sources of one kind, and how many images a minibatch has."""

    family: str
    arguments: Mapping[str, Any]  # of the networks
    part: int  # images that a device sees at once
    batch_size: int | None = None  # over all devices; None: a part on each
    num_sources: int = 1


CASES = {
    "biggan_128": Case(
        "biggan",
        {"resolution": 128, "channels": 3, "width": 96, "latent_size": 120, "num_classes": 1000},
        part=25,
        batch_size=800,
    ),
    "progan_1024": Case(
        "progan", {"resolution": 1024, "channels": 3, "width": 16, "latent_size": 512}, part=4
    ),
    "progan_256_x4": Case(
        "progan",
        {"resolution": 256, "channels": 3, "width": 64, "latent_size": 512},
        part=4,
        num_sources=4,
    ),
}


def learner_of(
    case: Case, phase: str, rules: Rules, networks: family.Networks, weights: tuple[Params, Params]
) -> Learner:
    """Returns a phase's learner; the weights may be shapes alone unless it makes a state."""
    source = Source("source", "", networks, *weights, sha256="", description={})
    critic = critic_of(source, alone=case.num_sources > 1)
    shape = MinerShape(4, max(256, 2 * networks.latent_size, networks.num_classes))
    return PHASES[phase]([source] * case.num_sources, rules, shape, critic).learner


def state_of(case: Case, phase: str, rules: Rules, networks: family.Networks) -> Any:
    """Returns the shapes of a phase's first state."""

    def init(key: jax.Array) -> Any:
        state, weights = None, networks.init(key)
        for name in PHASES if phase == "finetune" else (phase,):
            state = learner_of(case, name, rules, networks, weights).init(state, key)
        return state

    return jax.eval_shape(init, jax.random.key(0))


def passes(case: Case, phase: str, networks: family.Networks) -> tuple[float, float]:
    """Returns how many forward passes of generators and critic one part's flops should equal.

    Of the critic: for its own loss 3 for real and 3 for fake images, and 4 for the penalty, whose
    slope goes back to the images and is differentiated once, or 6 if the critic compares images,
    through which the slope changes too; 2 for the players, back to the images. Of a generator: one
    for the critic's fakes, one for the players', one back to its latents and, if it learns, one
    back to its weights. Of several, each makes and scores all images in both turns, and goes once
    through the one block of chosen images that XLA counts.
    """
    back = list(PHASES).index(phase) + 1
    of_critic = 14.0 if networks.compares else 12.0
    if case.num_sources == 1:
        return 2.0 + back, of_critic
    through = (1 + back) * BLOCK / case.part
    return case.num_sources * (2.0 + through), of_critic + 2.0 * case.num_sources


def flops_by_hand(case: Case, phase: str, networks: family.Networks) -> float:
    """Returns the flops of a device for one part."""
    generator, critic = jax.eval_shape(networks.init, jax.random.key(0))
    latents = jax.ShapeDtypeStruct((case.part, networks.latent_size), jnp.float32)
    images = jax.eval_shape(networks.generate, generator, latents)
    of_generator, of_critic = passes(case, phase, networks)
    return of_generator * flops.count(networks.generate, generator, latents) + (
        of_critic * flops.count(networks.criticise, critic, images)
    )


def compile_for(case: Case, phase: str, rules: Rules, networks: family.Networks, mesh: Mesh) -> Any:
    """Compiles one step of a phase, or raises what XLA says against it."""
    generator, critic = jax.eval_shape(networks.init, jax.random.key(0))
    if "embedding" in generator:  # a miner of classes starts from their vectors
        table = generator["embedding"]
        generator = {**generator, "embedding": jnp.zeros(table.shape, table.dtype)}
    learner = learner_of(case, phase, rules, networks, (generator, critic))

    def place(leaf: Any, spec: PartitionSpec) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=NamedSharding(mesh, spec))

    state = state_of(case, phase, rules, networks)
    state = jax.tree.map(place, state, devices.layout(learner, state, mesh))
    shape = (rules.batch_size, rules.critic_turns)
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
    rules = Rules(
        batch_size=batch_size,
        critic_turns=1,
        accumulation=accumulation,
        precision=options.precision,
        remat=options.remat,
    )
    title = [f"{name}, {phase}", f"{chips.topology}, {len(found.devices)} devices"]
    title.append(f"{batch_size} = {len(found.devices)} x {accumulation} x {case.part}")
    mesh = devices.make_mesh(batch_size, list(found.devices), accumulation=accumulation)
    start = time.perf_counter()
    try:
        compiled = compile_for(case, phase, rules, networks, mesh)
    except jax.errors.JaxRuntimeError as error:
        needs = re.search(r"Used (\S+) of (\S+) hbm", str(error))
        if not needs:
            raise
        return [*title, f"does not fit: {needs[1]} of {needs[2]}", "", "", "", ""]
    memory, cost = compiled.memory_analysis(), compiled.cost_analysis()
    peak = (
        memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        - memory.alias_size_in_bytes
        + memory.temp_size_in_bytes
        + memory.generated_code_size_in_bytes
    )
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
