"""DGN-AM and PPGN: each update against a slow truth, and the encoder."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest

from minegan_jax import sources
from minegan_jax.baselines import dgn_am_ppgn
from minegan_jax.baselines.settings import BaselineConfig
from minegan_jax.mining.noise import sample_noise, zero_noise
from minegan_jax.nets.encoder import Encoder
from minegan_jax.nets.family import Networks
from minegan_jax.nets.function import as_function
from minegan_jax.types import Batch

SHAPE = (2, 3, 1)  # of the toy's images
RNG = np.random.default_rng(0)
WEIGHTS, INVERSE = RNG.normal(size=(4, 6)) / 2, RNG.normal(size=(6, 4))
LINEAR, SQUARE = RNG.normal(size=(6, 5)), RNG.normal(size=(6, 5))
LABEL = 3
STARTS = 2.0 * RNG.normal(size=(7, 4))  # some beyond the limit
RULES = BaselineConfig(search_step_size=0.3, search_prior=0.02)


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
    """By way of the image, as published."""
    for i in range(num_steps):
        s = 0.3 * (1 - i / num_steps)
        x, g, jacobian = through_image(h)
        moved = x + s / np.abs(g).mean() * g
        d = jacobian @ (moved - x)
        h = h + s / np.abs(d).mean() * d
        h = 0.98 * np.minimum(np.maximum(h, -3), 3)
    return h


def slow_ppgn(h, num_steps, scale):
    for _ in range(num_steps):
        x, g, jacobian = through_image(h)
        scores = scale * (x @ LINEAR + x**2 @ SQUARE / 2)
        others = sum(np.exp(scores[j] - scores.max()) for j in range(5) if j != LABEL)
        rest = others / np.exp(scores - scores.max()).sum()
        d = 0.02 * (x @ INVERSE - h) + 1.0 * rest * scale * (jacobian @ g)
        h = np.clip(h + 0.3 / np.abs(d).mean() * d, -3, 3)
    return h


@pytest.mark.parametrize("num_steps", [0, 1, 5])
def test_dgn_am_climbs_as_published(num_steps):
    goal, rules = dgn_am_ppgn.Goal(logits, LABEL), replace(RULES, search_steps=num_steps)
    search = partial(dgn_am_ppgn.search_dgn_am, goal, rules, make)
    found = jax.jit(search)(jnp.asarray(STARTS, "float32"))
    expected = [slow_dgn_am(start, num_steps) for start in STARTS]
    np.testing.assert_allclose(found, expected, atol=1e-5)


# With the larger scale the classifier is sure of itself, and the prior's share decides.
@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize("num_steps", [0, 1, 5])
def test_ppgn_follows_class_and_prior(num_steps, scale):
    goal = dgn_am_ppgn.Goal(partial(logits, scale=scale), LABEL)
    rules = replace(RULES, search_steps=num_steps)
    search = partial(dgn_am_ppgn.search_ppgn, goal, rules, make, encode=encode)
    found = jax.jit(search)(jnp.asarray(STARTS, "float32"))
    expected = [slow_ppgn(start, num_steps, scale) for start in STARTS]
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_a_class_that_is_certain_leaves_the_prior_alone():
    certain = dgn_am_ppgn.Goal(lambda images: 1e3 * jax.nn.one_hot([LABEL] * len(images), 5), LABEL)
    start = jnp.asarray(STARTS, "float32").clip(-3, 3)
    found = dgn_am_ppgn.search_ppgn(
        certain, replace(RULES, search_steps=1), make, start, encode=encode
    )
    towards = np.asarray(encode(make(start)) - start)
    step = 0.3 * towards / np.abs(towards).mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found, (start + step).clip(-3, 3), atol=1e-5)


def test_nothing_to_climb_is_no_step():
    flat = dgn_am_ppgn.Goal(lambda images: jnp.zeros((len(images), 5)), LABEL)
    found = dgn_am_ppgn.search_dgn_am(flat, replace(RULES, search_steps=3), make, jnp.ones((2, 4)))
    np.testing.assert_allclose(found, 0.98**3 * np.ones((2, 4)), rtol=1e-6)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_images_are_searched_by_themselves(noise):
    goal, rules = (
        dgn_am_ppgn.Goal(logits, LABEL),
        replace(RULES, search_steps=4, search_noise=noise),
    )
    start = jnp.asarray(STARTS, "float32")
    for search in (
        partial(dgn_am_ppgn.search_dgn_am, goal, rules, make),
        partial(dgn_am_ppgn.search_ppgn, goal, rules, make, encode=encode),
    ):
        np.testing.assert_allclose(search(start)[2:3], search(start[2:3]), atol=1e-5)


def test_noise_is_as_large_as_told_and_drawn_anew_in_each_step():
    """Where nothing is climbed, and nothing holds back, only noise moves h."""
    flat = dgn_am_ppgn.Goal(lambda images: jnp.zeros((len(images), 5)), LABEL)
    start = 0.1 * jax.random.normal(jax.random.key(0), (500, 4))
    moves = []
    for num_steps in (1, 2):
        rules = BaselineConfig(search_steps=num_steps, search_prior=0.0, search_noise=0.2)
        moves.append(np.asarray(dgn_am_ppgn.search_dgn_am(flat, rules, make, start) - start))
    first, second = moves[0], moves[1] - moves[0]
    assert np.std(first) == pytest.approx(0.2, rel=0.05)
    assert np.std(second) == pytest.approx(0.2, rel=0.05)
    pairs = [(first.ravel(), second.ravel()), (first[:, 0], first[:, 1]), (first[1:], first[:-1])]
    assert all(abs(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1]) < 0.15 for a, b in pairs)


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
    rules = BaselineConfig(encoder_width=4, learning_rate=3e-3)
    learner = dgn_am_ppgn.inversion(source, rules, 64)
    state = learner.init(None, jax.random.key(0))
    nothing = jnp.zeros((64, 1), "int32")
    batch = Batch(jnp.zeros((64, 1, 8, 8, 1), "uint8"), nothing, nothing)
    step = jax.jit(
        lambda state, key: learner.step(state, batch, learner.draw(key), oracles.mean_over_devices)
    )
    errors = []
    for number in range(150):
        state, metrics = step(state, jax.random.key(number))
        errors.append(float(metrics["inversion_error"]))
    assert errors[0] > 0.8
    assert np.mean(errors[-20:]) < 0.1
    np.testing.assert_array_equal(state.generator["w"], weights["w"])


def of_classes(generate, table):
    """A source whose generator is given class vectors."""
    num_classes, embedding_size = table.shape
    networks = Networks(
        generate=generate, criticise=no_critic, init=dict, latent_size=2, resolution=1, channels=1,
        num_classes=num_classes, embedding_size=embedding_size,
    )  # fmt: skip
    return sources.Source("toy", "toy", networks, {"embedding": table}, {}, "", {})


def generate_vector(_, latents, vectors):
    """A generator that shows nothing but its class's vector."""
    return 0 * latents[:, :1, None, None] + vectors.reshape(len(latents), 1, 1, -1)


TABLE = np.array([[0.0, 5.0], [1.0, 7.0], [4.0, 3.0]], np.float32)
FIRST = dgn_am_ppgn.Goal(lambda images: images.reshape(-1, 2), 0)  # the vector's first number


@pytest.mark.parametrize("num_steps", [0, 30])
def test_a_search_starts_at_the_class_that_was_drawn_and_leaves_it(num_steps):
    rules = BaselineConfig(search_steps=num_steps, search_step_size=0.2, search_prior=0.0)
    method = dgn_am_ppgn.dgn_am(of_classes(generate_vector, TABLE), FIRST, rules)
    noise = sample_noise(jax.random.key(0), (20,), method.sources[0].noise)
    found = oracles.images_of(method, method.learner.init(None, jax.random.key(0)), noise)
    expected = TABLE[noise.labels]
    if num_steps:  # as high as a search may go: standard deviations from the mean
        expected[:, 0] = TABLE[:, 0].mean() + dgn_am_ppgn.LIMIT * TABLE[:, 0].std()
    np.testing.assert_allclose(found.reshape(20, 2), expected, rtol=1e-5)


def test_a_single_class_has_nowhere_to_go():
    rules = BaselineConfig(search_steps=3)
    method = dgn_am_ppgn.dgn_am(of_classes(generate_vector, TABLE[1:2]), FIRST, rules)
    state, noise = (
        method.learner.init(None, jax.random.key(0)),
        zero_noise(2, method.sources[0].noise),
    )
    found = oracles.images_of(method, state, noise).reshape(2, 2)
    np.testing.assert_allclose(found, TABLE[[1, 1]], atol=1e-5)


def test_the_encoder_inverts_latents_and_classes():
    def generate(_, latents, vectors):
        return jnp.tanh(0.3 * jnp.concatenate([latents, vectors], axis=1))[:, None, None]

    rules = BaselineConfig(encoder_width=4)
    learner = dgn_am_ppgn.inversion(of_classes(generate, TABLE), rules, 64)
    state = learner.init(None, jax.random.key(0))
    encode = as_function(Encoder(4, 4))
    assert encode(state.encoder, jnp.zeros((5, 1, 1, 1))).shape == (5, 4)
