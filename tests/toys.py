"""The smallest networks that can play the game, and a game of theirs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from minegan_jax.metrics.shown import Shown
from minegan_jax.mining.game import PLAYERS, draw, make_game, start
from minegan_jax.mining.noise import NoiseShape
from minegan_jax.mining.settings import GameSettings, SelectorConfig
from minegan_jax.mining.supersamples import GameNetworks
from minegan_jax.mining.view import View
from minegan_jax.nets.family import Networks
from minegan_jax.nets.image_resize import WHOLE, ImageShape
from minegan_jax.sources import Source

GAME = GameSettings(selector=SelectorConfig(exploration=0.0, exploration_steps=0))


def changed(settings, values):
    """Returns a method's settings with other values, by path."""
    for path, value in values.items():
        section, _, name = path.rpartition(".")
        if section:
            value = dataclasses.replace(getattr(settings, section), **{name: value})
        settings = settings._replace(**{section or name: value})
    return settings


RULES = changed(
    GAME,
    {
        "miner.learning_rate": 0.01,
        "game.learning_rate": 0.02,
        "game.critic_learning_rate": 0.03,
        "run.batch_size": 4,
        "game.critic_steps": 2,
        "game.ema_decay": 0.9,
    },
)
SLOW = changed(  # small rates, for runs that are compared over several steps
    GAME,
    {
        "miner.learning_rate": 1e-3,
        "game.learning_rate": 1e-3,
        "game.critic_learning_rate": 1e-3,
        "run.batch_size": 8,
        "game.critic_steps": 2,
    },
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


def toy_networks_of(miners, generators, critic, latent_size):
    """Returns a cast whose images are all of one size."""
    shapes = (NoiseShape(latent_size),) * len(miners)
    miners = tuple(map(of_noise, miners))
    truncates = (False,) * len(miners)
    view = as_it_is(len(miners))
    return GameNetworks(miners, generators, critic, view, shapes, truncates=truncates)


def as_it_is(num_sources):
    """The view of toy images of any shape: they are seen, measured and handed out alike."""

    def same(images):
        return images

    shape, each = ImageShape(2, 1), (same,) * num_sources
    return View(shape, shape, (WHOLE,) * num_sources, same, each, (None,) * num_sources, same)


def of_noise(miner):
    """A miner of latents as one of u."""
    return lambda params, _, noise: miner(params, noise.latents)


def toy_game(num_sources, rules=RULES):
    """Returns a game in which all move, its first state, one step's draws and real images."""
    sources = [toy_source(seed) for seed in range(num_sources)]
    networks = toy_networks_of((mine,) * num_sources, (generate,) * num_sources, criticise, LATENT)
    game = make_game(networks, rules, PLAYERS)
    params = {
        "miners": tuple(
            toy_weights(jax.random.key(10 + i), weights=(LATENT, LATENT))
            for i in range(num_sources)
        ),
        "generators": tuple(source.generator for source in sources),
        "critic": sources[0].critic,
    }
    state = start(game, params, None)
    shape = (RULES.run.batch_size, RULES.game.critic_steps, 2, 2, 1)
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
