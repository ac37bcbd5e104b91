"""The smallest networks that can play the game, and a game of theirs."""

import jax
import jax.numpy as jnp
import numpy as np

from minegan_jax.metrics.shown import Shown
from minegan_jax.mining.game import PLAYERS, Rules, draw, make_game, start
from minegan_jax.mining.noise import NoiseShape
from minegan_jax.mining.supersamples import Cast
from minegan_jax.nets.family import Networks
from minegan_jax.sources import Source

RULES = Rules(
    learning_rates={"miners": 0.01, "generators": 0.02, "critic": 0.03},
    batch_size=4,
    critic_turns=2,
    average_decay=0.9,
)
LATENT = 3


def mine(params, latents):
    return latents + jnp.tanh(latents @ params["weights"])


def generate(params, latents):
    return jnp.tanh(latents @ params["weights"]).reshape(-1, 2, 2, 1)


def criticise(params, images):
    return jnp.tanh(images.reshape(len(images), -1) @ params["hidden"]) @ params["out"]


def toy_weights(key, **shapes):
    keys = jax.random.split(key, len(shapes))
    pairs = zip(keys, shapes.items(), strict=True)
    return {name: jax.random.normal(key, shape) for key, (name, shape) in pairs}


def toy_networks():
    def init(key):
        return (
            toy_weights(key, weights=(LATENT, 4)),
            toy_weights(jax.random.fold_in(key, 1), hidden=(4, 5), out=(5,)),
        )

    return Networks(generate, criticise, init, LATENT, resolution=2, channels=1)


def toy_source(seed):
    networks = toy_networks()
    return Source("toy", "toy", networks, *networks.init(jax.random.key(seed)), "", {})


def toy_cast(miners, generators, critic, latent_size):
    """Returns a cast whose images are all of one size."""
    shapes = (NoiseShape(latent_size),) * len(miners)
    miners = tuple(map(of_noise, miners))
    truncates = (False,) * len(miners)
    same = (lambda x: x,) * 2
    return Cast(miners, generators, critic, *same, shapes, truncates=truncates)


def of_noise(miner):
    """A miner of latents as one of u."""
    return lambda params, _, noise: miner(params, noise.latents)


def toy_game(num_sources, rules=RULES):
    """Returns a game in which all move, its first state, one step's draws and real images."""
    sources = [toy_source(seed) for seed in range(num_sources)]
    cast = toy_cast((mine,) * num_sources, (generate,) * num_sources, criticise, LATENT)
    game = make_game(cast, rules, PLAYERS)
    params = {
        "miners": tuple(
            toy_weights(jax.random.key(10 + i), weights=(LATENT, LATENT))
            for i in range(num_sources)
        ),
        "generators": tuple(source.generator for source in sources),
        "critic": sources[0].critic,
    }
    state = start(game, params, None)
    shape = (RULES.batch_size, RULES.critic_turns, 2, 2, 1)
    real = jnp.tanh(jax.random.normal(jax.random.key(5), shape))
    return game, state, draw(game, jax.random.key(4)), real


def gaussians(*counts, width=6, seed=0):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(count, width)) for count in counts)


def as_shown(rows):
    """Images that differ, or their features, which training shows as they are."""
    return Shown(rows, np.arange(len(rows)), len(rows))


def with_moments(mean, deviations):
    """2 d rows whose mean and diagonal sample covariance are exactly these."""
    count = 2 * len(mean)
    axes = np.diag(np.asarray(deviations) * np.sqrt((count - 1) / 2))
    return np.concatenate([axes, -axes]) + np.asarray(mean)
