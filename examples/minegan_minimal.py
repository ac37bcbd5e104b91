"""MineGAN in one file: a miner, then finetuning, makes nines of a generator of the digits 0 to 8.

This is the method of Wang et al., CVPR 2020, for one source, to be read from top to bottom. Of the
package it takes the source alone, two networks and their weights. It draws a row of images of the
source, of the mined generator and of the finetuned one, and one of real nines:

    pip install . && python examples/minegan_minimal.py nines.png

Settings are those of `configs/mnist.py`, without its EMA. Keys are folded as in the package, whose
losses are the same: see `training/loop.py`, of images `data/batches.py`, of noise `mining/game.py`.
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from PIL import Image

from minegan_jax.sources import PACKAGED, Source, load_source

SEED, BATCH_SIZE, CRITIC_TURNS, PENALTY_WEIGHT = 0, 64, 5, 10.0
STEPS = {"mine": 400, "finetune": 200}
RATES, BETAS = {"miner": 5e-4, "generator": 2e-4, "critic": 5e-4}, (0.0, 0.9)
MINER_WIDTH = 256  # hidden units; at least two for each number of a latent


class Miner(nn.Module):
    """M, two fully connected layers (section 4): from u of N(0, I) to a latent as long.

    It starts at M(u) = relu(u) - relu(-u) = u, where the generator samples as it always did. Hidden
    units beyond these start with random features of u, which do not reach the latent yet.
    """

    @nn.compact
    def __call__(self, u: jax.Array) -> jax.Array:
        both = jnp.concatenate([jnp.eye(u.shape[1]), -jnp.eye(u.shape[1])])

        def first(key: jax.Array, shape: tuple[int, int], dtype: Any) -> jax.Array:
            features = jax.random.normal(key, (shape[0], shape[1] - len(both)), dtype)
            return jnp.concatenate([both.T, features / shape[0] ** 0.5], axis=1)

        hidden = nn.relu(nn.Dense(MINER_WIDTH, kernel_init=first)(u))
        last = jnp.zeros((MINER_WIDTH, u.shape[1])).at[: len(both)].set(both)
        return nn.Dense(u.shape[1], kernel_init=lambda *_: last)(hidden)


def generate(nets: Any, players: Any, u: jax.Array) -> jax.Array:
    """G(M(u)): images in [-1, 1], (batch, height, width, channels), of u (batch, latent_size)."""
    return nets.generate(players["generator"], Miner().apply({"params": players["miner"]}, u))


def critic_loss(critic: Any, nets: Any, real: jax.Array, fake: jax.Array, mix: jax.Array) -> Any:
    """E[D(G(M(u)))] - E[D(x)], eq. 3, and the gradient penalty of WGAN-GP (section 3.1)."""
    score = partial(nets.criticise, critic)
    between = real + mix[:, None, None, None] * (fake - real)
    slopes = jax.grad(lambda images: score(images).sum())(between)
    norms = jnp.sqrt((slopes**2).sum(axis=(1, 2, 3)) + 1e-12)  # a plain norm's gradient at 0 is NaN
    return score(fake).mean() - score(real).mean() + PENALTY_WEIGHT * ((norms - 1) ** 2).mean()


def players_loss(players: Any, nets: Any, critic: Any, u: jax.Array) -> jax.Array:
    """-E[D(G(M(u)))], eq. 4, which the miner lowers and, in finetuning, the generator too."""
    return -nets.criticise(critic, generate(nets, players, u)).mean()


def optimizers(phase: str) -> tuple[optax.GradientTransformation, optax.GradientTransformation]:
    """Adam of the critic and of the players; mining leaves the generator frozen (section 3.2)."""
    adam = {name: optax.adam(rate, *BETAS) for name, rate in RATES.items()}
    frozen = {"generator": optax.set_to_zero()} if phase == "mine" else {}
    return adam["critic"], optax.partition(adam | frozen, {n: n for n in ("miner", "generator")})


def descend(loss_of: Callable[..., Any], optimizer: Any, params: Any, state: Any) -> Any:
    """Moves weights once towards a lower loss: ((weights, optimizer's state), loss before)."""
    loss, gradient = jax.value_and_grad(loss_of)(params)
    updates, state = optimizer.update(gradient, state, params)
    return (optax.apply_updates(params, updates), state), loss


@partial(jax.jit, static_argnums=(0, 1))
def step(nets: Any, phase: str, critic: Any, players: Any, real: jax.Array, key: Any) -> Any:
    """Moves (weights, optimizer's state) of the critic for each minibatch, then of the players."""
    key_critic, key_mix, key_players = jax.random.split(key, 3)
    shape, (of_critic, of_players) = real.shape[1::-1], optimizers(phase)

    def noise(key: jax.Array, *places: int) -> jax.Array:
        first, *_ = jax.random.split(key, 3)  # the others choose among sources (section 3.3)
        return jax.random.normal(first, (*places, nets.latent_size))

    def turn(critic: Any, given: tuple[jax.Array, ...]) -> tuple[Any, jax.Array]:
        real, u, mix = given
        fake = generate(nets, players[0], u)
        return descend(lambda d: critic_loss(d, nets, real, fake, mix), of_critic, *critic)

    given = real, noise(key_critic, *shape).swapaxes(0, 1), jax.random.uniform(key_mix, shape).T
    critic, losses = jax.lax.scan(turn, critic, given)
    asked = nets, critic[0], noise(key_players, shape[0])
    players, loss = descend(lambda p: players_loss(p, *asked), of_players, *players)
    return critic, players, (losses[-1], loss)


def minibatches(pixels: np.ndarray, number: int) -> jax.Array:
    """Real images in [-1, 1] of a step, (turns, batch, ...), drawn with replacement."""
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(SEED), 0xDA7A), number)
    places = jax.random.split(key)[0], (BATCH_SIZE, CRITIC_TURNS)
    drawn = np.asarray(jax.random.randint(*places, 0, len(pixels)))
    return jnp.asarray(pixels[drawn.T], jnp.float32) / 127.5 - 1


def train(source: Source, pixels: np.ndarray) -> Iterator[tuple[str, Any, Any]]:
    """Yields after each step its phase, the players' weights and both losses (section 3.4)."""
    key, number, nets = jax.random.key(SEED), 0, source.networks
    (start,) = jax.random.split(jax.random.fold_in(jax.random.fold_in(key, 0), 0), 1)
    miner = Miner().init(start, jnp.zeros((1, nets.latent_size)))["params"]
    weights = [source.critic, {"miner": miner, "generator": source.generator}]
    for phase, name in enumerate(STEPS):
        # All go on where mining left them, by optimizers that start afresh.
        both = [(w, o.init(w)) for w, o in zip(weights, optimizers(name), strict=True)]
        for i in range(1, STEPS[name] + 1):
            real, drawn = minibatches(pixels, number), jax.random.fold_in(key, phase)
            *both, losses = step(nets, name, *both, real, jax.random.fold_in(drawn, i))
            number += 1
            yield name, both[1][0], losses
        weights = [params for params, _ in both]


def main(out: str = "nines.png") -> None:
    """Mines, finetunes, says how it goes, and draws."""
    digits = np.load(PACKAGED / "mnist_digits" / "images.npz")  # 500 of each digit
    nines = digits["images"][digits["labels"] == 9].reshape(-1, 28, 28, 1)[:400]
    source, last = load_source("mnist_without_9"), {}
    for phase, players, losses in train(source, nines):
        print(phase, "losses of critic and players:", *losses)
        last[phase] = players
    u = jax.random.normal(jax.random.key(SEED), (16, source.networks.latent_size))
    rows = [source.generate(u), *(generate(source.networks, each, u) for each in last.values())]
    grid = np.stack([*rows, nines[:16] / 127.5 - 1])[..., 0].swapaxes(1, 2).reshape(4 * 28, -1)
    Image.fromarray(np.uint8(np.round((grid + 1) * 127.5))).save(out)


if __name__ == "__main__":
    main(*sys.argv[1:])
