"""The game's turns against a slow oracle."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from toys import LATENT, RULES, changed, criticise, generate, mine, toy_game

from minegan_jax.mining import selector
from minegan_jax.mining.game import PLAYERS
from minegan_jax.mining.noise import Noise
from minegan_jax.mining.turns import critic_turn, players_turn


def turns(game):
    """Returns the two turns of a game, compiled."""
    return (
        jax.jit(partial(turn, game, mean_over_devices=oracles.mean_over_devices))
        for turn in (critic_turn, players_turn)
    )


def lots_of_turn(draws, turn):
    return jax.tree.map(lambda numbers: numbers[:, turn], draws.critic)


def latents_of(noise):
    return [u.latents for u in noise.u]


# The oracle: one supersample at a time, with the naive maximum.


def supersample(params, latents):
    """Returns one image per source: G_i(M_i(u_i))."""
    parts = zip(params["miners"], params["generators"], latents, strict=True)
    return jnp.concatenate([generate(g, mine(m, u[None])) for m, g, u in parts])


def critic_loss(critic, params, real, latents, epsilons, drift_weight=0.0):
    """Eqs. 3 and 5 with the gradient penalty and the drift, summed image by image."""
    total = 0.0
    for k in range(len(real)):
        images = supersample(params, [u[k] for u in latents])
        values = criticise(critic, images)
        of_real = criticise(critic, real[k : k + 1])[0]
        total += values.max() - of_real + drift_weight * of_real**2
        best = images[jnp.argmax(values)]
        between = (1.0 - epsilons[k]) * real[k] + epsilons[k] * best
        slope = jax.grad(lambda image: criticise(critic, image[None])[0])(between)
        total += RULES.game.penalty_weight * (jnp.sqrt((slope**2).sum()) - 1.0) ** 2
    return total / len(real)


def players_loss(players, critic, latents):
    """Eqs. 4 and 6, summed supersample by supersample."""
    count = len(latents[0])
    values = [
        criticise(critic, supersample(players, [u[k] for u in latents])) for k in range(count)
    ]
    return -sum(value.max() for value in values) / count


@pytest.mark.parametrize(
    ("num_sources", "rules"),
    [
        (1, RULES),
        (2, RULES),
        (1, changed(RULES, {"game.drift_weight": 0.3, "game.adam_epsilon": 0.01})),
    ],
)
def test_a_step_equals_the_oracle(num_sources, rules):
    with jax.enable_x64(True):
        game, state, draws, real = toy_game(num_sources, rules)
        critic_turn, players_turn = turns(game)
        of_critic = jax.jit(
            jax.value_and_grad(partial(critic_loss, drift_weight=rules.game.drift_weight))
        )
        of_players = jax.jit(jax.value_and_grad(players_loss))
        params = dict(state.params)
        rates = {
            "miners": rules.miner.learning_rate,
            "generators": rules.game.learning_rate,
            "critic": rules.game.critic_learning_rate,
        }
        betas, epsilon = (rules.game.beta1, rules.game.beta2), rules.game.adam_epsilon
        adams = {name: oracles.SlowAdam(rate, betas, epsilon) for name, rate in rates.items()}
        for turn in range(RULES.game.critic_steps):
            noise, epsilons = lots_of_turn(draws, turn), draws.epsilons[:, turn]
            state, metrics = critic_turn(
                state,
                real=real[:, turn],
                noise=noise,
                epsilons=epsilons,
                numbers=draws.real[:, turn],
            )
            expected, gradients = of_critic(
                params["critic"], params, real[:, turn], latents_of(noise), epsilons
            )
            np.testing.assert_allclose(metrics["critic_loss"], expected, rtol=1e-9)
            params["critic"] = adams["critic"](params["critic"], gradients)
        for _ in range(2):
            state, metrics = players_turn(state, noise=draws.players)
            players = {name: params[name] for name in PLAYERS}
            expected, gradients = of_players(players, params["critic"], latents_of(draws.players))
            np.testing.assert_allclose(metrics["players_loss"], expected, rtol=1e-9)
            params |= {name: adams[name](players[name], gradients[name]) for name in players}
        oracles.assert_close(state.params, params, rtol=1e-7, atol=1e-9)


def test_only_the_winner_gets_a_gradient():
    seen = []

    def spy(tree, parts=None):
        del parts
        seen.append(tree)
        return tree

    with jax.enable_x64(True):
        game, state, draws, real = toy_game(2)
        noise, epsilons = lots_of_turn(draws, 0), draws.epsilons[:, 0]
        given = {"noise": noise, "epsilons": epsilons, "numbers": draws.real[:, 0]}
        critic_turn(game, state, spy, real=real[:, 0], **given)
        players_turn(game, state, spy, noise=draws.players)
        players = {name: state.params[name] for name in PLAYERS}
        critic = state.params["critic"]
        of_critic = jax.jit(jax.grad(critic_loss))(
            critic, state.params, real[:, 0], latents_of(noise), epsilons
        )
        of_players = jax.jit(jax.grad(players_loss))(players, critic, latents_of(draws.players))
        (_, for_critic), for_players, _ = seen
        oracles.assert_close(
            [for_critic, for_players], [of_critic, of_players], rtol=1e-9, atol=1e-9
        )


def test_a_source_that_never_wins_stays_where_it_is():
    game, state, draws, _ = toy_game(2)
    weights = jnp.full_like(state.params["generators"][0]["weights"], 100.0)
    params = {
        **state.params,
        "generators": ({"weights": 0.0 * weights}, {"weights": weights}),  # black; all or nothing
        "critic": {"hidden": 0.1 * jnp.eye(4, 5), "out": jnp.ones(5)},  # likes whatever is bright
    }
    noise = tuple(Noise(1.0 + jnp.abs(u)) for u in latents_of(draws.players))
    params["miners"] = ({"weights": jnp.zeros((LATENT, LATENT))},) * 2
    _, players_turn = turns(game)
    after, metrics = players_turn(
        state._replace(params=params), noise=draws.players._replace(u=noise)
    )
    np.testing.assert_array_equal(metrics["win_rates"], [0.0, 1.0])
    oracles.assert_close(after.params["miners"][0], params["miners"][0], rtol=0)
    oracles.assert_close(after.params["generators"][0], params["generators"][0], rtol=0)
    np.testing.assert_array_equal(selector.probabilities(after.selector), [0.0, 1.0])
