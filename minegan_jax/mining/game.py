"""Who plays the game of section 3, by which rules, and what of it changes: no turn is played here.

The players, miners and generators of N sources, stand against one critic. Each part that moves has
an Adam of its own; what is frozen gets no update and no optimizer state.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from minegan_jax.mining import selector, supersamples
from minegan_jax.mining.augment import draw_numbers
from minegan_jax.mining.supersamples import Cast, Lots
from minegan_jax.nets import spectral
from minegan_jax.types import Key, Params

PLAYERS = ("miners", "generators")


class Rules(NamedTuple):
    """What stays the same in every step; defaults are those of the authors' MNIST code.

    Every part moves by Adam, at its own rate.
    """

    learning_rates: Mapping[str, float] = MappingProxyType(
        {"miners": 1e-4, "generators": 1e-4, "critic": 1e-4}
    )
    betas: tuple[float, float] = (0.5, 0.9)
    adam_epsilon: float = 1e-8
    batch_size: int = 64  # images per minibatch, over all devices
    critic_turns: int = 5
    loss: str = "wasserstein"  # a key of `losses.LOSSES`
    penalty_weight: float = 10.0  # 0 saves its computation
    drift_weight: float = 0.0  # of the critic's drift, see `mining.losses.drift`
    average_decay: float = 0.99  # of the players' EMA, per step, once it has warmed up
    average_miners: bool = True  # whether miners have an EMA as well, or generators alone
    exploration: float = 0.0  # share of supersamples whose image is picked by lot, at first
    exploration_steps: int = 0  # of all phases together, in which that share falls to 0
    warmup_steps: int = 0  # of each phase, in which only the critic learns
    selector_window: int = 1000  # minibatches
    frozen_critic: tuple[str, ...] = ()  # layers of the critic that stay as they start
    drop_below: float = 0.0  # sources with a smaller p have no part in later phases
    spread: bool = False  # devices share the generators' weights, moments and averages
    accumulation: int = 1  # parts in which a device's minibatch is gone through
    precision: str = "float32"  # that generators and critic compute in, see `nets.precision`
    augment: tuple[str, ...] = ()  # of `augment.POLICIES`
    r1_weight: float = 0.0  # gamma of R1, see `losses.r1`; 0 saves its computation
    r1_every: int = 16  # critic turns between two computations, which then weigh as many
    remat: bool = False  # whether they compute activations twice rather than keep them


class GameState(NamedTuple):
    """Everything that changes; `averages` holds the EMA of those players that have one."""

    params: dict[str, Any]  # "critic": tree; "miners", "generators": one tree per source
    averages: dict[str, Any]
    critic_optimizer: optax.OptState
    players_optimizer: optax.OptState
    selector: selector.SelectorState
    turns: Int[Array, ""]  # players' turns of this phase


class Draws(NamedTuple):
    """The random numbers of one step; the batch axis leads."""

    critic: Lots  # (batch, turns, ...)
    mixes: Float[Array, "batch turns"]  # uniform in [0, 1], one per interpolate
    real: Float[Array, "batch turns 7"]  # how the critic sees real images, see `mining.augment`
    players: Lots  # (batch, ...)


class Game(NamedTuple):
    """Who plays, by which rules, and how the two sides move."""

    cast: Cast
    rules: Rules
    moving: tuple[str, ...]  # those of PLAYERS that learn; the others are frozen
    averaged: tuple[str, ...]  # those of the moving ones that have an EMA
    critic_optimizer: optax.GradientTransformation
    players_optimizer: optax.GradientTransformation


def _after(num_steps: int, rate: float) -> optax.ScalarOrSchedule:
    """Returns a learning rate that is 0 in the first steps."""
    if not num_steps:
        return rate
    return optax.join_schedules([optax.constant_schedule(x) for x in (0.0, rate)], [num_steps])


def _adam(
    rate: optax.ScalarOrSchedule,
    rules: Rules,
    whole: Callable[[Params], Params] = lambda params: params,
) -> optax.GradientTransformation:
    """Moves weights by Adam, and the vectors behind spectral norms by the power method."""
    adam = optax.adam(rate, *rules.betas, eps=rules.adam_epsilon)
    return optax.chain(adam, spectral.power_iteration(whole))


def _for_lazy_r1(rules: Rules) -> Rules:
    """Returns rules whose critic moves and forgets as if R1 were spread over all turns.

    With R1 in one of k turns, rate and betas are those of k + 1 turns taken in k (StyleGAN2,
    arXiv:1912.04958, appendix B).
    """
    if not rules.r1_weight or rules.r1_every == 1:
        return rules
    share = rules.r1_every / (rules.r1_every + 1)
    rate = share * rules.learning_rates["critic"]
    first, second = (beta**share for beta in rules.betas)
    rates = {**rules.learning_rates, "critic": rate}
    return rules._replace(learning_rates=rates, betas=(first, second))


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


def make_game(cast: Cast, rules: Rules, moving: tuple[str, ...]) -> Game:
    """Gives each part that moves its Adam; the rest gets no update and no optimizer state."""
    rates = {name: _after(rules.warmup_steps, rules.learning_rates[name]) for name in PLAYERS}

    def whole(params: Params) -> Params:
        trees = enumerate(params["generators"])
        return {**params, "generators": tuple(cast.whole(i, tree) for i, tree in trees)}

    critics = _for_lazy_r1(rules)
    adams = {
        "miners": _adam(rates["miners"], rules),
        "generators": _adam(rates["generators"], rules, whole),
    }
    return Game(
        cast,
        rules,
        moving,
        tuple(name for name in moving if name != "miners" or rules.average_miners),
        critic_optimizer=_moving_only(
            _adam(critics.learning_rates["critic"], critics), rules.frozen_critic
        ),
        players_optimizer=optax.partition(
            {**adams, "frozen": optax.set_to_zero()},
            {name: name if name in moving else "frozen" for name in PLAYERS},
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
    return float(np.prod(np.asarray(ema_decay(decay, np.arange(num_turns)), np.float64)))


def update_ema(
    moved: dict[str, Any], averages: dict[str, Any], decay: Float[Array, ""]
) -> dict[str, Any]:
    """Returns the EMA after a turn: of weights decay * EMA + (1 - decay) * moved, of vectors moved.

    The vectors behind spectral norms are directions of length 1, whose mean is shorter and no
    estimate of a singular vector: the EMA takes the newest, as one takes over a network's buffers.
    """
    return jax.tree_util.tree_map_with_path(
        lambda path, new, old: new if spectral.is_vector(path) else decay * old + (1 - decay) * new,
        moved,
        averages,
    )


def start(game: Game, params: dict[str, Any], previous: GameState | None) -> GameState:
    """Starts a phase: fresh optimizers, and averages that go on where the last phase left them."""
    averages = {name: params[name] for name in game.averaged}
    record = selector.init_selector(len(game.cast.generators), game.rules.selector_window)
    if previous is not None:
        averages |= {name: previous.averages[name] for name in previous.averages}
        record = selector.drop(previous.selector, game.rules.drop_below)
    return GameState(
        params=params,
        averages=averages,
        critic_optimizer=game.critic_optimizer.init(params["critic"]),
        players_optimizer=game.players_optimizer.init({name: params[name] for name in PLAYERS}),
        selector=record,
        turns=jnp.zeros((), jnp.int32),
    )


def draw(game: Game, key: Key) -> Draws:
    """Draws the supersamples' random numbers and the places of the interpolates."""
    key_critic, key_mixes, key_players = jax.random.split(key, 3)
    places, shapes = (game.rules.batch_size, game.rules.critic_turns), game.cast.noise
    return Draws(
        critic=supersamples.draw_lots(key_critic, places, shapes),
        mixes=jax.random.uniform(key_mixes, places),
        real=draw_numbers(jax.random.fold_in(key, 0), places),
        players=supersamples.draw_lots(key_players, places[:1], shapes),
    )


def players(state: GameState) -> dict[str, Any]:
    """Returns the weights of all players."""
    return {name: state.params[name] for name in PLAYERS}


def exploration(rules: Rules, seen: Int[Array, ""]) -> Float[Array, ""]:
    """Returns the share of supersamples picked by lot after so many minibatches."""
    left = 1.0 - seen / max(rules.exploration_steps, 1)
    return rules.exploration * jnp.clip(left, 0.0, 1.0)
