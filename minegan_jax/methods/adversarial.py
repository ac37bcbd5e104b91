"""The game between one critic and the players: miners and generators of N sources (section 3).

Reading guide: `adversarial_method` at the end joins the pieces. A step is `critic_turns` times
`critic_turn`, then one `players_turn`; both look at fakes through `best_of_supersamples`.
Everything is a pure function of (state, batch, draws).

Scores must not depend on the other images of a batch: a critic with batch normalisation or
minibatch statistics has no place here.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from minegan_jax import losses, selector
from minegan_jax.methods.base import Learner, TransferMethod, ValueAndGrad
from minegan_jax.types import Batch, Images, Key, Latents, Metrics, Params, Scores, to_unit_range

PLAYERS = ("miners", "generators")


class Cast(NamedTuple):
    """The functions of (params, input) that take part in a game."""

    miners: tuple[Callable[[Params, Latents], Latents], ...]
    generators: tuple[Callable[[Params, Latents], Images], ...]
    critic: Callable[[Params, Images], Scores]
    latent_sizes: tuple[int, ...]  # length of each source's u


class Rules(NamedTuple):
    """What stays the same in every step; defaults are those of the authors' MNIST code.

    Every part moves by Adam, at its own rate.
    """

    learning_rates: Mapping[str, float] = MappingProxyType(
        {"miners": 1e-4, "generators": 1e-4, "critic": 1e-4}
    )
    betas: tuple[float, float] = (0.5, 0.9)
    batch_size: int = 64  # images per minibatch, over all devices
    critic_turns: int = 5
    penalty_weight: float = 10.0
    average_decay: float = 0.99  # of the players' moving average, per step


class GameState(NamedTuple):
    """Everything that changes; `averages` holds only those players that move."""

    params: dict[str, Any]  # "critic": tree; "miners", "generators": one tree per source
    averages: dict[str, Any]
    critic_optimizer: optax.OptState
    players_optimizer: optax.OptState
    selector: selector.SelectorState


class Draws(NamedTuple):
    """The random numbers of one step; the batch axis leads."""

    critic_latents: tuple[Float[Array, "batch turns latent"], ...]  # one per source
    mixes: Float[Array, "batch turns"]  # uniform in [0, 1], one per interpolate
    players_latents: tuple[Float[Array, "batch latent"], ...]


class Game(NamedTuple):
    """Who plays, by which rules, and how the two sides move."""

    cast: Cast
    rules: Rules
    moving: tuple[str, ...]  # those of PLAYERS that learn; the others are frozen
    critic_optimizer: optax.GradientTransformation
    players_optimizer: optax.GradientTransformation


def make_game(cast: Cast, rules: Rules, moving: tuple[str, ...]) -> Game:
    """Gives each part that moves its Adam; the rest gets no update and no optimizer state."""
    adams = {name: optax.adam(rate, *rules.betas) for name, rate in rules.learning_rates.items()}
    return Game(
        cast,
        rules,
        moving,
        critic_optimizer=adams["critic"],
        players_optimizer=optax.partition(
            {**adams, "frozen": optax.set_to_zero()},
            {name: name if name in moving else "frozen" for name in PLAYERS},
        ),
    )


def draw(game: Game, key: Key) -> Draws:
    """Draws u for every source from N(0, I), and the places of the interpolates."""
    key_critic, key_mixes, key_players = jax.random.split(key, 3)
    shape = (game.rules.batch_size, game.rules.critic_turns)

    def latents(key: Key, shape: tuple[int, ...]) -> tuple[jax.Array, ...]:
        keys = jax.random.split(key, len(game.cast.latent_sizes))
        pairs = zip(keys, game.cast.latent_sizes, strict=True)
        return tuple(jax.random.normal(key, (*shape, size)) for key, size in pairs)

    return Draws(
        critic_latents=latents(key_critic, shape),
        mixes=jax.random.uniform(key_mixes, shape),
        players_latents=latents(key_players, shape[:1]),
    )


def best_of_supersamples(
    cast: Cast, critic: Params, players: Params, latents: tuple[Latents, ...]
) -> tuple[Images, Int[Array, "supersamples"]]:
    """Makes K supersamples, one image per source, and keeps the image the critic values most.

    Only the winner reaches a loss: with all of them, the critic could not assess how often each
    kind of image occurs (section 3.3, eqs. 5 and 6).

    Returns:
      The K winning images, and the source of each.
    """
    mined = map(lambda mine, m, u: mine(m, u), cast.miners, players["miners"], latents)
    fakes = list(
        map(lambda generate, g, z: generate(g, z), cast.generators, players["generators"], mined)
    )
    if len(fakes) == 1:  # nothing to choose, so nothing to score
        return fakes[0], jnp.zeros(len(fakes[0]), jnp.int32)
    scores = jnp.stack([cast.critic(critic, fake) for fake in fakes], axis=1)
    winners = scores.argmax(axis=1)
    best = jnp.stack(fakes, axis=1)[jnp.arange(len(winners)), winners]
    return best, winners


def critic_turn(
    game: Game,
    state: GameState,
    value_and_grad: ValueAndGrad,
    *,
    real: Images,
    latents: tuple[Latents, ...],
    mixes: Float[Array, "batch"],
) -> tuple[GameState, Metrics]:
    """Moves the critic towards telling the winners from real images (eqs. 3 and 5)."""
    critic = state.params["critic"]
    fake, _ = best_of_supersamples(game.cast, critic, state.params, latents)

    def loss(critic: Params) -> tuple[jax.Array, Metrics]:
        scores = game.cast.critic(critic, jnp.concatenate([real, fake]))
        wasserstein = losses.wasserstein_critic_loss(*jnp.split(scores, 2))
        penalty = losses.gradient_penalty(
            lambda images: game.cast.critic(critic, images), losses.interpolate(real, fake, mixes)
        )
        total = wasserstein + game.rules.penalty_weight * penalty
        return total, {"critic_loss": total, "wasserstein": -wasserstein, "penalty": penalty}

    (_, metrics), gradients = value_and_grad(loss)(critic)
    updates, optimizer = game.critic_optimizer.update(gradients, state.critic_optimizer, critic)
    params = {**state.params, "critic": optax.apply_updates(critic, updates)}
    return state._replace(params=params, critic_optimizer=optimizer), metrics


def players_turn(
    game: Game, state: GameState, value_and_grad: ValueAndGrad, *, latents: tuple[Latents, ...]
) -> tuple[GameState, Metrics]:
    """Moves miners, generators or both towards what the critic values (eqs. 4 and 6)."""
    num_sources = len(game.cast.generators)
    players = {name: state.params[name] for name in PLAYERS}

    def loss(players: Params) -> tuple[jax.Array, Metrics]:
        critic = state.params["critic"]
        fake, winners = best_of_supersamples(game.cast, critic, players, latents)
        total = losses.wasserstein_players_loss(game.cast.critic(critic, fake))
        return total, {"players_loss": total, "win_rates": selector.win_rates(winners, num_sources)}

    (_, metrics), gradients = value_and_grad(loss)(players)
    updates, optimizer = game.players_optimizer.update(gradients, state.players_optimizer, players)
    players = optax.apply_updates(players, updates)
    moving = {name: players[name] for name in state.averages}
    return state._replace(
        params={**state.params, **players},
        averages=optax.incremental_update(moving, state.averages, 1.0 - game.rules.average_decay),
        players_optimizer=optimizer,
        selector=selector.record(state.selector, metrics["win_rates"]),
    ), metrics


def step(
    game: Game, state: GameState, batch: Batch, draws: Draws, value_and_grad: ValueAndGrad
) -> tuple[GameState, Metrics]:
    """Plays the critic's turns, then the players'; reports the last of each."""
    # Unrolled: convolutions inside lax.scan are many times slower on CPUs.
    for turn in range(game.rules.critic_turns):
        state, critic_metrics = critic_turn(
            game,
            state,
            value_and_grad,
            real=to_unit_range(batch.images[:, turn]),
            latents=tuple(u[:, turn] for u in draws.critic_latents),
            mixes=draws.mixes[:, turn],
        )
    state, players_metrics = players_turn(
        game, state, value_and_grad, latents=draws.players_latents
    )
    return state, {**critic_metrics, **players_metrics}


def start(game: Game, params: dict[str, Any], previous: GameState | None) -> GameState:
    """Starts a phase: fresh optimizers, and averages that go on where the last phase left them."""
    averages = {name: params[name] for name in game.moving}
    record = selector.init_selector(len(game.cast.generators))
    if previous is not None:
        averages |= {name: previous.averages[name] for name in previous.averages}
        record = previous.selector
    return GameState(
        params=params,
        averages=averages,
        critic_optimizer=game.critic_optimizer.init(params["critic"]),
        players_optimizer=game.players_optimizer.init({name: params[name] for name in PLAYERS}),
        selector=record,
    )


def adversarial_method(
    cast: Cast,
    rules: Rules,
    moving: tuple[str, ...],
    first_params: Callable[[Key], dict[str, Any]] | None,
) -> TransferMethod:
    """Returns the game as a method.

    Args:
      cast: the networks that play.
      rules: learning rates, turns, penalty, averages.
      moving: which of `PLAYERS` learn; the others are frozen.
      first_params: makes the weights; None takes over those of the previous phase.
    """
    game = make_game(cast, rules, moving)

    def init(previous: GameState | None, key: Key) -> GameState:
        if first_params is not None:
            return start(game, first_params(key), None)
        if previous is None:
            raise ValueError("this phase goes on from another one, got none")
        return start(game, previous.params, previous)

    @partial(jax.jit, static_argnums=1)
    def generate(state: GameState, source: int, latents: Latents) -> Images:
        players = {**state.params, **state.averages}
        mined = cast.miners[source](players["miners"][source], latents)
        return cast.generators[source](players["generators"][source], mined)

    return TransferMethod(
        learner=Learner(init, partial(draw, game), partial(step, game)),
        latent_sizes=cast.latent_sizes,
        probabilities=lambda state: selector.probabilities(state.selector),
        generate=generate,
    )
