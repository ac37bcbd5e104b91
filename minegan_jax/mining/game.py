"""Who plays the game of section 3, by which rules, and what of it changes: no turn is played here.

The players, miners and generators of N sources, stand against one critic. Each part that moves has
an Adam of its own; what is frozen gets no update and no optimizer state.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from minegan_jax.mining import selector, supersamples
from minegan_jax.mining.augment import draw_numbers
from minegan_jax.mining.settings import GameConfig, GameSettings, SelectorConfig
from minegan_jax.mining.supersamples import GameNetworks, SupersampleNoise
from minegan_jax.nets import spectral
from minegan_jax.types import Key, Params

PLAYERS = ("miners", "generators")
WARM_TURNS = 10_000


class GameState(NamedTuple):
    """Everything that changes; `ema_params` holds the EMA of those players that have one."""

    params: dict[str, Any]  # "critic": tree; "miners", "generators": one tree per source
    ema_params: dict[str, Any]
    critic_optimizer: optax.OptState
    players_optimizer: optax.OptState
    selector: selector.SelectorState
    turns: Int[Array, ""]  # players' turns of this phase


class Draws(NamedTuple):
    """The random numbers of one step; the batch axis leads."""

    critic: SupersampleNoise  # (batch, turns, ...)
    epsilons: Float[Array, "batch turns"]  # uniform in [0, 1], one per interpolate
    real: Float[Array, "batch turns 7"]  # how the critic sees real images, see `mining.augment`
    players: SupersampleNoise  # (batch, ...)


class Game(NamedTuple):
    """Who plays, by which settings, and how the two sides move."""

    networks: GameNetworks
    settings: GameSettings
    trainable: tuple[str, ...]  # those of PLAYERS that learn; the others are frozen
    with_ema: tuple[str, ...]  # those of the moving ones that have an EMA
    critic_optimizer: optax.GradientTransformation
    players_optimizer: optax.GradientTransformation


def _after(num_steps: int, rate: float) -> optax.ScalarOrSchedule:
    """Returns a learning rate that is 0 in the first steps."""
    if not num_steps:
        return rate
    return optax.join_schedules([optax.constant_schedule(x) for x in (0.0, rate)], [num_steps])


def _adam(
    rate: optax.ScalarOrSchedule,
    config: GameConfig,
    all_gather: Callable[[Params], Params] = lambda params: params,
) -> optax.GradientTransformation:
    """Moves weights by Adam, and the vectors behind spectral norms by the power method."""
    adam = optax.adam(rate, config.beta1, config.beta2, eps=config.adam_epsilon)
    return optax.chain(adam, spectral.power_iteration(all_gather))


def for_lazy_r1(config: GameConfig) -> GameConfig:
    """Returns a config whose critic moves and forgets as if R1 were spread over all steps.

    With R1 in one of k steps, rate and betas are those of k + 1 steps taken in k (StyleGAN2,
    arXiv:1912.04958, appendix B).
    """
    if not config.r1_weight or config.r1_every == 1:
        return config
    share = config.r1_every / (config.r1_every + 1)
    return dataclasses.replace(
        config,
        critic_learning_rate=share * config.critic_learning_rate,
        beta1=config.beta1**share,
        beta2=config.beta2**share,
    )


def _moving_only(
    optimizer: optax.GradientTransformation, frozen: tuple[str, ...]
) -> optax.GradientTransformation:
    """Keeps an optimizer from some of the layers (FreezeD, Mo et al. 2020, arXiv:2002.10964)."""
    if not frozen:
        return optimizer
    return optax.partition(
        {True: optimizer, False: optax.set_to_zero()},
        lambda params: {name: name not in frozen for name in params},
    )


def make_game(networks: GameNetworks, settings: GameSettings, trainable: tuple[str, ...]) -> Game:
    """Gives each part that moves its Adam; the rest gets no update and no optimizer state."""
    config, critics = settings.game, for_lazy_r1(settings.game)

    def all_gather(params: Params) -> Params:
        trees = enumerate(params["generators"])
        return {**params, "generators": tuple(networks.all_gather(i, tree) for i, tree in trees)}

    rate = settings.miner.learning_rate
    if "generators" in trainable:
        rate = settings.miner.finetune_learning_rate or rate
    adams = {
        "miners": _adam(_after(config.warmup_steps, rate), config),
        "generators": _adam(_after(config.warmup_steps, config.learning_rate), config, all_gather),
    }
    return Game(
        networks,
        settings,
        trainable,
        tuple(name for name in trainable if name != "miners" or settings.miner.ema),
        critic_optimizer=_moving_only(
            _adam(critics.critic_learning_rate, critics), settings.frozen_critic
        ),
        players_optimizer=optax.partition(
            {**adams, "frozen": optax.set_to_zero()},
            {name: name if name in trainable else "frozen" for name in PLAYERS},
        ),
    )


def ema_decay(decay: float, turns: ArrayLike, warmup_steps: int = 0) -> Float[Array, "..."]:
    """Decay of an EMA that warms up: min(decay, (1 + t) / (10 + t)) at turn t.

    An EMA of constant decay d still has d^n of where it started after n turns: 0.74 of an untrained
    miner after 300 turns at 0.999. Warmed up, it averages about the last tenth of the turns until
    it reaches its decay, and has forgotten its start after two (`ema_start_share`).

    Args:
      decay: in [0, 1); 0 makes the average the weights themselves.
      turns: players' turns before this one, in this phase; t counts those that moved.
      warmup_steps: turns at the phase's start in which the players stand still.
    """
    t = jnp.maximum(jnp.asarray(turns, jnp.float32) - warmup_steps, 0.0)
    return jnp.minimum(decay, (1.0 + t) / (10.0 + t))


def ema_start_share(decay: float, num_turns: int) -> float:
    """Share that the weights of before the first turn have in the EMA after so many, in [0, 1]."""
    # After these an EMA has its decay, or nothing of its start.
    warm = min(num_turns, WARM_TURNS)
    share = np.prod(np.asarray(ema_decay(decay, np.arange(warm)), np.float64))
    return float(share * np.float64(decay) ** (num_turns - warm))


def update_ema(
    updated: dict[str, Any], ema_params: dict[str, Any], decay: Float[Array, ""]
) -> dict[str, Any]:
    """Returns the EMA after a turn: of weights decay * EMA + (1 - decay) * moved, of vectors moved.

    The vectors behind spectral norms are directions of length 1, whose mean is shorter and no
    estimate of a singular vector: the EMA takes the newest, as one takes over a network's buffers.
    """
    return jax.tree_util.tree_map_with_path(
        lambda path, new, old: new if spectral.is_vector(path) else decay * old + (1 - decay) * new,
        updated,
        ema_params,
    )


def start(game: Game, params: dict[str, Any], previous: GameState | None) -> GameState:
    """Starts a phase: fresh optimizers, and averages that go on where the last phase left them."""
    ema_params = {name: params[name] for name in game.with_ema}
    record = selector.init_selector(len(game.networks.generators), game.settings.selector.window)
    if previous is not None:
        ema_params |= {name: previous.ema_params[name] for name in previous.ema_params}
        record = selector.drop(previous.selector, game.settings.selector.drop_below)
    return GameState(
        params=params,
        ema_params=ema_params,
        critic_optimizer=game.critic_optimizer.init(params["critic"]),
        players_optimizer=game.players_optimizer.init({name: params[name] for name in PLAYERS}),
        selector=record,
        turns=jnp.zeros((), jnp.int32),
    )


def draw(game: Game, key: Key) -> Draws:
    """Draws the supersamples' random numbers and the places of the interpolates."""
    key_critic, key_mixes, key_players = jax.random.split(key, 3)
    settings = game.settings
    places, shapes = (settings.run.batch_size, settings.game.critic_steps), game.networks.noise
    return Draws(
        critic=supersamples.sample_supersample_noise(key_critic, places, shapes),
        epsilons=jax.random.uniform(key_mixes, places),
        real=draw_numbers(jax.random.fold_in(key, 0), places),
        players=supersamples.sample_supersample_noise(key_players, places[:1], shapes),
    )


def players(state: GameState) -> dict[str, Any]:
    """Returns the weights of all players."""
    return {name: state.params[name] for name in PLAYERS}


def exploration(config: SelectorConfig, seen: Int[Array, ""]) -> Float[Array, ""]:
    """Returns the share of supersamples picked by lot after so many minibatches."""
    left = 1.0 - seen / max(config.exploration_steps, 1)
    return config.exploration * jnp.clip(left, 0.0, 1.0)
