r"""Times a step for 1, 2, 4 and 8 sources against the naive maximum, in turn, in one process.

    python benchmarks/sources.py [--phase=finetune]
    XLA_FLAGS=--xla_cpu_enable_concurrency_optimized_scheduler=false \
        python benchmarks/sources.py --num_devices=8 [--phase=finetune]

The naive step differentiates through all K x N images; ours through the K that won. Both share
the first pass, in which every source makes K images and the critic scores them. Memory is what
XLA plans for the gradient pass of the players' turn, beside the weights.

With `--num_devices` it prints instead what each of so many simulated devices needs in all, if every
one holds all generators and if they share them. The flag has XLA order its work to save memory,
as it does for accelerators.
"""

import argparse
import os
from collections.abc import Callable
from unittest import mock

import jax
import jax.numpy as jnp
from timing import fresh_batch, fresh_source, medians

from minegan_jax.methods import adversarial, mining, supersamples
from minegan_jax.training import devices
from minegan_jax.types import Images, Params

BATCH, TURNS = 64, 5
WIDE = 128  # where the generators, and not the images, fill the memory
SHAPE = mining.MinerShape(depth=2)


def naive_remake(
    cast: supersamples.Cast,
    moving: Params,
    frozen: Params,
    latents: supersamples.AllLatents,
    chosen: supersamples.Chosen,
) -> tuple[Images, Callable[[Images], Params]]:
    """Makes all images again, differentiably, and picks the chosen ones."""

    def make(moving: Params) -> Images:
        players = {**frozen, **moving}
        makers = cast.miners, players["miners"], cast.generators, players["generators"]
        parts = zip(*makers, latents, strict=True)
        fakes = jnp.stack([generate(g, mine(m, u)) for mine, m, generate, g, u in parts], axis=1)
        return fakes[jnp.arange(len(fakes)), chosen.sources]

    fake, back = jax.vjp(make, moving)
    return fake, lambda change: back(change)[0]


def make_method(
    phase: str, count: int, *, width: int = 32, spread: bool = False
) -> tuple[adversarial.TransferMethod, adversarial.GameState]:
    """Builds a phase's method for so many sources, and its first state."""
    sources = [fresh_source(width=width, latent_size=16, seed=seed) for seed in range(count)]
    rules = adversarial.Rules(batch_size=BATCH, critic_turns=TURNS, spread=spread)
    game = sources, rules, SHAPE, mining.critic_of(sources[0])
    state = mining.mine(*game).learner.init(None, jax.random.key(0))
    if phase == "mine":
        return mining.mine(*game), state
    method = mining.finetune(*game)
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


def print_memory(phase: str, counts: list[int], num_devices: int) -> None:
    """Prints what a device needs with all generators, and with its share of them."""
    jax.config.update("jax_num_cpu_devices", num_devices)
    print(f"{phase}, MB on each of {num_devices} devices, width {WIDE}")
    print("| sources | each holds all | they share |")
    print("| --- | --- | --- |")
    for count in counts:
        alone, shared = (
            megabytes_per_device(phase, count, spread=spread) for spread in (False, True)
        )
        print(f"| {count} | {alone:.0f} | {shared:.0f} |", flush=True)


def main() -> None:
    """Times all, or asks for all memory, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--phase", choices=("mine", "finetune"), default="mine")
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--num_devices", type=int)
    options = parser.parse_args()
    if options.num_devices:
        print_memory(options.phase, options.counts, options.num_devices)
        return
    print(f"{options.phase}, load before {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    ours = {count: compiled_step(options.phase, count) for count in options.counts}
    with mock.patch.object(supersamples, "remake", naive_remake):
        naive = {count: compiled_step(options.phase, count) for count in options.counts}
    both = {"ours": ours, "naive": naive}
    runs = {(name, count): run for name, steps in both.items() for count, (run, _) in steps.items()}
    took = medians(runs, options.rounds)
    first = took["ours", options.counts[0]]
    print("| sources | s a step | against one source | naive / ours | MB | naive MB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for count in options.counts:
        mine, other = took["ours", count], took["naive", count]
        memory = f"{ours[count][1]:.0f} | {naive[count][1]:.0f}"
        print(f"| {count} | {mine:.3f} | {mine / first:.2f} | {other / mine:.2f} | {memory} |")


if __name__ == "__main__":
    main()
