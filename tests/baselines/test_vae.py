"""The VAE against slow truths, with each family as decoder, and through whole runs."""

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from scipy import integrate, stats
from tiny_sources import ARGUMENTS, moved, named
from toys import changed

from minegan_jax import config, experiment, trees
from minegan_jax.baselines import vae
from minegan_jax.baselines.settings import ReconstructionSettings
from minegan_jax.errors import InputError
from minegan_jax.nets import family
from minegan_jax.nets.encoder import Encoder
from minegan_jax.nets.function import as_function
from minegan_jax.training import devices
from minegan_jax.types import Batch

DCGAN = {"resolution": 8, "channels": 1, "width": 4, "latent_size": 4}
OF_FAMILIES = {**ARGUMENTS, "dcgan": DCGAN}
RULES = changed(
    ReconstructionSettings(),
    {
        "baseline.learning_rate": 0.01,
        "baseline.beta1": 0.5,
        "baseline.beta2": 0.9,
        "run.batch_size": 8,
        "baseline.kl_weight": 0.2,
    },
)
WIDTH, KL_WEIGHT = 4, RULES.baseline.kl_weight
BETAS = RULES.baseline.beta1, RULES.baseline.beta2


def method_of(rules=RULES, name="dcgan"):
    return vae.vae(family.build(name, OF_FAMILIES[name]), WIDTH, rules)


def batch_of(channels=1, seed=0, size=8):
    shape = (RULES.run.batch_size, 1, size, size, channels)
    images = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return Batch(images, *np.zeros((2, RULES.run.batch_size, 1), np.int32))


def step_of(method):
    return jax.jit(lambda *given: method.learner.step(*given, oracles.mean_over_devices))


def test_the_divergence_is_that_of_the_densities():
    rng = np.random.default_rng(0)
    means, log_variances = rng.normal(size=(2, 3, 2))
    total = 0.0
    for mean, log_variance in zip(means.ravel(), log_variances.ravel(), strict=True):
        q = stats.norm(mean, np.exp(log_variance / 2))
        total += integrate.quad(
            lambda x, q=q: q.pdf(x) * (q.logpdf(x) - stats.norm.logpdf(x)), -12, 12
        )[0]
    found = vae.divergence(jnp.asarray(means), jnp.asarray(log_variances))
    np.testing.assert_allclose(found, total / 3, rtol=1e-5)


def slow_terms(params, batch, draws):
    """Image by image."""
    encode = as_function(Encoder(2 * DCGAN["latent_size"], WIDTH))
    decode = family.build("dcgan", DCGAN).generate
    pixels = perceptual = divergence = 0.0
    count = len(draws)
    for place in range(count):
        real = batch.images[place] / np.float32(127.5) - 1.0
        mean, log_variance = jnp.split(encode(params["encoder"], jnp.asarray(real)), 2, axis=1)
        made = decode(params["decoder"], mean + jnp.exp(log_variance) ** 0.5 * draws[place][None])
        pixels += jnp.mean(jnp.abs(made - real)) / count
        perceptual += jnp.mean(jnp.abs(made**2 - real**2)) / count
        for m, v in zip(mean[0], jnp.exp(log_variance[0]), strict=True):
            divergence += 0.5 * (m**2 + v - jnp.log(v) - 1.0) / count
    return {"pixels": pixels, "perceptual": perceptual, "divergence": divergence}


def slow_loss(params, batch, draws):
    terms = slow_terms(params, batch, draws)
    return terms["pixels"] + 0.5 * terms["perceptual"] + 0.2 * terms["divergence"] / 64


def test_a_step_is_that_of_a_slow_oracle():
    method = method_of(
        changed(
            RULES, {"feature_maps": lambda images: (images**2,), "baseline.perceptual_weight": 0.5}
        )
    )
    state = method.learner.init(None, jax.random.key(0))
    batch, draws = batch_of(), method.learner.draw(jax.random.key(1))
    after, metrics = step_of(method)(state, batch, draws)
    total, gradient = jax.jit(jax.value_and_grad(slow_loss))(state.params, batch, draws)
    for name, value in {**slow_terms(state.params, batch, draws), "loss": total}.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-5)
    expected = oracles.SlowAdam(0.01, BETAS)(state.params, gradient)
    # Adam makes steps of equal length of all gradients, also of those that are all rounding.
    certain = jax.tree.map(lambda g: np.abs(g) > 1e-6, gradient)
    jax.tree.map(
        lambda a, b, sure: np.testing.assert_allclose(a[sure], b[sure], rtol=1e-4, atol=1e-5),
        after.params, expected, certain,
    )  # fmt: skip
    assert np.concatenate([leaf.ravel() for leaf in jax.tree.leaves(certain)]).mean() > 0.5


def test_the_code_costs_nothing_at_first():
    """Its weight rises by a quarter in each of four steps, and stays."""
    networks = family.build("dcgan", DCGAN)
    method = vae.vae(networks, WIDTH, changed(RULES, {"baseline.kl_warmup_steps": 4}))
    state, step = method.learner.init(None, jax.random.key(0)), step_of(method)
    for done in range(6):
        state, found = step(state, batch_of(), method.learner.draw(jax.random.key(done)))
        weight = (found["loss"] - found["pixels"]) / found["divergence"]
        np.testing.assert_allclose(weight, 0.2 / 64 * min((done + 1) / 4, 1), rtol=1e-3)


@pytest.mark.parametrize("name", OF_FAMILIES)
def test_any_family_decodes(name):
    method = method_of(name=name)
    before = method.learner.init(None, jax.random.key(0))
    shape = jax.eval_shape(lambda: oracles.images_of(method, before, jnp.zeros((2, 4)))).shape
    batch = batch_of(shape[-1], size=shape[1])
    after, metrics = step_of(method)(before, batch, method.learner.draw(jax.random.key(1)))
    assert all(np.isfinite(value) for value in metrics.values())
    changed = moved(before.params["decoder"], after.params["decoder"])
    stored = {"mean", "variance", "means", "variances"}
    assert changed
    assert not changed & named(before.params["decoder"], stored)


def test_samples_are_decoded_draws():
    method = method_of()
    state = method.learner.init(None, jax.random.key(0))
    draws = jax.random.normal(jax.random.key(1), (5, 4))
    expected = family.build("dcgan", DCGAN).generate(state.params["decoder"], draws)
    np.testing.assert_allclose(oracles.images_of(method, state, draws), expected, atol=1e-6)


def test_four_images_are_learnt_by_heart():
    method = method_of()
    state, step = method.learner.init(None, jax.random.key(0)), step_of(method)
    batch = batch_of()
    batch = batch._replace(images=batch.images[np.arange(8) % 4])
    losses = []
    for number in range(150):
        state, metrics = step(state, batch, method.learner.draw(jax.random.key(number)))
        losses.append(float(metrics["pixels"]))
    assert losses[-1] < 0.4 * losses[0]


def test_one_device_and_eight_agree():
    results = []
    for num_devices in (1, 8):
        method = method_of()
        mesh = devices.make_mesh(8, jax.devices()[:num_devices])
        state = devices.place(method.learner, method.learner.init(None, jax.random.key(0)), mesh)
        step = devices.compile_step(method.learner, mesh)
        for number in range(2):
            batch = jax.device_put(batch_of(seed=number), devices.split(mesh))
            state, metrics = step(state, batch, jax.random.key(number))
        results.append(jax.device_get((state.params, metrics)))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), *results)


# Whole runs.

NETWORK = {f"network.{name}": value for name, value in DCGAN.items()}
FIELDS = {"method": "vae", "sources": (), "run.train_steps": 3, **NETWORK}


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_fields):
    settings = config.from_values({**tiny_fields, **FIELDS})
    return experiment.train(settings, tmp_path_factory.mktemp("runs") / "vae")


def test_a_run_is_measured_and_sampled(run):
    report = run.evaluate(num_images=20)
    assert report["phases"].keys() == {"vae"}
    assert [row["name"] for row in report["selector"]] == ["vae"]
    images = experiment.open_run(run.workdir).sample(3, seed=1)
    np.testing.assert_array_equal(images, run.sample(5, seed=1)[:3])


def test_a_cut_run_goes_on_bit_for_bit(run, cut):
    both = run, cut(run, "vae", 3)
    assert len({trees.digest(each.state("vae")) for each in both}) == 1


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"baseline.perceptual": "digits_judge"}, "which no method may see"),
        ({"network.family": "stylegan"}, "unknown family 'stylegan': expected one of biggan"),
        ({"baseline.kl_weight": -1.0}, r"'baseline\.kl_weight': expected 0.0 or more, found -1.0"),
    ],
)
def test_a_users_mistake_is_one_line(fields, line, tiny_fields, tmp_path):
    with pytest.raises(InputError, match=line):
        experiment.train(config.from_values({**tiny_fields, **FIELDS, **fields}), tmp_path / "run")
