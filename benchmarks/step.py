"""Times a mining step on a CPU against the same step in PyTorch, in turn, in one process.

    python benchmarks/step.py [--family=progan] [--out=docs/results/speed.json]

First both must agree, from equal weights and equal draws: in images, scores and the gradient of the
critic's loss, then in the losses of two steps. Flops are those of PyTorch's convolutions and matrix
products, with the products with padding. The peak is the better framework's product of two
2048x2048 matrices. Run it on a machine that does nothing else: PyTorch's threads wait for each
other, so that other load slows it down far more than us.
"""

import argparse
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import results
import torch
import torch_biggan
import torch_dcgan
import torch_progan
import torch_step
from timing import fresh_batch, fresh_source, medians
from torch.utils.flop_counter import FlopCounterMode

from minegan_jax.config import from_values
from minegan_jax.mining import losses
from minegan_jax.mining.minegan import MinerShape, critic_of, mine
from minegan_jax.mining.noise import Noise
from minegan_jax.sources import Source
from minegan_jax.training import devices
from minegan_jax.types import Batch, Images, Params, to_unit_range

MATRIX = 2048
CLOSE = 1e-3  # of float32 gradients, against the largest in an array


class Setting(NamedTuple):
    """What is timed for a family; the flags say otherwise."""

    opponent: Callable[..., torch_step.Opponent]
    arguments: Mapping[str, Any]  # of the networks
    batch_size: int
    turns: int  # of the critic
    miner_depth: int


COLOUR = {"resolution": 64, "channels": 3, "width": 16}
SETTINGS = {
    "dcgan": Setting(torch_dcgan.opponent, {"width": 64, "latent_size": 16}, 64, 5, 2),
    "progan": Setting(torch_progan.opponent, {**COLOUR, "latent_size": 128}, 16, 1, 4),
    "biggan": Setting(
        torch_biggan.opponent,
        # Attention at 32 pixels in both networks.
        {
            **COLOUR,
            "latent_size": 100,
            "num_classes": 10,
            "attention": (2,),
            "critic_attention": (0,),
        },
        16,
        1,
        4,
    ),
}


def torch_draws(draws: Any) -> torch_step.Draws:
    """Copies our draws for PyTorch."""
    (critic,), (players,) = draws.critic.u, draws.players.u
    arrays = _in_a_row(critic), draws.epsilons, _in_a_row(players)
    return torch_step.Draws(*(torch.tensor(np.asarray(array)) for array in arrays))


def _in_a_row(noise: Noise) -> jax.Array:
    """Returns latents and behind them, where one is drawn, the number of the class."""
    if noise.labels is None:
        return noise.latents
    return jnp.concatenate([noise.latents, noise.labels[..., None]], axis=-1)


def _channels_first(images: Images) -> torch.Tensor:
    """Copies our images for PyTorch."""
    return torch.tensor(np.asarray(images)).permute(0, 3, 1, 2)


def check_networks(source: Source, opponent: torch_step.Opponent, real: Images) -> None:
    """Makes sure that images, scores and the critic's gradient are the same."""
    latents = jax.random.normal(jax.random.key(5), (len(real), source.networks.latent_size))
    epsilons = jax.random.uniform(jax.random.key(6), (len(real),))
    fake = jax.jit(source.networks.generate)(source.generator, latents)

    def loss(critic: Params) -> jax.Array:
        criticise = partial(source.networks.criticise, critic)
        penalty = losses.gradient_penalty(criticise, losses.interpolate(real, fake, epsilons))
        return losses.wasserstein_critic_loss(criticise(real), criticise(fake)) + 10.0 * penalty

    critic = jax.tree.map(lambda weight: weight.clone().requires_grad_(), opponent.critic)
    given = [_channels_first(real), _channels_first(fake), torch.tensor(np.asarray(epsilons))]
    torch_step.critic_loss(opponent, critic, *given).backward()
    no_change = jax.tree.map(torch.zeros_like, critic)  # where the loss does not depend on a weight
    changes = jax.tree.map(
        lambda weight, none: none if weight.grad is None else weight.grad, critic, no_change
    )
    pairs = {
        "images": (fake, opponent.generate(torch.tensor(np.asarray(latents))).permute(0, 2, 3, 1)),
        "scores": (
            jax.jit(source.networks.criticise)(source.critic, real),
            opponent.scorer(critic)(given[0]),
        ),
        "gradient": (jax.jit(jax.grad(loss))(source.critic), torch_step.as_params(changes)),
    }
    for name, both in pairs.items():
        ours, theirs = (jax.tree.leaves(tree) for tree in both)
        for found, other in zip(ours, theirs, strict=True):
            expected = other.detach().numpy() if isinstance(other, torch.Tensor) else other
            atol = CLOSE * max(np.abs(found).max(), 1e-6)
            np.testing.assert_allclose(found, expected, rtol=0.0, atol=atol, err_msg=name)


def peak(rounds: int) -> float:
    """Returns the better framework's flops per second in a large matrix product."""
    ours, theirs = jnp.ones((MATRIX, MATRIX)), torch.ones(MATRIX, MATRIX)
    product = jax.jit(jnp.matmul)
    runs = {
        "jax": lambda: product(ours, ours).block_until_ready(),
        "torch": lambda: theirs @ theirs,
    }
    return 2.0 * MATRIX**3 / min(medians(runs, rounds).values())


class OurStep:
    """A step of mining, compiled, and the state that it moves on."""

    def __init__(self, source: Source, setting: Setting, batch: Batch) -> None:
        """Builds and compiles it; `batch` is what every step trains on."""
        shape = MinerShape(setting.miner_depth, width=max(256, 2 * source.networks.latent_size))
        values = {"run.batch_size": setting.batch_size, "game.critic_steps": setting.turns}
        settings = from_values(values).game_settings()
        self.method, self.batch = mine([source], settings, shape, critic_of(source)), batch
        learner, mesh = self.method.learner, devices.make_mesh(setting.batch_size)
        state = learner.init(None, jax.random.key(1))
        self.miner = torch_step.weights(state.params["miners"][0])
        self.state = devices.place(learner, state, mesh)
        step = devices.compile_step(learner, mesh)
        start = time.perf_counter()
        self.compiled = step.lower(self.state, batch, jax.random.key(2)).compile()
        self.compile_seconds = time.perf_counter() - start

    def __call__(self, key: jax.Array) -> tuple[float, float]:
        """Takes one; returns the critic's and the players' loss."""
        self.state, metrics = jax.block_until_ready(self.compiled(self.state, self.batch, key))
        return float(metrics["critic_loss"]), float(metrics["players_loss"])


def check_losses(
    ours: OurStep, theirs: Callable[[torch_step.Draws], tuple[torch.Tensor, torch.Tensor]]
) -> float:
    """Makes sure that two steps have the same losses; returns the flops of one."""
    for key in jax.random.split(jax.random.key(3), 2):
        found = ours(key)
        with FlopCounterMode(display=False) as counter:
            losses_there = theirs(torch_draws(ours.method.learner.draw(key)))
        expected = [loss.item() for loss in losses_there]
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    print(f"equal losses      ours {found}, torch {expected}")
    return float(counter.get_total_flops())


def selected() -> argparse.Namespace:
    """Returns what the flags say, and with it the setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", choices=sorted(SETTINGS), default="dcgan")
    parser.add_argument("--width", type=int)
    parser.add_argument("--latent", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--turns", type=int)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    setting = SETTINGS[options.family]
    given = {"width": options.width, "latent_size": options.latent}
    options.setting = setting._replace(
        arguments={**setting.arguments, **{name: value for name, value in given.items() if value}},
        batch_size=options.batch or setting.batch_size,
        turns=options.turns or setting.turns,
    )
    return options


def main() -> None:
    """Checks that both do the same, times them and prints the figures."""
    options = selected()
    setting = options.setting
    print(f"load before       {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    source = fresh_source(options.family, **setting.arguments)
    networks = source.networks
    opponent = setting.opponent(*map(torch_step.weights, (source.generator, source.critic)))
    batch = fresh_batch(setting.batch_size, setting.turns, networks.resolution, networks.channels)
    check_networks(source, opponent, to_unit_range(batch.images[:, 0]))
    print("equal             images, scores, the critic's gradient")

    ours = OurStep(source, setting, batch)
    theirs = torch_step.make_step(ours.miner, opponent, np.asarray(batch.images))
    flops = check_losses(ours, theirs)

    shape = ours.method.sources[0].noise
    draw = partial(torch_step.draw, setting.batch_size, setting.turns, *shape)
    runs = {"ours": lambda: ours(jax.random.key(4)), "torch": lambda: theirs(draw())}
    took, best = medians(runs, options.rounds), peak(options.rounds)
    figures = {
        **{f"{name}_seconds": duration for name, duration in took.items()},
        "torch_over_ours": took["torch"] / took["ours"],  # above 1: ours is faster
        "matrix_product_gigaflops_per_second": best / 1e9,
        **{
            f"{name}_share_of_matrix_product": flops / duration / best
            for name, duration in took.items()
        },
        "ours_compile_seconds": ours.compile_seconds,
    }
    results.keep(options.out, f"step {options.family} {setting.arguments['width']}", figures)


if __name__ == "__main__":
    main()
