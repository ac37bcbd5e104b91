"""The game between one critic and the players: miners and generators of N sources (section 3).

Reading guide: `adversarial_method` at the end joins the pieces. A step is `critic_steps` times
`critic_turn`, then one `players_turn`; `game` says who plays, `supersamples` which fakes they see.
Everything is a pure function of (state, batch, draws).

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
    draw,
    ema_decay,
    exploration,
    make_game,
    players,
    start,
    update_ema,
)
from minegan_jax.mining.method import TransferMethod, mined_sources
from minegan_jax.mining.settings import GameSettings
from minegan_jax.mining.supersamples import GameNetworks, SupersampleNoise
from minegan_jax.nets.precision import full_float32, mixed_precision
from minegan_jax.training.accumulation import accumulate
from minegan_jax.training.learner import Learner, MeanOverDevices
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


def select_fakes(
    game: Game, state: GameState, noise: SupersampleNoise
) -> supersamples.SelectedFakes:
    """Plays the supersamples of one turn, without a gradient."""
    share = exploration(game.settings.selector, state.selector.seen)
    return supersamples.select_fakes(
        game.networks,
        state.params["critic"],
        players(state),
        noise,
        allowed=state.selector.allowed,
        exploration=share,
    )


def critic_turn(
    game: Game,
    state: GameState,
    mean_over_devices: MeanOverDevices,
    *,
    real: Images,
    noise: SupersampleNoise,
    epsilons: Float[Array, "batch"],
    labels: RealLabels = (),
    numbers: Numbers,
    number: Int[Array, ""] | int = 0,
) -> tuple[GameState, Metrics]:
    """Moves the critic towards telling the winners from real images (eqs. 3 and 5).

    A critic that is told labels judges interpolates by those of the real images.

    Args:
      game: who plays.
      state: before the turn.
      mean_over_devices: over devices.
      real: images, not augmented yet.
      noise: of the supersamples.
      epsilons: of the interpolates.
      labels: of the real images, if the critic is told any.
      numbers: how it sees the real images, see `mining.augment`.
      number: of the critic's turn in this phase, by which R1 is computed or not.
    """
    critic = state.params["critic"]

    def of_part(
        real: Images,
        noise: SupersampleNoise,
        epsilons: Float[Array, "batch"],
        labels: RealLabels,
        numbers: Numbers,
    ) -> Any:
        fake = select_fakes(game, state, noise).images
        fake_labels = supersamples.labels_of(game.networks, noise)

        def loss(critic: Params) -> tuple[jax.Array, Metrics]:
            return critic_loss(
                *(game, critic, real, fake),
                epsilons=epsilons,
                labels=labels,
                fake_labels=fake_labels,
                numbers=numbers,
                number=number,
            )

        return jax.value_and_grad(loss, has_aux=True)(critic)

    of_batch = accumulate(of_part, game.settings.run.accumulation_steps)
    (_, metrics), gradients = mean_over_devices(of_batch(real, noise, epsilons, labels, numbers))
    updates, optimizer = game.critic_optimizer.update(gradients, state.critic_optimizer, critic)
    params = {**state.params, "critic": optax.apply_updates(critic, updates)}
    return state._replace(params=params, critic_optimizer=optimizer), metrics


def critic_loss(
    game: Game,
    critic: Params,
    real: Images,
    fake: Images,
    *,
    epsilons: Float[Array, "batch"],
    labels: RealLabels,
    fake_labels: RealLabels,
    numbers: Numbers,
    number: Int[Array, ""] | int,
) -> tuple[jax.Array, Metrics]:
    """Returns the critic's loss on real and generated images, and its parts by name.

    Args:
      game: whose loss (section 3.1) and weights of penalty, drift and R1 these are.
      critic: the weights that are judged.
      real: images, not augmented yet.
      fake: the winners among the supersamples, as the critic sees them.
      epsilons: of the interpolates.
      labels: of the real images, if the critic is told any.
      fake_labels: of the generated ones.
      numbers: how it sees the real images, see `mining.augment`.
      number: of the turn, by which R1 is computed or not.
    """
    config, criticise = game.settings.game, game.networks.critic
    seen = augment(game.networks.policies, real, numbers)
    of_real, of_fake = criticise(critic, seen, *labels), criticise(critic, fake, *fake_labels)
    total = losses.LOSSES[config.loss].critic(of_real, of_fake)
    metrics = {"wasserstein": -losses.wasserstein_critic_loss(of_real, of_fake)}
    if config.penalty_weight:
        metrics["penalty"] = losses.gradient_penalty(
            lambda images: criticise(critic, images, *labels),
            losses.interpolate(seen, fake, epsilons),
        )
        total += config.penalty_weight * metrics["penalty"]
    if config.drift_weight:
        metrics["drift"] = losses.drift(of_real)
        total += config.drift_weight * metrics["drift"]
    if config.r1_weight:

        def of_augmented(images: Images) -> Scores:
            return criticise(critic, augment(game.networks.policies, images, numbers), *labels)

        wanted = number % config.r1_every == 0
        metrics["r1"] = _lazily(lambda: losses.r1(of_augmented, real), wanted)
        total += 0.5 * config.r1_weight * config.r1_every * metrics["r1"]
    return total, {"critic_loss": total, **metrics}


def _lazily(compute: Callable[[], jax.Array], wanted: Bool[Array, ""] | bool) -> jax.Array:
    """Computes a scalar, or spares that and returns 0."""
    like = jax.eval_shape(compute)
    return jax.lax.cond(wanted, compute, lambda: jnp.zeros(like.shape, like.dtype))


def players_turn(
    game: Game, state: GameState, mean_over_devices: MeanOverDevices, *, noise: SupersampleNoise
) -> tuple[GameState, Metrics]:
    """Moves miners, generators or both towards what the critic values (eqs. 4 and 6)."""
    critic, before = state.params["critic"], players(state)
    trainable = {name: before[name] for name in game.trainable}
    frozen = {name: before[name] for name in PLAYERS if name not in game.trainable}

    def of_part(noise: SupersampleNoise) -> tuple[Params, Metrics]:
        def loss(fake: Images) -> jax.Array:
            scores = game.networks.critic(
                critic, fake, *supersamples.labels_of(game.networks, noise)
            )
            return losses.LOSSES[game.settings.game.loss].players(scores)

        selected = select_fakes(game, state, noise)
        fake, back = supersamples.vjp_of_selected(
            game.networks, trainable, frozen, supersamples.inputs_by_source(noise), selected
        )
        total, change = jax.value_and_grad(loss)(fake)
        rates = selector.win_rates(selected.winners, len(game.networks.generators))
        return back(change), {"players_loss": total, "win_rates": rates}

    change, metrics = accumulate(of_part, game.settings.run.accumulation_steps)(noise)
    gradients = mean_over_devices(change, trainable) | jax.tree.map(jnp.zeros_like, frozen)
    metrics = mean_over_devices(metrics)
    updates, optimizer = game.players_optimizer.update(gradients, state.players_optimizer, before)
    after = optax.apply_updates(before, updates)
    updated = {name: after[name] for name in game.with_ema}
    record = selector.record(state.selector, metrics["win_rates"])
    config = game.settings.game
    decay = ema_decay(config.ema_decay, state.turns, config.warmup_steps)
    return state._replace(
        params={**state.params, **after},
        ema_params=update_ema(updated, state.ema_params, decay),
        players_optimizer=optimizer,
        selector=record,
        turns=state.turns + 1,
    ), {**metrics, "probabilities": selector.probabilities(record)}


def step(
    game: Game, state: GameState, batch: Batch, draws: Draws, mean_over_devices: MeanOverDevices
) -> tuple[GameState, Metrics]:
    """Plays the critic's turns, then the players'; reports the last of each."""

    def turn(state: GameState, given: tuple[Any, ...]) -> tuple[GameState, Any]:
        (pixels, noise, epsilons, labels, numbers), number = given
        return critic_turn(
            game,
            state,
            mean_over_devices,
            real=game.networks.view.real(to_unit_range(pixels)),
            noise=noise,
            epsilons=epsilons,
            labels=labels,
            numbers=numbers,
            number=number,
        )

    labels = (batch.labels,) if game.networks.num_classes else ()
    given = batch.images, draws.critic, draws.epsilons, labels, draws.real
    # (turns, batch, ...)
    turns_first = jax.tree.map(lambda numbers: jnp.moveaxis(numbers, 1, 0), given)
    critic_steps = game.settings.game.critic_steps
    numbers = state.turns * critic_steps + jnp.arange(critic_steps)
    state, metrics = jax.lax.scan(turn, state, (turns_first, numbers))
    critic_metrics = {name: values[-1] for name, values in metrics.items()}
    state, players_metrics = players_turn(game, state, mean_over_devices, noise=draws.players)
    return state, {**critic_metrics, **players_metrics}


def _training(networks: GameNetworks, settings: GameSettings) -> GameNetworks:
    """Returns the cast as it trains; the one that samples is always the exact one."""
    train = partial(mixed_precision, precision=settings.run.precision, remat=settings.run.remat)
    return networks._replace(
        generators=tuple(train(generate) for generate in networks.generators),
        critic=train(networks.critic),
        policies=settings.game.augment,
    )


def in_groups(criticise: Callable[[Images], Scores], images: Images, size: int) -> Scores:
    """Scores images of one kind in groups of those that follow each other, as they were trained on.

    A score depends on nothing outside its group; the last one is filled up with the first images.
    """
    count = -(-len(images) // size) * size
    filled = images[jnp.arange(count) % len(images)]
    groups = filled.reshape(-1, size, *images.shape[1:])  # (groups, size, height, width, channels)
    return jax.lax.map(criticise, groups).reshape(count)[: len(images)]


def by_source(params: Mapping[str, Any]) -> tuple[Params, ...]:
    """Sorts the players' weights by source: those of its miner and of its generator."""
    pairs = zip(params["miners"], params["generators"], strict=True)
    return tuple({"miners": miner, "generators": generator} for miner, generator in pairs)


def adversarial_method(
    networks: GameNetworks,
    settings: GameSettings,
    trainable: tuple[str, ...],
    first_params: Callable[[Key], dict[str, Any]] | None,
) -> TransferMethod:
    """Returns the game as a method.

    Args:
      networks: the networks that play.
      settings: learning rates, steps, penalty, averages.
      trainable: which of `PLAYERS` learn; the others are frozen.
      first_params: makes the weights; None takes over those of the previous phase.
    """
    game = make_game(_training(networks, settings), settings, trainable)

    def init(previous: GameState | None, key: Key) -> GameState:
        if first_params is not None:
            return start(game, first_params(key), None)
        if previous is None:
            raise ValueError("this phase goes on from another one, got none")
        return start(game, previous.params, previous)

    @partial(jax.jit, static_argnums=2)
    @full_float32()
    def score_sources(state: GameState, key: Key, count: int) -> SuperScores:
        given = supersamples.inputs_by_source(
            supersamples.sample_supersample_noise(key, (count,), networks.noise)
        )
        sampled = {**players(state), **state.ema_params}
        critic, allowed = state.params["critic"], state.selector.allowed
        return supersamples.score_sources(networks, critic, sampled, given, allowed)[1]

    @partial(jax.jit, static_argnums=2)
    @full_float32()
    def score(state: GameState, images: Images, most: int) -> Scores:
        return in_groups(
            partial(networks.critic, state.params["critic"]), images, min(networks.group, most)
        )

    shared = ("generators",) if settings.run.shard_sources else ()
    return TransferMethod(
        learner=Learner(init, partial(draw, game), partial(step, game), shared),
        sources=mined_sources(
            networks.view,
            networks.miners,
            networks.generators,
            networks.noise,
            networks.truncates,
        ),
        weights=lambda state: by_source(state.params),
        ema=(lambda state: by_source(state.params | state.ema_params)) if game.with_ema else None,
        selector=lambda state: state.selector,
        score_sources=score_sources,
        score=None if networks.num_classes else score,
    )
