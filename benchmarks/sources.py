r"""Times a step for 1, 2, 4 and 8 sources against the naive maximum, in turn, in one process.

    python benchmarks/sources.py [--phase=finetune]
    XLA_FLAGS=--xla_cpu_enable_concurrency_optimized_scheduler=false \
        python benchmarks/sources.py --num_devices=8 [--phase=finetune]

The naive step differentiates through all K x N images; ours through the K that won. Both share
the first pass, in which every source makes K images and the critic scores them. Memory is what
XLA plans for the gradient pass of the players' turn, beside the weights.

With `--num_devices` it asks instead what each of so many simulated devices needs in all, if every
one holds all generators and if they share them. The flag has XLA order its work to save memory,
as it does for accelerators. `--out` keeps the figures.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import jax
import jax.numpy as jnp
import results
from timing import fresh_batch, fresh_source, medians

from minegan_jax.config import from_values
from minegan_jax.mining import minegan, supersamples
from minegan_jax.mining.game import GameState
from minegan_jax.mining.method import TransferMethod
from minegan_jax.training import devices
from minegan_jax.types import Images, Params

BATCH, TURNS = 64, 5
WIDE = 128  # where the generators, and not the images, fill the memory
SHAPE = minegan.MinerShape(depth=2)


def naive_vjp(
    networks: supersamples.GameNetworks,
    trainable: Params,
    frozen: Params,
    given: tuple[supersamples.Given, ...],
    selected: supersamples.SelectedFakes,
) -> tuple[Images, Callable[[Images], Params]]:
    """Makes all images again, differentiably, and picks the chosen ones."""

    def make(trainable: Params) -> Images:
        players = {**frozen, **trainable}
        makers = networks.miners, players["miners"], networks.generators, players["generators"]
        parts = zip(*makers, given, strict=True)
        fakes = [generate(g, mine(m, g, u)) for mine, m, generate, g, (u, _) in parts]
        fakes = jnp.stack(fakes, axis=1)
        return fakes[jnp.arange(len(fakes)), selected.sources]

    fake, back = jax.vjp(make, trainable)
    return fake, lambda change: back(change)[0]


def make_method(
    phase: str, count: int, *, width: int = 32, spread: bool = False
) -> tuple[TransferMethod, GameState]:
    """Builds a phase's method for so many sources, and its first state."""
    sources = [fresh_source(width=width, latent_size=16, seed=seed) for seed in range(count)]
    values = {"run.batch_size": BATCH, "game.critic_steps": TURNS, "run.shard_sources": spread}
    settings = from_values(values).game_settings()
    game = sources, settings, SHAPE, minegan.critic_of(sources[0])
    state = minegan.mine(*game).learner.init(None, jax.random.key(0))
    if phase == "mine":
        return minegan.mine(*game), state
    method = minegan.finetune(*game)
    return method, method.learner.init(state, jax.random.key(0))


def compiled_step(phase: str, count: int) -> tuple[Callable[[], object], float]:
    """Returns one step as a function, and the megabytes it needs beside its arguments."""
    method, state = make_method(phase, count)
    batch = fresh_batch(BATCH, TURNS)
    mesh = devices.make_mesh(BATCH)
    kept = [devices.place(method.learner, state, mesh)]
    program = devices.compile_step(method.learner, mesh)
    program = program.lower(kept[0], batch, jax.random.key(1)).compile()

    def run() -> None:
        kept[0], _ = jax.block_until_ready(program(kept[0], batch, jax.random.key(2)))

    return run, program.memory_analysis().temp_size_in_bytes / 1e6


def megabytes_per_device(phase: str, count: int, *, spread: bool) -> float:
    """Returns what XLA plans for a step on each device: the state, and what lies beside it."""
    method, state = make_method(phase, count, width=WIDE, spread=spread)
    mesh = devices.make_mesh(BATCH)
    state = devices.place(method.learner, state, mesh)
    batch = jax.device_put(fresh_batch(BATCH, TURNS), devices.split(mesh))
    program = devices.compile_step(method.learner, mesh).lower(state, batch, jax.random.key(1))
    plan = program.compile().memory_analysis()
    return (plan.argument_size_in_bytes + plan.temp_size_in_bytes) / 1e6


def memory(phase: str, counts: list[int], num_devices: int) -> dict[int, dict[str, float]]:
    """Returns what a device needs with all generators, and with its share of them."""
    jax.config.update("jax_num_cpu_devices", num_devices)
    return {
        count: {
            f"{name}_megabytes": megabytes_per_device(phase, count, spread=spread)
            for name, spread in (("alone", False), ("shared", True))
        }
        for count in counts
    }


def speed(phase: str, counts: list[int], rounds: int) -> dict[int, dict[str, float]]:
    """Returns seconds and megabytes of ours and of the naive step."""
    ours = {count: compiled_step(phase, count) for count in counts}
    with mock.patch.object(supersamples, "vjp_of_selected", naive_vjp):
        naive = {count: compiled_step(phase, count) for count in counts}
    both = {"ours": ours, "naive": naive}
    runs = {(name, count): run for name, steps in both.items() for count, (run, _) in steps.items()}
    took = medians(runs, rounds)
    return {
        count: {
            **{f"{name}_seconds": took[name, count] for name in both},
            **{f"{name}_megabytes": steps[count][1] for name, steps in both.items()},
        }
        for count in counts
    }


def main() -> None:
    """Times all, or asks for all memory, and keeps the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--phase", choices=("mine", "finetune"), default="mine")
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--num_devices", type=int)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if options.num_devices:
        name = f"sources {options.phase} on {options.num_devices} devices"
        figures = memory(options.phase, options.counts, options.num_devices)
    else:
        name = f"sources {options.phase}"
        figures = speed(options.phase, options.counts, options.rounds)
    results.keep(options.out, name, {str(count): row for count, row in figures.items()})


if __name__ == "__main__":
    main()
