"""DGN-AM and PPGN: each update against a slow truth, and the encoder."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest

from minegan_jax import sources
from minegan_jax.methods import activation
from minegan_jax.nets.family import Networks
from minegan_jax.types import Batch

SHAPE = (2, 3, 1)  # of the toy's images
RNG = np.random.default_rng(0)
WEIGHTS, INVERSE = RNG.normal(size=(4, 6)) / 2, RNG.normal(size=(6, 4))
LINEAR, SQUARE = RNG.normal(size=(6, 5)), RNG.normal(size=(6, 5))
LABEL = 3
STARTS = 2.0 * RNG.normal(size=(7, 4))  # some beyond the limit


def make(latents):
    """G(h) = tanh(h W)."""
    return jnp.tanh(latents @ jnp.asarray(WEIGHTS, "float32")).reshape(-1, *SHAPE)


def encode(images):
    return images.reshape(-1, 6) @ jnp.asarray(INVERSE, "float32")


def logits(images, scale=1.0):
    """Returns x A + x^2 B / 2."""
    x = images.reshape(-1, 6)
    linear, square = (jnp.asarray(each, "float32") for each in (LINEAR, SQUARE))
    return scale * (x @ linear + x**2 @ square / 2)


def through_image(h):
    """The image of one latent, the change of the class's logit in it, and of it in the latent."""
    x = np.tanh(h @ WEIGHTS)
    return x, LINEAR[:, LABEL] + x * SQUARE[:, LABEL], WEIGHTS * (1 - x**2)[None]


def slow_dgn_am(h, num_steps):
    for i in range(num_steps):
        s = 8 + (1e-10 - 8) * i / num_steps
        x, g, jacobian = through_image(h)
        moved = x + s / 127.5 / np.abs(g).mean() * g
        d = jacobian @ (moved - x)
        h = h + s * activation.LATENT / np.abs(d).mean() * d
        h = 0.99 * np.minimum(np.maximum(h, -3), 3)
    return h


def slow_ppgn(h, num_steps, scale):
    for _ in range(num_steps):
        x, g, jacobian = through_image(h)
        scores = scale * (x @ LINEAR + x**2 @ SQUARE / 2)
        others = sum(np.exp(scores[j] - scores.max()) for j in range(5) if j != LABEL)
        rest = others / np.exp(scores - scores.max()).sum()
        d = 1e-5 * (x @ INVERSE - h) + 1.0 * rest * scale * (jacobian @ g)
        h = np.clip(h + activation.STEP / np.abs(d).mean() * d, -3, 3)
    return h


@pytest.mark.parametrize("num_steps", [0, 1, 5])
def test_dgn_am_climbs_as_published(num_steps):
    goal = activation.Goal(logits, LABEL, num_steps)
    found = jax.jit(partial(activation.search_dgn_am, goal, make))(jnp.asarray(STARTS, "float32"))
    expected = [slow_dgn_am(start, num_steps) for start in STARTS]
    np.testing.assert_allclose(found, expected, atol=1e-5)


# With the larger scale the classifier is sure of itself, and the prior's share decides.
@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize("num_steps", [0, 1, 5])
def test_ppgn_follows_class_and_prior(num_steps, scale):
    goal = activation.Goal(partial(logits, scale=scale), LABEL, num_steps)
    search = partial(activation.search_ppgn, goal, make, encode=encode)
    found = jax.jit(search)(jnp.asarray(STARTS, "float32"))
    expected = [slow_ppgn(start, num_steps, scale) for start in STARTS]
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_a_class_that_is_certain_leaves_the_prior_alone():
    certain = activation.Goal(
        lambda images: 1e3 * jax.nn.one_hot([LABEL] * len(images), 5), LABEL, 1
    )
    start = jnp.asarray(STARTS, "float32").clip(-3, 3)
    found = activation.search_ppgn(certain, make, start, encode=encode)
    towards = np.asarray(encode(make(start)) - start)
    step = activation.STEP * towards / np.abs(towards).mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found, (start + step).clip(-3, 3), atol=1e-5)


def test_nothing_to_climb_is_no_step():
    flat = activation.Goal(lambda images: jnp.zeros((len(images), 5)), LABEL, 3)
    found = activation.search_dgn_am(flat, make, jnp.ones((2, 4)))
    np.testing.assert_allclose(found, 0.99**3 * np.ones((2, 4)), rtol=1e-6)


def test_images_are_searched_by_themselves():
    goal = activation.Goal(logits, LABEL, 4)
    start = jnp.asarray(STARTS, "float32")
    for search in (
        partial(activation.search_dgn_am, goal, make),
        partial(activation.search_ppgn, goal, make, encode=encode),
    ):
        np.testing.assert_allclose(search(start)[2:3], search(start[2:3]), atol=1e-5)


def no_critic(*given):
    raise AssertionError(f"nothing is to be scored, got {given}")


def test_the_encoder_learns_to_invert_a_generator():
    """A linear generator loses nothing: the error falls far below 1, that of the prior's mean."""
    networks = Networks(
        generate=lambda params, latents: jnp.tanh(latents @ params["w"]).reshape(-1, 8, 8, 1),
        criticise=no_critic,
        init=dict,
        latent_size=4,
        resolution=8,
        channels=1,
    )
    weights = {"w": 0.3 * jax.random.normal(jax.random.key(1), (4, 64))}
    source = sources.Source("toy", "toy", networks, weights, {}, "", {})
    rules = activation.EncoderRules(width=4, batch_size=64, learning_rate=3e-3)
    learner = activation.inversion(source, rules)
    state = learner.init(None, jax.random.key(0))
    nothing = jnp.zeros((64, 1), "int32")
    batch = Batch(jnp.zeros((64, 1, 8, 8, 1), "uint8"), nothing, nothing)
    step = jax.jit(
        lambda state, key: learner.step(state, batch, learner.draw(key), oracles.average)
    )
    errors = []
    for number in range(150):
        state, metrics = step(state, jax.random.key(number))
        errors.append(float(metrics["inversion_error"]))
    assert errors[0] > 0.8
    assert np.mean(errors[-20:]) < 0.1
    np.testing.assert_array_equal(state.generator["w"], weights["w"])


def test_each_image_keeps_the_class_that_was_drawn():
    """A generator that shows nothing but its class shows the same one however long is searched."""
    networks = Networks(
        generate=lambda _, z, number: 0 * z[:, :1, None, None] + number[:, None, None, None] / 3,
        criticise=no_critic,
        init=dict,
        latent_size=2,
        resolution=1,
        channels=1,
        num_classes=3,
    )
    source = sources.Source("toy", "toy", networks, {"w": np.zeros(1)}, {}, "", {})
    goal = activation.Goal(lambda images: images.reshape(-1, 1) @ jnp.ones((1, 2)), 1, 5)
    method = activation.dgn_am(source, goal)
    draws = jax.random.normal(jax.random.key(0), (20, 3))
    found = method.generate(method.learner.init(None, jax.random.key(0)), 0, draws)
    drawn = (jax.scipy.stats.norm.cdf(draws[:, -1]) * 3).astype(int)
    np.testing.assert_allclose(found.reshape(20), drawn / 3, rtol=1e-6)
