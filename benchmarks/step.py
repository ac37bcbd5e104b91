"""Times a mining step on a CPU against the same step in PyTorch, in turn, in one process.

    python benchmarks/step.py

First both take two steps from equal weights with equal draws, and their losses must agree. The
flops of a step are counted from the layers' sizes: products with padding are included, everything
but convolutions is left out. The peak is the better framework's product of two 2048x2048 matrices.
Run it on a machine that does nothing else: PyTorch's threads wait for each other, so that other
load slows it down far more than us.
"""

import argparse
import os
import time
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch_step
from timing import fresh_batch, fresh_source, medians

from minegan_jax.methods.adversarial import GameState, Rules
from minegan_jax.methods.mining import MinerShape, critic_of, mine
from minegan_jax.training import devices
from minegan_jax.types import Batch

TURNS = 5
MATRIX = 2048
SIZES = (28, 14, 7, 4)  # of the feature maps, in pixels


def torch_side(state: GameState, batch: Batch) -> Callable:
    """Copies our weights and images for PyTorch."""
    params = state.params
    networks = params["miners"][0], params["generators"][0], params["critic"]
    layers = [torch_step.layers_from_flax(network) for network in networks]
    return torch_step.make_step(*layers, np.asarray(batch.images))


def torch_draws(draws: object) -> torch_step.Draws:
    """Copies our draws for PyTorch."""
    arrays = draws.critic.latents[0], draws.mixes, draws.players.latents[0]
    return torch_step.Draws(*(torch.tensor(np.asarray(array)) for array in arrays))


def flops(width: int, batch_size: int) -> float:
    """Counts the convolutions of a step: 10 passes of the critic in a turn, 4 in the miner's.

    A critic's turn: 3 forward (real, fake, between), 3 backward, 1 forward again for the
    penalty's derivative and 3 for the kernels; the generator 1. The miner's turn: both networks
    forward and backward. The first layer need not go back to real and fake images.
    """
    widths = (1, width, 2 * width, 4 * width)
    layers = [
        2.0 * 25 * widths[i] * widths[i + 1] * SIZES[i + 1] ** 2 * batch_size for i in range(3)
    ]
    return TURNS * (11 * sum(layers) - 2 * layers[0]) + 4 * sum(layers)


def peak(rounds: int) -> float:
    """Returns the better framework's flops per second in a large matrix product."""
    ours, theirs = jnp.ones((MATRIX, MATRIX)), torch.ones(MATRIX, MATRIX)
    product = jax.jit(jnp.matmul)
    runs = {
        "jax": lambda: product(ours, ours).block_until_ready(),
        "torch": lambda: theirs @ theirs,
    }
    return 2.0 * MATRIX**3 / min(medians(runs, rounds).values())


def main() -> None:
    """Checks that both do the same, times them and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--latent", type=int, default=16)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()

    print(f"load before       {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    source = fresh_source(width=arguments.width, latent_size=arguments.latent)
    shape = MinerShape(depth=2, width=max(256, 2 * arguments.latent))
    rules = Rules(batch_size=arguments.batch, critic_turns=TURNS)
    method = mine([source], rules, shape, critic_of(source))
    state, batch = method.learner.init(None, jax.random.key(1)), fresh_batch(arguments.batch, TURNS)
    step_torch = torch_side(state, batch)

    mesh = devices.make_mesh(arguments.batch)
    state = devices.place(method.learner, state, mesh)
    step = devices.compile_step(method.learner, mesh)
    start = time.perf_counter()
    compiled = step.lower(state, batch, jax.random.key(2)).compile()
    compile_seconds = time.perf_counter() - start

    for key in jax.random.split(jax.random.key(3), 2):
        state, metrics = compiled(state, batch, key)
        ours = float(metrics["critic_loss"]), float(metrics["players_loss"])
        theirs = step_torch(torch_draws(method.learner.draw(key)))
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)
    print(f"equal losses      ours {ours}, torch {theirs}")

    def run_ours() -> None:
        nonlocal state
        state, _ = jax.block_until_ready(compiled(state, batch, jax.random.key(4)))

    draw = partial(torch_step.draw, arguments.batch, TURNS, arguments.latent)
    took = medians({"ours": run_ours, "torch": lambda: step_torch(draw())}, arguments.rounds)
    best = peak(arguments.rounds)
    print(f"torch / ours      {took['torch'] / took['ours']:.2f} (above 1: ours is faster)")
    print(f"matrix product    {best / 1e9:.0f} GFLOP/s at best, {jax.devices()[0].device_kind}")
    print(f"compiling ours    {compile_seconds:.1f} s")
    for name, duration in took.items():
        share = flops(arguments.width, arguments.batch) / duration / best
        print(f"{name:17} {duration:.3f} s a step, {share:.0%} of the matrix product's speed")


if __name__ == "__main__":
    main()
