"""What each method that plays the game moves, averages, freezes and pays for."""

import dataclasses
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracles
import pytest
from toys import LATENT, RULES, generate, toy_networks, toy_networks_of, toy_source

from minegan_jax.baselines import transfergan
from minegan_jax.mining import losses, minegan, selector, supersamples
from minegan_jax.mining.game import make_game, start
from minegan_jax.mining.miner import Miner, at_prior
from minegan_jax.mining.noise import NoiseShape
from minegan_jax.mining.turns import players_turn
from minegan_jax.nets.function import as_function
from minegan_jax.sources import load_source
from minegan_jax.types import Batch

# Name -> what makes the method, and which players move.

SHAPE = minegan.MinerShape(depth=2, width=8)
TWO = [toy_source(0), toy_source(1)]
CRITIC = minegan.critic_of(TWO[0])
METHODS = {
    "mine": (partial(minegan.mine, TWO, RULES, SHAPE, CRITIC), ("miners",)),
    "finetune": (partial(minegan.finetune, TWO, RULES, SHAPE, CRITIC), ("miners", "generators")),
    "transfergan": (partial(transfergan.transfergan, TWO[0], RULES), ("generators",)),
    "scratch": (partial(transfergan.scratch, toy_networks(), RULES), ("generators",)),
}


def one_step(name):
    """Returns a method's first state, the next one, and the metrics."""
    learner = METHODS[name][0]().learner
    previous = None
    if name == "finetune":
        previous = METHODS["mine"][0]().learner.init(None, jax.random.key(0))
    state = learner.init(previous, jax.random.key(0))
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, RULES.game.critic_steps, 2, 2, 1), np.uint8)
    batch = Batch(jnp.asarray(images), *jnp.zeros((2, 4, RULES.game.critic_steps), jnp.int32))
    step = jax.jit(lambda *given: learner.step(*given, oracles.mean_over_devices))
    return state, *step(state, batch, learner.draw(jax.random.key(1)))


@pytest.mark.parametrize("name", METHODS)
def test_only_the_moving_parts_move(name):
    before, after, _ = one_step(name)
    trainable = (*METHODS[name][1], "critic")
    for part, tree in before.params.items():
        pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(after.params[part]), strict=True)
        for old, new in pairs:
            assert (np.asarray(old).tobytes() != np.asarray(new).tobytes()) == (part in trainable)


@pytest.mark.parametrize("name", METHODS)
def test_only_movers_are_averaged(name):
    before, after, _ = one_step(name)
    trainable = METHODS[name][1]
    assert set(before.ema_params) == set(after.ema_params) == set(trainable)
    expected = jax.tree.map(
        lambda old, new: 0.1 * old + 0.9 * new,  # the EMA's first turn
        before.ema_params,
        {part: after.params[part] for part in trainable},
    )
    oracles.assert_close(after.ema_params, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", METHODS)
def test_only_movers_cost_optimizer_state(name):
    state = one_step(name)[0]

    def count_floats(tree):
        return sum(leaf.size for leaf in jax.tree.leaves(tree) if leaf.dtype == jnp.float32)

    trainable = {part: state.params[part] for part in METHODS[name][1]}
    assert count_floats(state.players_optimizer) == 2 * count_floats(trainable)
    assert count_floats(state.critic_optimizer) == 2 * count_floats(state.params["critic"])


@pytest.mark.parametrize("name", METHODS)
def test_a_step_reports_itself(name):
    before, after, metrics = one_step(name)
    assert set(metrics) == {
        "critic_loss", "wasserstein", "penalty", "players_loss", "win_rates", "probabilities"
    }  # fmt: skip
    assert all(np.isfinite(value).all() for value in metrics.values())
    np.testing.assert_allclose(metrics["win_rates"].sum(), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(after.selector.win_rates[0], metrics["win_rates"])
    assert int(after.selector.seen) == int(before.selector.seen) + 1


@pytest.mark.parametrize("name", METHODS)
def test_images_come_from_the_averages(name):
    method = METHODS[name][0]()
    _, state, _ = one_step(name)
    latents = jax.random.normal(jax.random.key(2), (4, LATENT))
    params = {**state.params, **state.ema_params}
    mined = latents
    if "miners" in METHODS[name][1]:
        miner = Miner(LATENT, at_prior(LATENT), SHAPE.depth, SHAPE.width)
        mined = as_function(miner)(params["miners"][0], latents)
    expected = generate(params["generators"][0], mined)
    np.testing.assert_allclose(oracles.images_of(method, state, latents), expected, atol=1e-6)


def test_finetuning_goes_on_where_mining_stopped():
    _, mined, _ = one_step("mine")
    state = METHODS["finetune"][0]().learner.init(mined, jax.random.key(9))
    oracles.assert_close(state.params, mined.params, rtol=0)
    oracles.assert_close(state.ema_params["miners"], mined.ema_params["miners"], rtol=0)
    oracles.assert_close(state.ema_params["generators"], mined.params["generators"], rtol=0)
    oracles.assert_close(state.selector, mined.selector, rtol=0)
    with pytest.raises(ValueError, match="goes on from another"):
        METHODS["finetune"][0]().learner.init(None, jax.random.key(0))


@pytest.mark.parametrize(
    ("trainable", "given", "expected"),
    [
        (("miners",), 3e-3, RULES.miner.learning_rate),
        (("miners", "generators"), 3e-3, 3e-3),
        (("miners", "generators"), None, RULES.miner.learning_rate),
    ],
)
def test_how_fast_miners_move(tiny_source, trainable, given, expected):
    """Adam's first step is as long as its rate."""
    own = load_source(tiny_source).networks
    networks = toy_networks_of((), (own.generate,), own.criticise, 4)
    miner = dataclasses.replace(RULES.miner, finetune_learning_rate=given)
    game = make_game(networks, RULES._replace(miner=miner), trainable)
    players = {name: ({"weights": jnp.ones(3)},) for name in ("miners", "generators")}
    start_of = game.players_optimizer.init(players)
    (moved,) = game.players_optimizer.update(players, start_of, players)[0]["miners"]
    np.testing.assert_allclose(moved["weights"], -expected, rtol=1e-5)


def test_a_frozen_generator_costs_no_gradient(tiny_source, count_flops):
    source, miner = load_source(tiny_source), Miner(4, at_prior(4), depth=2, width=9)
    own, look, count = source.networks, as_function(miner), 32
    networks = toy_networks_of((look,), (own.generate,), own.criticise, 4)
    params = {
        "miners": (miner.init(jax.random.key(0), jnp.zeros((1, 4)))["params"],),
        "generators": (source.generator,),
        "critic": source.critic,
    }
    noise = supersamples.sample_supersample_noise(jax.random.key(1), (count,), (NoiseShape(4),))

    def flops_of(trainable):
        game = make_game(networks, RULES, trainable)
        turn = partial(players_turn, game, mean_over_devices=oracles.mean_over_devices)
        return count_flops(turn, start(game, params, None), noise=noise)

    def by_hand(miners, frozen, ema_params, optimizer, record, latents):
        """Differentiates with respect to the miner and nothing else."""

        def loss(miners):
            fake = own.generate(frozen["generators"][0], look(miners[0], latents[0]))
            scores = own.criticise(frozen["critic"], fake)
            return losses.wasserstein_players_loss(scores)

        total, gradients = jax.value_and_grad(loss)(miners)
        updates, optimizer = optax.adam(0.01, RULES.game.beta1, RULES.game.beta2).update(
            gradients, optimizer
        )
        miners = optax.apply_updates(miners, updates)
        ema_params = optax.incremental_update(miners, ema_params, 0.9)
        record = selector.record(record, selector.win_rates(jnp.zeros(count, jnp.int32), 1))
        return miners, frozen, ema_params, optimizer, record, total

    miners, adam = params["miners"], optax.adam(0.01)
    latents = [u.latents for u in noise.u]
    expected = count_flops(
        by_hand,
        miners,
        params,
        miners,
        adam.init(miners),
        selector.init_selector(1),
        latents,
    )
    np.testing.assert_allclose(flops_of(("miners",)), expected, rtol=0.005)
    assert flops_of(("miners", "generators")) > 1.1 * expected
