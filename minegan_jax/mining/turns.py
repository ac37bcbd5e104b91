"""The game between one critic and the players: miners and generators of N sources (section 3).

Reading guide: `adversarial_method` at the end joins the pieces. A step is `critic_turns` times
`critic_turn`, then one `players_turn`; `game` says who plays by which rules, `supersamples` which
fakes they see. Everything is a pure function of (state, batch, draws).

A critic may look at the other images of a batch (ProGAN's does), so a batch always holds images of
one kind: real ones, interpolates or fakes. Where sources compete it must not, because a winner's
score in the loss is the one that it won with: see `mining.critic_of`.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int

from minegan_jax.mining import losses, selector, supersamples
from minegan_jax.mining.augment import Numbers, augment
from minegan_jax.mining.game import (
    PLAYERS,
    Draws,
    Game,
    GameState,
    Rules,
    draw,
    ema_decay,
    exploration,
    make_game,
    players,
    start,
    update_ema,
)
from minegan_jax.mining.method import TransferMethod, mined_sources
from minegan_jax.mining.supersamples import Cast, Lots
from minegan_jax.nets.precision import full_float32, lighter
from minegan_jax.training.accumulation import in_parts
from minegan_jax.training.learner import Average, Learner
from minegan_jax.types import (
    Batch,
    Images,
    Key,
    Metrics,
    Params,
    Scores,
    SuperScores,
    to_unit_range,
)

RealLabels = tuple[Int[Array, "batch"], ...]  # one array, or none for a label-free critic


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
    numbers: Numbers,
    number: Int[Array, ""] | int = 0,
) -> tuple[GameState, Metrics]:
    """Moves the critic towards telling the winners from real images (eqs. 3 and 5).

    A critic that is told labels judges interpolates by those of the real images.

    Args:
      game: who plays.
      state: before the turn.
      average: over devices.
      real: images, not augmented yet.
      lots: of the supersamples.
      mixes: of the interpolates.
      labels: of the real images, if the critic is told any.
      numbers: how it sees the real images, see `mining.augment`.
      number: of the critic's turn in this phase, by which R1 is computed or not.
    """
    critic, rules, policies = state.params["critic"], game.rules, game.cast.policies

    def of_part(
        real: Images,
        lots: Lots,
        mixes: Float[Array, "batch"],
        labels: RealLabels,
        numbers: Numbers,
    ) -> Any:
        fake = choose(game, state, lots).images

        def seen(images: Images) -> Images:
            return augment(policies, images, numbers)

        def loss(critic: Params) -> tuple[jax.Array, Metrics]:
            of_real = game.cast.critic(critic, seen(real), *labels)
            of_fake = game.cast.critic(critic, fake, *supersamples.asked_for(game.cast, lots))
            total = losses.LOSSES[rules.loss].critic(of_real, of_fake)
            metrics = {"wasserstein": -losses.wasserstein_critic_loss(of_real, of_fake)}
            if rules.penalty_weight:
                metrics["penalty"] = losses.gradient_penalty(
                    lambda images: game.cast.critic(critic, images, *labels),
                    losses.interpolate(seen(real), fake, mixes),
                )
                total += rules.penalty_weight * metrics["penalty"]
            if rules.drift_weight:
                metrics["drift"] = losses.drift(of_real)
                total += rules.drift_weight * metrics["drift"]
            if rules.r1_weight:
                metrics["r1"] = _lazily(
                    lambda: losses.r1(lambda x: game.cast.critic(critic, seen(x), *labels), real),
                    number % rules.r1_every == 0,
                )
                total += 0.5 * rules.r1_weight * rules.r1_every * metrics["r1"]
            return total, {"critic_loss": total, **metrics}

        return jax.value_and_grad(loss, has_aux=True)(critic)

    of_batch = in_parts(of_part, rules.accumulation)
    (_, metrics), gradients = average(of_batch(real, lots, mixes, labels, numbers))
    updates, optimizer = game.critic_optimizer.update(gradients, state.critic_optimizer, critic)
    params = {**state.params, "critic": optax.apply_updates(critic, updates)}
    return state._replace(params=params, critic_optimizer=optimizer), metrics


def _lazily(compute: Callable[[], jax.Array], wanted: Bool[Array, ""] | bool) -> jax.Array:
    """Computes a scalar, or spares that and returns 0."""
    like = jax.eval_shape(compute)
    return jax.lax.cond(wanted, compute, lambda: jnp.zeros(like.shape, like.dtype))


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
        fake, back = supersamples.remake(
            game.cast, moving, frozen, supersamples.each_given(lots), chosen
        )
        total, change = jax.value_and_grad(loss)(fake)
        rates = selector.win_rates(chosen.winners, len(game.cast.generators))
        return back(change), {"players_loss": total, "win_rates": rates}

    change, metrics = in_parts(of_part, game.rules.accumulation)(lots)
    gradients = average(change, moving) | jax.tree.map(jnp.zeros_like, frozen)
    metrics = average(metrics)
    updates, optimizer = game.players_optimizer.update(gradients, state.players_optimizer, before)
    after = optax.apply_updates(before, updates)
    moved = {name: after[name] for name in game.averaged}
    record = selector.record(state.selector, metrics["win_rates"])
    decay = ema_decay(game.rules.average_decay, state.turns, game.rules.warmup_steps)
    return state._replace(
        params={**state.params, **after},
        averages=update_ema(moved, state.averages, decay),
        players_optimizer=optimizer,
        selector=record,
        turns=state.turns + 1,
    ), {**metrics, "probabilities": selector.probabilities(record)}


def step(
    game: Game, state: GameState, batch: Batch, draws: Draws, average: Average
) -> tuple[GameState, Metrics]:
    """Plays the critic's turns, then the players'; reports the last of each."""

    def turn(state: GameState, given: tuple[Any, ...]) -> tuple[GameState, Any]:
        (pixels, lots, mixes, labels, numbers), number = given
        return critic_turn(
            game,
            state,
            average,
            real=game.cast.view(to_unit_range(pixels)),
            lots=lots,
            mixes=mixes,
            labels=labels,
            numbers=numbers,
            number=number,
        )

    labels = (batch.labels,) if game.cast.num_classes else ()
    given = batch.images, draws.critic, draws.mixes, labels, draws.real
    turns_first = jax.tree.map(lambda numbers: jnp.moveaxis(numbers, 1, 0), given)
    first = state.turns * game.rules.critic_turns
    numbers = first + jnp.arange(game.rules.critic_turns)
    state, metrics = jax.lax.scan(turn, state, (turns_first, numbers))
    critic_metrics = {name: values[-1] for name, values in metrics.items()}
    state, players_metrics = players_turn(game, state, average, lots=draws.players)
    return state, {**critic_metrics, **players_metrics}


def _training(cast: Cast, rules: Rules) -> Cast:
    """Returns the cast as it trains; the one that samples is always the exact one."""
    train = partial(lighter, precision=rules.precision, remat=rules.remat)
    return cast._replace(
        generators=tuple(train(generate) for generate in cast.generators),
        critic=train(cast.critic),
        policies=rules.augment,
    )


def in_groups(criticise: Callable[[Images], Scores], images: Images, size: int) -> Scores:
    """Scores images of one kind in groups of those that follow each other, as they were trained on.

    A score depends on nothing outside its group; the last one is filled up with the first images.
    """
    count = -(-len(images) // size) * size
    filled = images[jnp.arange(count) % len(images)]
    groups = filled.reshape(-1, size, *images.shape[1:])
    return jax.lax.map(criticise, groups).reshape(count)[: len(images)]


def by_source(params: Mapping[str, Any]) -> tuple[Params, ...]:
    """Sorts the players' weights by source: those of its miner and of its generator."""
    pairs = zip(params["miners"], params["generators"], strict=True)
    return tuple({"miners": miner, "generators": generator} for miner, generator in pairs)


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
    game = make_game(_training(cast, rules), rules, moving)

    def init(previous: GameState | None, key: Key) -> GameState:
        if first_params is not None:
            return start(game, first_params(key), None)
        if previous is None:
            raise ValueError("this phase goes on from another one, got none")
        return start(game, previous.params, previous)

    @partial(jax.jit, static_argnums=2)
    @full_float32()
    def contest(state: GameState, key: Key, count: int) -> SuperScores:
        given = supersamples.each_given(supersamples.draw_lots(key, (count,), cast.noise))
        averaged = {**players(state), **state.averages}
        critic, allowed = state.params["critic"], state.selector.allowed
        return supersamples.contest(cast, critic, averaged, given, allowed)[1]

    @partial(jax.jit, static_argnums=2)
    @full_float32()
    def score(state: GameState, images: Images, most: int) -> Scores:
        return in_groups(
            partial(cast.critic, state.params["critic"]), images, min(cast.group, most)
        )

    return TransferMethod(
        learner=Learner(
            init, partial(draw, game), partial(step, game), ("generators",) if rules.spread else ()
        ),
        sources=mined_sources(
            cast.output, cast.miners, cast.generators, cast.noise, cast.truncates
        ),
        weights=lambda state: by_source(state.params),
        ema=(lambda state: by_source(state.params | state.averages)) if game.averaged else None,
        selector=lambda state: state.selector,
        contest=contest,
        score=None if cast.num_classes else score,
    )
