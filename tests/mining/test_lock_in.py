"""Winner takes all locks in: a source that loses at first never learns what it could win with."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from toys import GAME, changed, of_noise

from minegan_jax.mining import selector, supersamples
from minegan_jax.mining.game import make_game, start
from minegan_jax.mining.noise import NoiseShape
from minegan_jax.mining.supersamples import GameNetworks
from minegan_jax.mining.turns import players_turn
from minegan_jax.mining.view import make_view
from minegan_jax.nets.image_resize import ImageShape

STEPS = 150
SHAPE = ImageShape(1, 1)
BEST = (0.5, 1.0)  # the brightest pixel that each source can make


def shift(params, latents):
    return 0.0 * latents + params["shift"][None]


def shine(best, params, latents):
    del params
    return best * jax.nn.sigmoid(latents).reshape(-1, 1, 1, 1)


def brightness(params, images):
    del params
    return images[:, 0, 0, 0]


def shares_after(values):
    """Plays for a critic that likes bright images; the better source starts dark.

    Returns the selector's probabilities over the last ten minibatches.
    """
    networks = GameNetworks(
        miners=(of_noise(shift),) * 2,
        generators=tuple(partial(shine, best) for best in BEST),
        critic=brightness,
        view=make_view(SHAPE, [SHAPE, SHAPE]),
        noise=(NoiseShape(1), NoiseShape(1)),
    )
    still = {"game.learning_rate": 0.0, "game.critic_learning_rate": 0.0}
    moving = {"miner.learning_rate": 0.1, "run.batch_size": 16, "selector.window": 10}
    game = make_game(networks, changed(GAME, {**still, **moving, **values}), ("miners",))
    params = {
        "miners": ({"shift": jnp.full(1, 3.0)}, {"shift": jnp.full(1, -3.0)}),
        "generators": ({}, {}),
        "critic": {},
    }
    state = start(game, params, None)
    turn = jax.jit(partial(players_turn, game, mean_over_devices=oracles.mean_over_devices))
    for step in range(STEPS):
        noise = supersamples.sample_supersample_noise(jax.random.key(step), (16,), networks.noise)
        state, _ = turn(state, noise=noise)
    return selector.probabilities(state.selector)


def test_without_exploration_the_better_source_is_never_found():
    np.testing.assert_array_equal(shares_after({}), [1.0, 0.0])


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_with_exploration_it_is(share):
    shares = shares_after({"selector.exploration": share, "selector.exploration_steps": STEPS})
    np.testing.assert_array_equal(shares, [0.0, 1.0])


def test_warmed_up_critics_alone_do_not_help():
    np.testing.assert_array_equal(shares_after({"game.warmup_steps": 20}), [1.0, 0.0])
