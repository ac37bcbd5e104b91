"""DiffAugment against loops over pixels, R1 by hand, and both inside the game."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from toys import RULES, changed, toy_game

from minegan_jax.config import from_values
from minegan_jax.errors import InputError
from minegan_jax.mining import augment, losses
from minegan_jax.mining.turns import critic_turn, players_turn


def slowly(image, numbers, policies):
    """One image, pixel by pixel."""
    size = len(image)
    image = np.array(image, np.float64)
    if "colour" in policies:
        image += numbers[0] - 0.5
        grey = image.mean(axis=2, keepdims=True)
        image = grey + (image - grey) * 2 * numbers[1]
        image = image.mean() + (image - image.mean()) * (numbers[2] + 0.5)
    if "translation" in policies:
        most = int(size / 8 + 0.5)
        down, right = (int(n * (2 * most + 1)) - most for n in numbers[3:5])
        moved = np.zeros_like(image)
        for row in range(size):
            for column in range(size):
                if 0 <= row - down < size and 0 <= column - right < size:
                    moved[row, column] = image[row - down, column - right]
        image = moved
    if "cutout" in policies:
        width = int(size / 2 + 0.5)
        top, left = (int(n * (size + 1 - width % 2)) - width // 2 for n in numbers[5:])
        for row in range(max(top, 0), min(top + width, size)):
            for column in range(max(left, 0), min(left + width, size)):
                image[row, column] = 0.0
    return image


ALL = augment.POLICIES


@pytest.mark.parametrize("policies", [(), *((each,) for each in ALL), ALL])
@pytest.mark.parametrize(("size", "channels"), [(8, 3), (9, 1), (28, 1)])
def test_images_change_as_pixel_by_pixel(policies, size, channels):
    images = np.random.default_rng(0).uniform(-1, 1, (12, size, size, channels))
    numbers = augment.draw_numbers(jax.random.key(0), (12,)).at[0].set(0.0).at[1].set(1 - 1e-7)
    found = jax.jit(augment.augment, static_argnums=0)(policies, jnp.asarray(images), numbers)
    pairs = zip(images, np.asarray(numbers, np.float64), strict=True)
    expected = np.stack([slowly(image, each, policies) for image, each in pairs])
    np.testing.assert_allclose(found, expected, atol=2e-5)
    assert (np.abs(found - images).max() > 0.1) == bool(policies)


def test_gradients_go_back_through_the_change():
    """What is moved out of sight, or lies in the hole, has none; the rest has its own."""
    numbers = augment.draw_numbers(jax.random.key(1), (3,))
    policies = ("translation", "cutout")
    images, weights = (jax.random.normal(jax.random.key(n), (3, 8, 8, 2)) for n in (2, 3))
    slopes = jax.grad(lambda x: (weights * augment.augment(policies, x, numbers)).sum())(images)
    for image in range(3):
        each = np.zeros((8, 8, 2))
        for place in np.ndindex(8, 8, 2):
            one = np.zeros((8, 8, 2))
            one[place] = 1.0
            each[place] = (weights[image] * slowly(one, numbers[image], policies)).sum()
        np.testing.assert_allclose(slopes[image], each, atol=1e-5)


def test_r1_is_the_mean_square_of_the_slopes():
    weights = jax.random.normal(jax.random.key(0), (5, 5, 2))

    def criticise(images):
        return jnp.sin(jnp.einsum("bhwc,hwc->b", images, weights))

    images = jax.random.normal(jax.random.key(1), (6, 5, 5, 2))
    slopes = jnp.cos(jnp.einsum("bhwc,hwc->b", images, weights))
    expected = (slopes**2).mean() * (weights**2).sum()
    np.testing.assert_allclose(losses.r1(criticise, images), expected, rtol=1e-5)


@pytest.fixture
def turn():
    """Plays one of the critic's turns by some rules; returns its weights and metrics."""

    def score(rules, number=0, which="critic", **changes):
        game, state, draws, real = toy_game(2, rules)
        game = game._replace(networks=game.networks._replace(policies=rules.game.augment))
        noise = jax.tree.map(lambda numbers: numbers[:, 0], draws.critic)
        if which == "players":
            turn = jax.jit(partial(players_turn, game, mean_over_devices=oracles.mean_over_devices))
            return turn(state, noise=draws.players)
        given = {
            "noise": noise,
            "epsilons": draws.epsilons[:, 0],
            "numbers": draws.real[:, 0],
            **changes,
        }
        turn = jax.jit(partial(critic_turn, game, mean_over_devices=oracles.mean_over_devices))
        return turn(state, real=real[:, 0], number=number, **given)

    return score


LAZY = changed(
    RULES,
    {
        "game.loss": "logistic",
        "game.penalty_weight": 0.0,
        "game.r1_weight": 4.0,
        "game.r1_every": 3,
    },
)


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_r1_is_computed_in_one_turn_of_some_and_weighs_as_many(number, turn):
    lazy, metrics = turn(LAZY, number)
    without = turn(changed(LAZY, {"game.r1_weight": 0.0}), number)[1]
    assert (metrics["r1"] > 0) == (number % 3 == 0)
    more = metrics["critic_loss"] - without["critic_loss"]
    np.testing.assert_allclose(more, 0.5 * 4.0 * 3 * metrics["r1"], rtol=1e-4, atol=1e-6)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(lazy.params))


def test_a_lazy_critic_moves_as_if_r1_were_spread():
    """The first step of Adam has the length of the rate: k / (k + 1) of the game's."""
    game, _, _, _ = toy_game(1, LAZY)
    params = {"weights": jnp.zeros(3)}
    updates, _ = game.critic_optimizer.update(
        {"weights": jnp.ones(3)}, game.critic_optimizer.init(params), params
    )
    rate = LAZY.game.critic_learning_rate
    np.testing.assert_allclose(updates["weights"], -0.75 * rate, rtol=1e-5)


@pytest.mark.parametrize("which", ["critic", "players"])
def test_both_sides_see_changed_images(which, turn):
    rules = changed(RULES, {"game.augment": ALL})
    augmented, plain = (turn(each, which=which)[1] for each in (rules, RULES))
    name = f"{which}_loss"
    assert abs(augmented[name] - plain[name]) > 1e-4
    again = turn(rules, which=which)[1]
    np.testing.assert_array_equal(again[name], augmented[name])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"game.augment": ("color",)},
            r"'game\.augment': expected colour or translation or cutout, found 'color'",
        ),
        ({"game.r1_weight": -1.0}, r"'game\.r1_weight': expected 0.0 or more"),
        ({"game.r1_every": 0}, r"'game\.r1_every': expected 1 or more"),
    ],
)
def test_mistakes_are_one_line(fields, said):
    with pytest.raises(InputError, match=said):
        from_values(fields)
