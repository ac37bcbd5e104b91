"""BSA against NumPy, and in each family that it adapts."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from scipy import stats
from tiny_sources import moved, save_source
from toys import changed

from minegan_jax import sources, trees
from minegan_jax.baselines import bsa
from minegan_jax.baselines.settings import ReconstructionSettings
from minegan_jax.mining.noise import truncated
from minegan_jax.nets.family import Networks
from minegan_jax.sources import Source
from minegan_jax.training import devices
from minegan_jax.types import Batch

FAMILIES = {"sngan": 8, "biggan": 8, "biggan_deep": 4}  # and how wide
RULES = changed(
    ReconstructionSettings(),
    {
        "baseline.learning_rate": 0.02,
        "baseline.latent_learning_rate": 0.05,
        "baseline.beta1": 0.5,
        "baseline.beta2": 0.9,
        "run.batch_size": 8,
    },
)
BETAS = RULES.baseline.beta1, RULES.baseline.beta2
COUNT = 6  # training images


# A generator of one layer, its scale and its shift, written twice.


def toy_maps(images):
    return jnp.tanh(2.0 * images), images**2


def slow_maps(images):
    return np.tanh(2.0 * images), images**2


def toy_generate(params, latents, vectors):
    hidden = latents @ params["linear"] + vectors @ params["embedding"].T
    scale = params["norm1"]
    maps = hidden * scale["gain"][None] + scale["bias"][None]
    return jnp.tanh(maps).reshape(-1, 2, 2, 1)


def slow_generate(params, latent, vector):
    hidden = latent @ params["linear"] + vector @ params["embedding"].T
    return np.tanh(hidden * params["norm1"]["gain"] + params["norm1"]["bias"]).reshape(2, 2, 1)


def toy_source():
    rng = np.random.default_rng(0)
    generator = {
        "linear": jnp.asarray(rng.normal(size=(3, 4))),
        "embedding": jnp.asarray(rng.normal(size=(4, 2))),
        "norm1": {"gain": jnp.asarray(rng.normal(size=4)), "bias": jnp.asarray(rng.normal(size=4))},
    }
    networks = Networks(
        toy_generate, None, None, latent_size=3, resolution=2, channels=1, num_classes=4,
        embedding_size=2,
    )  # fmt: skip
    return Source("toy", "toy", networks, generator, {}, "", {})


def drawn_of(key):
    """The rows of latents, and the draws of the prior that they are compared with."""
    key_rows, key_prior = jax.random.split(key)
    rows = jax.random.randint(key_rows, (RULES.run.batch_size,), 0, COUNT)
    return np.asarray(rows), np.asarray(
        jax.random.normal(key_prior, (10 * RULES.run.batch_size, 3))
    )


def slow_terms(params, start, batch, jitter, drawn):
    """Every term, image by image."""
    indices = batch.indices[:, 0]
    count = len(indices)
    terms = {"pixels": 0.0, "perceptual": 0.0}
    for place, index in enumerate(indices):
        latent = params["latents"][index] + 0.01 * jitter[place]
        made = slow_generate(params["generator"], latent, params["vector"])
        real = batch.images[place, 0] / 127.5 - 1.0
        terms["pixels"] += np.mean(np.abs(made - real)) / count
        pairs = zip(slow_maps(made), slow_maps(real), strict=True)
        terms["perceptual"] += sum(np.mean(np.abs(x - y)) for x, y in pairs) / count
    rows, prior = drawn
    terms["earth_movers"] = oracles.earth_movers(params["latents"][rows], prior)
    now, then = params["generator"]["norm1"], start["generator"]["norm1"]
    terms["moved"] = sum(np.mean((now[name] - then[name]) ** 2) for name in now)
    return terms


def slow_loss(*given):
    terms = slow_terms(*given)
    return (
        terms["pixels"] + 0.5 * terms["perceptual"]
        + 0.1 * terms["earth_movers"] + 0.02 * terms["moved"]
    )  # fmt: skip


def slow_gradient(params, *given):
    """Central differences, number by number; what is frozen has none."""
    gradient = jax.tree.map(np.zeros_like, params)
    for path, leaf in trees.named_leaves(params).items():
        if bsa.part(path) == "frozen":
            continue
        changed = jax.tree.map(np.array, params)
        found, slopes = trees.by_path(changed)[path], trees.by_path(gradient)[path]
        for place in np.ndindex(leaf.shape):
            values = []
            for step in (1e-6, -1e-6):
                found[place] = leaf[place] + step
                values.append(slow_loss(changed, *given))
            found[place] = leaf[place]
            slope = (values[0] - values[1]) / 2e-6
            slopes[place] = slope if abs(slope) > 1e-7 else 0.0  # Adam would make noise large
    return gradient


def batch_of(shape, count=COUNT, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, *shape), np.uint8)
    indices = rng.integers(0, count, (RULES.run.batch_size, 1))
    return Batch(images[indices], *(indices.astype(np.int32),) * 2)


def step_of(method):
    return jax.jit(lambda *given: method.learner.step(*given, oracles.mean_over_devices))


def test_two_steps_are_those_of_a_slow_oracle():
    with jax.enable_x64(True):
        source = toy_source()
        rules = changed(RULES, {"feature_maps": toy_maps, "baseline.perceptual_weight": 0.5})
        method = bsa.bsa(source, rules, num_images=COUNT)
        state = method.learner.init(None, jax.random.key(0))
        step = step_of(method)
        np.testing.assert_array_equal(state.params["latents"], np.zeros((COUNT, 3)))
        # Apart, because equal latents are all the nearest, and share one gradient.
        apart = jax.random.normal(jax.random.key(9), (COUNT, 3))
        state = state._replace(params={**state.params, "latents": apart})
        start = jax.tree.map(np.asarray, state.params)
        expected = start
        adams = {
            "latents": oracles.SlowAdam(0.05, BETAS),
            "norms": oracles.SlowAdam(0.02, BETAS),
        }
        for number in range(2):
            batch = batch_of((2, 2, 1), seed=number)
            draws = method.learner.draw(jax.random.key(number))
            given = expected, start, batch, np.asarray(draws.jitter), drawn_of(draws.prior[0])
            state, metrics = step(state, batch, draws)
            for name, value in {**slow_terms(*given), "loss": slow_loss(*given)}.items():
                np.testing.assert_allclose(metrics[name], value, rtol=1e-6)
            gradient = slow_gradient(*given)
            expected = jax.tree.map(np.array, expected)
            expected["latents"] = np.asarray(
                adams["latents"](expected["latents"], gradient["latents"])
            )
            norms = [(tree["vector"], tree["generator"]["norm1"]) for tree in (expected, gradient)]
            expected["vector"], expected["generator"]["norm1"] = jax.tree.map(
                np.asarray, adams["norms"](*norms)
            )
        found, wanted = (trees.named_leaves(tree) for tree in (state.params, expected))
        assert found.keys() == wanted.keys()
        for path in found:
            np.testing.assert_allclose(found[path], wanted[path], rtol=1e-5, atol=1e-6)


def test_devices_draw_the_same_latents_and_prior():
    method = bsa.bsa(toy_source(), RULES, num_images=COUNT)
    keys = jax.random.key_data(method.learner.draw(jax.random.key(3)).prior)
    assert (keys == keys[:1]).all()
    other = jax.random.key_data(method.learner.draw(jax.random.key(4)).prior)
    assert (keys != other).any()


@pytest.mark.parametrize("limit", [0.3, 2.0, 9.0])
def test_latents_are_truncated_quantile_by_quantile(limit):
    draws = np.linspace(-4.0, 4.0, 33, dtype=np.float32)[:, None]
    found = truncated(jnp.asarray(draws), limit)
    expected = stats.truncnorm.ppf(stats.norm.cdf(draws), -limit, limit)
    np.testing.assert_allclose(found, expected, atol=2e-3 * limit)
    assert np.abs(found).max() <= np.float32(limit)


def test_no_truncation_leaves_nothing_to_draw():
    np.testing.assert_array_equal(truncated(jnp.array([[-3.0, 0.5, 40.0]]), 0.0), np.zeros((1, 3)))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A source of each family, wide enough for some of all maps to pass the ReLUs."""
    folder = tmp_path_factory.mktemp("saved")
    return {
        name: sources.load_source(save_source(folder / name, name, width=width))
        for name, width in FAMILIES.items()
    }


@pytest.fixture(params=FAMILIES)
def source(request, saved):
    return saved[request.param]


def method_of(source, rules=RULES, **changes):
    settings = {"num_images": COUNT, **changes}
    return bsa.bsa(source, rules, **settings)


def test_only_scales_shifts_latents_and_the_class_move(source):
    method = method_of(source)
    before = method.learner.init(None, jax.random.key(0))
    networks = source.networks
    shape = networks.resolution, networks.resolution, networks.channels
    state, step = before, step_of(method)
    for number in range(2):
        draws = method.learner.draw(jax.random.key(number))
        state, _ = step(state, batch_of(shape, seed=number), draws)
    changed = moved(before.params, state.params)
    # Written out here, so that the pattern is tested as well.
    may_move = {
        path for path in trees.named_leaves(source.generator)
        if re.search("norm|affine", path) and "statistics" not in path
    }  # fmt: skip
    expected = {"latents", "vector"} | {f"generator/{path}" for path in may_move}
    vectors = {path for path in expected if path[-2:] in ("/u", "/v")}
    assert expected - vectors <= changed <= expected
    assert len(may_move) >= 6
    assert any(path.endswith("/u") for path in changed) == bool(vectors)


@pytest.mark.parametrize("asked", ["all", "mean", "1"])
def test_the_class_starts_where_it_is_asked_to(asked, source):
    state = method_of(source, of_classes=asked).learner.init(None, jax.random.key(0))
    table = source.generator.get("embedding", np.eye(3))
    expected = table[1] if asked == "1" else table.mean(axis=0)
    np.testing.assert_allclose(state.params["vector"], expected, rtol=1e-6)


def test_it_samples_truncated_latents_of_the_learnt_class(source):
    method = method_of(source)
    state = method.learner.init(None, jax.random.key(0))
    draws = jax.random.normal(jax.random.key(1), (5, 4))
    vectors = jnp.tile(state.params["vector"][None] + 1.0, (5, 1))
    state = state._replace(params={**state.params, "vector": vectors[0]})
    expected = source.generate(truncated(draws, 0.3), vectors)
    np.testing.assert_allclose(oracles.images_of(method, state, draws), expected, atol=1e-5)


def test_a_source_without_classes_learns_none(tmp_path):
    source = sources.load_source(save_source(tmp_path / "sngan", "sngan", num_classes=0))
    state = method_of(source).learner.init(None, jax.random.key(0))
    assert state.params.keys() == {"latents", "generator"}
    state, _ = step_of(method_of(source))(
        state, batch_of((8, 8, 3)), method_of(source).learner.draw(jax.random.key(0))
    )
    assert oracles.images_of(method_of(source), state, jnp.zeros((2, 4))).shape == (2, 8, 8, 3)


def test_four_images_are_learnt_by_heart(saved):
    rules = changed(RULES, {"baseline.learning_rate": 0.03, "baseline.latent_learning_rate": 0.1})
    method = method_of(saved["biggan"], rules, num_images=4)
    state, step = method.learner.init(None, jax.random.key(0)), step_of(method)
    batch = batch_of((8, 8, 3), count=4)
    ramp = np.linspace(0, 255, 8 * 8 * 3).reshape(8, 8, 3).astype(np.uint8)
    images = np.stack([ramp, ramp[::-1], ramp[:, ::-1], ramp.swapaxes(0, 1)])
    batch = batch._replace(images=images[batch.indices])
    losses = []
    for number in range(60):
        state, metrics = step(state, batch, method.learner.draw(jax.random.key(number)))
        losses.append(float(metrics["pixels"]))
    assert losses[-1] < 0.5 * losses[0]


def placed(method, num_devices):
    """Returns a first state whose latents differ, the compiled step and where batches go.

    Equal latents are all the nearest, until rounding, which differs between devices, decides.
    """
    mesh = devices.make_mesh(RULES.run.batch_size, jax.devices()[:num_devices])
    state = method.learner.init(None, jax.random.key(0))
    apart = jax.random.normal(jax.random.key(9), state.params["latents"].shape)
    state = state._replace(params={**state.params, "latents": apart})
    state = devices.place(method.learner, state, mesh)
    return state, devices.compile_step(method.learner, mesh), devices.split(mesh)


def test_what_is_frozen_costs_no_gradient(saved, monkeypatch, count_flops):
    def flops():
        rules = changed(RULES, {"run.accumulation_steps": 2})
        state, step, split = placed(method_of(saved["sngan"], rules), num_devices=2)
        batch = jax.device_put(batch_of((8, 8, 3)), split)
        return count_flops(step, state, batch, jax.random.key(0))

    frozen = flops()
    monkeypatch.setattr(bsa, "is_norm", lambda path: path != "latents")
    assert frozen < 0.8 * flops()


def test_one_device_and_eight_agree(saved):
    results = []
    for num_devices in (1, 8):
        state, step, split = placed(method_of(saved["sngan"]), num_devices)
        for number in range(2):
            batch = jax.device_put(batch_of((8, 8, 3), seed=number), split)
            state, metrics = step(state, batch, jax.random.key(number))
        results.append(jax.device_get((state.params, metrics)))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), *results)
