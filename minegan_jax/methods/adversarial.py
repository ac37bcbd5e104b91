"""The game between one critic and the players: miners and generators of N sources (section 3).

Reading guide: `adversarial_method` at the end joins the pieces. A step is `critic_turns` times
`critic_turn`, then one `players_turn`; `supersamples` says which fakes they see.
Everything is a pure function of (state, batch, draws).

A critic may look at the other images of a batch (ProGAN's does), so a batch always holds images of
one kind: real ones, interpolates or fakes. Where sources compete it must not, because a winner's
score in the loss is the one that it won with: see `mining.critic_of`.
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
from minegan_jax.methods import supersamples
from minegan_jax.methods.accumulation import in_parts
from minegan_jax.methods.base import Average, Learner, TransferMethod
from minegan_jax.methods.supersamples import Cast, Lots
from minegan_jax.nets import spectral
from minegan_jax.nets.precision import lighter
from minegan_jax.types import (
    Batch,
    Images,
    Key,
    Latents,
    Metrics,
    Params,
    Scores,
    SuperScores,
    to_unit_range,
)

PLAYERS = ("miners", "generators")
RealLabels = tuple[Int[Array, "batch"], ...]  # one array, or none for a label-free critic


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
    loss: str = "wasserstein"  # a key of `losses.LOSSES`
    penalty_weight: float = 10.0  # 0 saves its computation
    average_decay: float = 0.99  # of the players' moving average, per step
    exploration: float = 0.0  # share of supersamples whose image is picked by lot, at first
    exploration_steps: int = 0  # of all phases together, in which that share falls to 0
    warmup_steps: int = 0  # of each phase, in which only the critic learns
    selector_window: int = 1000  # minibatches
    frozen_critic: tuple[str, ...] = ()  # layers of the critic that stay as they start
    drop_below: float = 0.0  # sources with a smaller p have no part in later phases
    spread: bool = False  # devices share the generators' weights, moments and averages
    accumulation: int = 1  # parts in which a device's minibatch is gone through
    precision: str = "float32"  # that generators and critic compute in, see `nets.precision`
    remat: bool = False  # whether they compute activations twice rather than keep them


class GameState(NamedTuple):
    """Everything that changes; `averages` holds only those players that move."""

    params: dict[str, Any]  # "critic": tree; "miners", "generators": one tree per source
    averages: dict[str, Any]
    critic_optimizer: optax.OptState
    players_optimizer: optax.OptState
    selector: selector.SelectorState


class Draws(NamedTuple):
    """The random numbers of one step; the batch axis leads."""

    critic: Lots  # (batch, turns, ...)
    mixes: Float[Array, "batch turns"]  # uniform in [0, 1], one per interpolate
    players: Lots  # (batch, ...)


class Game(NamedTuple):
    """Who plays, by which rules, and how the two sides move."""

    cast: Cast
    rules: Rules
    moving: tuple[str, ...]  # those of PLAYERS that learn; the others are frozen
    critic_optimizer: optax.GradientTransformation
    players_optimizer: optax.GradientTransformation


def _after(num_steps: int, rate: float) -> optax.ScalarOrSchedule:
    """Returns a learning rate that is 0 in the first steps."""
    if not num_steps:
        return rate
    return optax.join_schedules([optax.constant_schedule(x) for x in (0.0, rate)], [num_steps])


def _adam(
    rate: optax.ScalarOrSchedule,
    betas: tuple[float, float],
    whole: Callable[[Params], Params] = lambda params: params,
) -> optax.GradientTransformation:
    """Moves weights by Adam, and the vectors behind spectral norms by the power method."""
    return optax.chain(optax.adam(rate, *betas), spectral.power_iteration(whole))


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

    adams = {
        "miners": _adam(rates["miners"], rules.betas),
        "generators": _adam(rates["generators"], rules.betas, whole),
    }
    return Game(
        cast,
        rules,
        moving,
        critic_optimizer=_moving_only(
            _adam(rules.learning_rates["critic"], rules.betas), rules.frozen_critic
        ),
        players_optimizer=optax.partition(
            {**adams, "frozen": optax.set_to_zero()},
            {name: name if name in moving else "frozen" for name in PLAYERS},
        ),
    )


def draw(game: Game, key: Key) -> Draws:
    """Draws the supersamples' random numbers and the places of the interpolates."""
    key_critic, key_mixes, key_players = jax.random.split(key, 3)
    shape, sizes = (game.rules.batch_size, game.rules.critic_turns), game.cast.latent_sizes
    return Draws(
        critic=supersamples.draw_lots(key_critic, shape, sizes),
        mixes=jax.random.uniform(key_mixes, shape),
        players=supersamples.draw_lots(key_players, shape[:1], sizes),
    )


def players(state: GameState) -> dict[str, Any]:
    """Returns the weights of all players."""
    return {name: state.params[name] for name in PLAYERS}


def exploration(rules: Rules, seen: Int[Array, ""]) -> Float[Array, ""]:
    """Returns the share of supersamples picked by lot after so many minibatches."""
    left = 1.0 - seen / max(rules.exploration_steps, 1)
    return rules.exploration * jnp.clip(left, 0.0, 1.0)


def choose(game: Game, state: GameState, lots: Lots) -> supersamples.Chosen:
    """Plays the supersamples of one turn, without a gradient."""
    share = exploration(game.rules, state.selector.seen)
    return supersamples.choose(
        game.cast,
        state.params["critic"],
        players(state),
        lots,
        allowed=state.selector.allowed,
        exploration=share,
    )


def critic_turn(
    game: Game,
    state: GameState,
    average: Average,
    *,
    real: Images,
    lots: Lots,
    mixes: Float[Array, "batch"],
    labels: RealLabels = (),
) -> tuple[GameState, Metrics]:
    """Moves the critic towards telling the winners from real images (eqs. 3 and 5).

    A critic that is told labels judges interpolates by those of the real images.
    """
    critic, rules = state.params["critic"], game.rules

    def of_part(real: Images, lots: Lots, mixes: Float[Array, "batch"], labels: RealLabels) -> Any:
        fake = choose(game, state, lots).images

        def loss(critic: Params) -> tuple[jax.Array, Metrics]:
            of_real = game.cast.critic(critic, real, *labels)
            of_fake = game.cast.critic(critic, fake, *supersamples.asked_for(game.cast, lots))
            total = losses.LOSSES[rules.loss].critic(of_real, of_fake)
            metrics = {"wasserstein": -losses.wasserstein_critic_loss(of_real, of_fake)}
            if rules.penalty_weight:
                metrics["penalty"] = losses.gradient_penalty(
                    lambda images: game.cast.critic(critic, images, *labels),
                    losses.interpolate(real, fake, mixes),
                )
                total += rules.penalty_weight * metrics["penalty"]
            return total, {"critic_loss": total, **metrics}

        return jax.value_and_grad(loss, has_aux=True)(critic)

    of_batch = in_parts(of_part, rules.accumulation)
    (_, metrics), gradients = average(of_batch(real, lots, mixes, labels))
    updates, optimizer = game.critic_optimizer.update(gradients, state.critic_optimizer, critic)
    params = {**state.params, "critic": optax.apply_updates(critic, updates)}
    return state._replace(params=params, critic_optimizer=optimizer), metrics


def players_turn(
    game: Game, state: GameState, average: Average, *, lots: Lots
) -> tuple[GameState, Metrics]:
    """Moves miners, generators or both towards what the critic values (eqs. 4 and 6)."""
    critic, before = state.params["critic"], players(state)
    moving = {name: before[name] for name in game.moving}
    frozen = {name: before[name] for name in PLAYERS if name not in game.moving}

    def of_part(lots: Lots) -> tuple[Params, Metrics]:
        def loss(fake: Images) -> jax.Array:
            scores = game.cast.critic(critic, fake, *supersamples.asked_for(game.cast, lots))
            return losses.LOSSES[game.rules.loss].players(scores)

        chosen = choose(game, state, lots)
        fake, back = supersamples.remake(game.cast, moving, frozen, lots.latents, chosen)
        total, change = jax.value_and_grad(loss)(fake)
        rates = selector.win_rates(chosen.winners, len(game.cast.generators))
        return back(change), {"players_loss": total, "win_rates": rates}

    change, metrics = in_parts(of_part, game.rules.accumulation)(lots)
    gradients = average(change, moving) | jax.tree.map(jnp.zeros_like, frozen)
    metrics = average(metrics)
    updates, optimizer = game.players_optimizer.update(gradients, state.players_optimizer, before)
    after = optax.apply_updates(before, updates)
    moved = {name: after[name] for name in state.averages}
    record = selector.record(state.selector, metrics["win_rates"])
    return state._replace(
        params={**state.params, **after},
        averages=optax.incremental_update(moved, state.averages, 1.0 - game.rules.average_decay),
        players_optimizer=optimizer,
        selector=record,
    ), {**metrics, "probabilities": selector.probabilities(record)}


def step(
    game: Game, state: GameState, batch: Batch, draws: Draws, average: Average
) -> tuple[GameState, Metrics]:
    """Plays the critic's turns, then the players'; reports the last of each."""

    def turn(state: GameState, given: tuple[Any, ...]) -> tuple[GameState, Any]:
        pixels, lots, mixes, labels = given
        real = game.cast.view(to_unit_range(pixels))
        return critic_turn(game, state, average, real=real, lots=lots, mixes=mixes, labels=labels)

    labels = (batch.labels,) if game.cast.num_classes else ()
    given = batch.images, draws.critic, draws.mixes, labels
    turns_first = jax.tree.map(lambda numbers: jnp.moveaxis(numbers, 1, 0), given)
    state, metrics = jax.lax.scan(turn, state, turns_first)
    critic_metrics = {name: values[-1] for name, values in metrics.items()}
    state, players_metrics = players_turn(game, state, average, lots=draws.players)
    return state, {**critic_metrics, **players_metrics}


def start(game: Game, params: dict[str, Any], previous: GameState | None) -> GameState:
    """Starts a phase: fresh optimizers, and averages that go on where the last phase left them."""
    averages = {name: params[name] for name in game.moving}
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
    )


def _lighter(cast: Cast, rules: Rules) -> Cast:
    """Returns the cast as it trains; the one that samples is always the exact one."""
    train = partial(lighter, precision=rules.precision, remat=rules.remat)
    return cast._replace(
        generators=tuple(train(generate) for generate in cast.generators), critic=train(cast.critic)
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
    game = make_game(_lighter(cast, rules), rules, moving)

    def init(previous: GameState | None, key: Key) -> GameState:
        if first_params is not None:
            return start(game, first_params(key), None)
        if previous is None:
            raise ValueError("this phase goes on from another one, got none")
        return start(game, previous.params, previous)

    @partial(jax.jit, static_argnums=1)
    def mined(state: GameState, source: int, latents: Latents) -> Any:
        weights = {**state.params, **state.averages}
        return cast.miners[source](weights["miners"][source], latents)

    @partial(jax.jit, static_argnums=1)
    def generate(state: GameState, source: int, latents: Latents) -> Images:
        weights = {**state.params, **state.averages}
        given = mined(state, source, latents)
        return cast.output(cast.generators[source](weights["generators"][source], given))

    @partial(jax.jit, static_argnums=2)
    def contest(state: GameState, key: Key, count: int) -> SuperScores:
        latents = supersamples.draw_lots(key, (count,), cast.latent_sizes).latents
        averaged = {**players(state), **state.averages}
        critic, allowed = state.params["critic"], state.selector.allowed
        return supersamples.contest(cast, critic, averaged, latents, allowed)[1]

    @jax.jit
    def score(state: GameState, images: Images) -> Scores:
        # One by one, so that no score depends on what else is asked.
        return jax.lax.map(
            lambda image: cast.critic(state.params["critic"], image[None])[0], images
        )

    return TransferMethod(
        learner=Learner(
            init, partial(draw, game), partial(step, game), ("generators",) if rules.spread else ()
        ),
        latent_sizes=cast.latent_sizes,
        selector=lambda state: state.selector,
        mined=mined,
        generate=generate,
        contest=contest,
        score=None if cast.num_classes else score,
    )
