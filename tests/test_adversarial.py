"""The game against a slow oracle, and what each method moves, freezes and pays for."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracles
import pytest

from minegan_jax import losses, selector
from minegan_jax.methods import adversarial, finetuning, mining, supersamples
from minegan_jax.methods.supersamples import Cast
from minegan_jax.nets.family import Networks
from minegan_jax.nets.function import as_function
from minegan_jax.nets.miner import Miner, at_prior
from minegan_jax.sources import Source, load_source
from minegan_jax.types import Batch

RULES = adversarial.Rules(
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


def turns(game):
    """Returns the two turns of a game, compiled."""
    return (
        jax.jit(partial(turn, game, average=oracles.average))
        for turn in (adversarial.critic_turn, adversarial.players_turn)
    )


def toy_cast(miners, generators, critic, latent_size):
    """Returns a cast whose images are all of one size."""
    sizes = (latent_size,) * len(miners)
    return Cast(miners, generators, critic, lambda x: x, lambda x: x, sizes)


def lots_of_turn(draws, turn):
    return jax.tree.map(lambda numbers: numbers[:, turn], draws.critic)


def toy_game(num_sources):
    """Returns a game in which all move, its first state, one step's draws and real images."""
    sources = [toy_source(seed) for seed in range(num_sources)]
    cast = toy_cast((mine,) * num_sources, (generate,) * num_sources, criticise, LATENT)
    game = adversarial.make_game(cast, RULES, adversarial.PLAYERS)
    params = {
        "miners": tuple(
            toy_weights(jax.random.key(10 + i), weights=(LATENT, LATENT))
            for i in range(num_sources)
        ),
        "generators": tuple(source.generator for source in sources),
        "critic": sources[0].critic,
    }
    state = adversarial.start(game, params, None)
    shape = (RULES.batch_size, RULES.critic_turns, 2, 2, 1)
    real = jnp.tanh(jax.random.normal(jax.random.key(5), shape))
    return game, state, adversarial.draw(game, jax.random.key(4)), real


# The oracle: one supersample at a time, with the naive maximum.


def supersample(params, latents):
    """Returns one image per source: G_i(M_i(u_i))."""
    parts = zip(params["miners"], params["generators"], latents, strict=True)
    return jnp.concatenate([generate(g, mine(m, u[None])) for m, g, u in parts])


def critic_loss(critic, params, real, latents, mixes):
    """Eqs. 3 and 5 with the gradient penalty, summed image by image."""
    total = 0.0
    for k in range(len(real)):
        images = supersample(params, [u[k] for u in latents])
        values = criticise(critic, images)
        total += values.max() - criticise(critic, real[k : k + 1])[0]
        best = images[jnp.argmax(values)]
        between = (1.0 - mixes[k]) * real[k] + mixes[k] * best
        slope = jax.grad(lambda image: criticise(critic, image[None])[0])(between)
        total += RULES.penalty_weight * (jnp.sqrt((slope**2).sum()) - 1.0) ** 2
    return total / len(real)


def players_loss(players, critic, latents):
    """Eqs. 4 and 6, summed supersample by supersample."""
    count = len(latents[0])
    values = [
        criticise(critic, supersample(players, [u[k] for u in latents])) for k in range(count)
    ]
    return -sum(value.max() for value in values) / count


class SlowAdam:
    """Adam as in its paper's Algorithm 1, in NumPy."""

    def __init__(self, rate):
        self.rate, self.time, self.first, self.second = rate, 0, 0.0, 0.0

    def __call__(self, params, gradients):
        beta1, beta2 = RULES.betas
        flat, unflatten = jax.flatten_util.ravel_pytree(params)
        gradient = np.asarray(jax.flatten_util.ravel_pytree(gradients)[0], np.float64)
        self.time += 1
        self.first = beta1 * self.first + (1 - beta1) * gradient
        self.second = beta2 * self.second + (1 - beta2) * gradient**2
        first = self.first / (1 - beta1**self.time)
        second = self.second / (1 - beta2**self.time)
        return unflatten(jnp.asarray(flat - self.rate * first / (np.sqrt(second) + 1e-8)))


def assert_close(found, expected, **tolerances):
    jax.tree.map(partial(np.testing.assert_allclose, **tolerances), found, expected)


@pytest.mark.parametrize("num_sources", [1, 2])
def test_a_step_equals_the_oracle(num_sources):
    with jax.enable_x64(True):
        game, state, draws, real = toy_game(num_sources)
        critic_turn, players_turn = turns(game)
        of_critic = jax.jit(jax.value_and_grad(critic_loss))
        of_players = jax.jit(jax.value_and_grad(players_loss))
        params = dict(state.params)
        adams = {name: SlowAdam(rate) for name, rate in RULES.learning_rates.items()}
        for turn in range(RULES.critic_turns):
            lots, mixes = lots_of_turn(draws, turn), draws.mixes[:, turn]
            state, metrics = critic_turn(state, real=real[:, turn], lots=lots, mixes=mixes)
            expected, gradients = of_critic(
                params["critic"], params, real[:, turn], lots.latents, mixes
            )
            np.testing.assert_allclose(metrics["critic_loss"], expected, rtol=1e-9)
            params["critic"] = adams["critic"](params["critic"], gradients)
        for _ in range(2):
            state, metrics = players_turn(state, lots=draws.players)
            players = {name: params[name] for name in adversarial.PLAYERS}
            expected, gradients = of_players(players, params["critic"], draws.players.latents)
            np.testing.assert_allclose(metrics["players_loss"], expected, rtol=1e-9)
            params |= {name: adams[name](players[name], gradients[name]) for name in players}
        assert_close(state.params, params, rtol=1e-7, atol=1e-9)


def test_only_the_winner_gets_a_gradient():
    seen = []

    def spy(tree, parts=None):
        del parts
        seen.append(tree)
        return tree

    with jax.enable_x64(True):
        game, state, draws, real = toy_game(2)
        lots, mixes = lots_of_turn(draws, 0), draws.mixes[:, 0]
        adversarial.critic_turn(game, state, spy, real=real[:, 0], lots=lots, mixes=mixes)
        adversarial.players_turn(game, state, spy, lots=draws.players)
        players = {name: state.params[name] for name in adversarial.PLAYERS}
        critic = state.params["critic"]
        of_critic = jax.jit(jax.grad(critic_loss))(
            critic, state.params, real[:, 0], lots.latents, mixes
        )
        of_players = jax.jit(jax.grad(players_loss))(players, critic, draws.players.latents)
        (_, for_critic), for_players, _ = seen
        assert_close([for_critic, for_players], [of_critic, of_players], rtol=1e-9, atol=1e-9)


def test_a_source_that_never_wins_stays_where_it_is():
    game, state, draws, _ = toy_game(2)
    weights = jnp.full_like(state.params["generators"][0]["weights"], 100.0)
    params = {
        **state.params,
        "generators": ({"weights": 0.0 * weights}, {"weights": weights}),  # black; all or nothing
        "critic": {"hidden": 0.1 * jnp.eye(4, 5), "out": jnp.ones(5)},  # likes whatever is bright
    }
    latents = tuple(1.0 + jnp.abs(u) for u in draws.players.latents)
    params["miners"] = ({"weights": jnp.zeros((LATENT, LATENT))},) * 2
    _, players_turn = turns(game)
    after, metrics = players_turn(
        state._replace(params=params), lots=draws.players._replace(latents=latents)
    )
    np.testing.assert_array_equal(metrics["win_rates"], [0.0, 1.0])
    assert_close(after.params["miners"][0], params["miners"][0], rtol=0)
    assert_close(after.params["generators"][0], params["generators"][0], rtol=0)
    np.testing.assert_array_equal(selector.probabilities(after.selector), [0.0, 1.0])


# The contract of every method that plays the game: name -> what makes it, and which players move.

SHAPE = mining.MinerShape(depth=2, width=8)
TWO = [toy_source(0), toy_source(1)]
CRITIC = mining.critic_of(TWO[0])
METHODS = {
    "mine": (partial(mining.mine, TWO, RULES, SHAPE, CRITIC), ("miners",)),
    "finetune": (partial(mining.finetune, TWO, RULES, SHAPE, CRITIC), ("miners", "generators")),
    "transfergan": (partial(finetuning.transfergan, TWO[0], RULES), ("generators",)),
    "scratch": (partial(finetuning.scratch, toy_networks(), RULES), ("generators",)),
}


def one_step(name):
    """Returns a method's first state, the next one, and the metrics."""
    learner = METHODS[name][0]().learner
    previous = None
    if name == "finetune":
        previous = METHODS["mine"][0]().learner.init(None, jax.random.key(0))
    state = learner.init(previous, jax.random.key(0))
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, RULES.critic_turns, 2, 2, 1), np.uint8)
    batch = Batch(jnp.asarray(images), *jnp.zeros((2, 4, RULES.critic_turns), jnp.int32))
    step = jax.jit(lambda *given: learner.step(*given, oracles.average))
    return state, *step(state, batch, learner.draw(jax.random.key(1)))


@pytest.mark.parametrize("name", METHODS)
def test_only_the_moving_parts_move(name):
    before, after, _ = one_step(name)
    moving = (*METHODS[name][1], "critic")
    for part, tree in before.params.items():
        pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(after.params[part]), strict=True)
        for old, new in pairs:
            assert (np.asarray(old).tobytes() != np.asarray(new).tobytes()) == (part in moving)


@pytest.mark.parametrize("name", METHODS)
def test_only_movers_are_averaged(name):
    before, after, _ = one_step(name)
    moving = METHODS[name][1]
    assert set(before.averages) == set(after.averages) == set(moving)
    expected = jax.tree.map(
        lambda old, new: RULES.average_decay * old + (1.0 - RULES.average_decay) * new,
        before.averages,
        {part: after.params[part] for part in moving},
    )
    assert_close(after.averages, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", METHODS)
def test_only_movers_cost_optimizer_state(name):
    state = one_step(name)[0]

    def count_floats(tree):
        return sum(leaf.size for leaf in jax.tree.leaves(tree) if leaf.dtype == jnp.float32)

    moving = {part: state.params[part] for part in METHODS[name][1]}
    assert count_floats(state.players_optimizer) == 2 * count_floats(moving)
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
    params = {**state.params, **state.averages}
    mined = latents
    if "miners" in METHODS[name][1]:
        miner = Miner(LATENT, at_prior(LATENT), SHAPE.depth, SHAPE.width)
        mined = as_function(miner)(params["miners"][0], latents)
    expected = generate(params["generators"][0], mined)
    np.testing.assert_allclose(method.generate(state, 0, latents), expected, atol=1e-6)


def test_finetuning_goes_on_where_mining_stopped():
    _, mined, _ = one_step("mine")
    state = METHODS["finetune"][0]().learner.init(mined, jax.random.key(9))
    assert_close(state.params, mined.params, rtol=0)
    assert_close(state.averages["miners"], mined.averages["miners"], rtol=0)
    assert_close(state.averages["generators"], mined.params["generators"], rtol=0)
    assert_close(state.selector, mined.selector, rtol=0)
    with pytest.raises(ValueError, match="goes on from another"):
        METHODS["finetune"][0]().learner.init(None, jax.random.key(0))


def count_flops(function, *arguments, **named):
    # The weights of a frozen generator get no gradient only if XLA drops what nobody uses.
    quick = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    try:
        return jax.jit(function).lower(*arguments, **named).compile().cost_analysis()["flops"]
    finally:
        jax.config.update("jax_disable_most_optimizations", quick)


def test_a_frozen_generator_costs_no_gradient(tiny_source):
    source, miner = load_source(tiny_source), Miner(4, at_prior(4), depth=2, width=9)
    networks, look, count = source.networks, as_function(miner), 32
    cast = toy_cast((look,), (networks.generate,), networks.criticise, 4)
    params = {
        "miners": (miner.init(jax.random.key(0), jnp.zeros((1, 4)))["params"],),
        "generators": (source.generator,),
        "critic": source.critic,
    }
    lots = supersamples.draw_lots(jax.random.key(1), (count,), (4,))

    def flops_of(moving):
        game = adversarial.make_game(cast, RULES, moving)
        turn = partial(adversarial.players_turn, game, average=oracles.average)
        return count_flops(turn, adversarial.start(game, params, None), lots=lots)

    def by_hand(miners, frozen, averages, optimizer, record, latents):
        """Differentiates with respect to the miner and nothing else."""

        def loss(miners):
            fake = networks.generate(frozen["generators"][0], look(miners[0], latents[0]))
            scores = networks.criticise(frozen["critic"], fake)
            return losses.wasserstein_players_loss(scores)

        total, gradients = jax.value_and_grad(loss)(miners)
        updates, optimizer = optax.adam(0.01, *RULES.betas).update(gradients, optimizer)
        miners = optax.apply_updates(miners, updates)
        averages = optax.incremental_update(miners, averages, 0.1)
        record = selector.record(record, selector.win_rates(jnp.zeros(count, jnp.int32), 1))
        return miners, frozen, averages, optimizer, record, total

    miners, adam = params["miners"], optax.adam(0.01)
    expected = count_flops(
        by_hand, miners, params, miners, adam.init(miners), selector.init_selector(1), lots.latents
    )
    np.testing.assert_allclose(flops_of(("miners",)), expected, rtol=0.005)
    assert flops_of(("miners", "generators")) > 1.1 * expected
