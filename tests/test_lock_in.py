"""Winner takes all locks in: a source that loses at first never learns what it could win with."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from toys import of_noise

from minegan_jax.mining import selector, supersamples
from minegan_jax.mining.game import Rules, make_game, start
from minegan_jax.mining.noise import NoiseShape
from minegan_jax.mining.supersamples import Cast
from minegan_jax.mining.turns import players_turn

STEPS = 150
BEST = (0.5, 1.0)  # the brightest pixel that each source can make


def shift(params, latents):
    return 0.0 * latents + params["shift"][None]


def shine(best, params, latents):
    del params
    return best * jax.nn.sigmoid(latents).reshape(-1, 1, 1, 1)


def brightness(params, images):
    del params
    return images[:, 0, 0, 0]


def shares_after(**rules):
    """Plays for a critic that likes bright images; the better source starts dark.

    Returns the selector's probabilities over the last ten minibatches.
    """
    cast = Cast(
        miners=(of_noise(shift),) * 2,
        generators=tuple(partial(shine, best) for best in BEST),
        critic=brightness,
        view=lambda images: images,
        output=lambda images: images,
        noise=(NoiseShape(1), NoiseShape(1)),
    )
    rates = {"miners": 0.1, "generators": 0.0, "critic": 0.0}
    rules = Rules(learning_rates=rates, batch_size=16, selector_window=10, **rules)
    game = make_game(cast, rules, ("miners",))
    params = {
        "miners": ({"shift": jnp.full(1, 3.0)}, {"shift": jnp.full(1, -3.0)}),
        "generators": ({}, {}),
        "critic": {},
    }
    state = start(game, params, None)
    turn = jax.jit(partial(players_turn, game, average=oracles.average))
    for step in range(STEPS):
        lots = supersamples.draw_lots(jax.random.key(step), (16,), cast.noise)
        state, _ = turn(state, lots=lots)
    return selector.probabilities(state.selector)


def test_without_exploration_the_better_source_is_never_found():
    np.testing.assert_array_equal(shares_after(), [1.0, 0.0])


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_with_exploration_it_is(share):
    shares = shares_after(exploration=share, exploration_steps=STEPS)
    np.testing.assert_array_equal(shares, [0.0, 1.0])


def test_warmed_up_critics_alone_do_not_help():
    np.testing.assert_array_equal(shares_after(warmup_steps=20), [1.0, 0.0])
