"""Images and figures come from products in full float32, wherever they are computed.

Lowered for accelerators, on which a product's default is bfloat16 or TF32.
"""

import re

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from tiny_sources import ARGUMENTS, save_source
from toys import GAME, changed

from minegan_jax.baselines import bsa, dgn_am_ppgn, transfergan, vae
from minegan_jax.baselines.settings import BaselineConfig, ReconstructionSettings
from minegan_jax.features import catalogue, efficientnet_lite, fid, lpips, stored
from minegan_jax.features.embed import embed
from minegan_jax.features.extractor import Extractor
from minegan_jax.mining import class_conditioning, minegan
from minegan_jax.mining.noise import zero_noise
from minegan_jax.sources import load_source
from minegan_jax.types import Batch

PRODUCT = re.compile(r"stablehlo\.(convolution|dot_general)\b.*")
PLATFORMS = ("tpu", "cuda")
SHAPE = minegan.MinerShape(depth=2, width=16)


def products(traced, platform):
    """Returns the lines of all products of a traced function, as a platform gets them."""
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    return [line for line in text.splitlines() if PRODUCT.search(line)]


def assert_exact(traced):
    for platform in PLATFORMS:
        found = products(traced, platform)
        assert found
        assert all("HIGHEST" in line and "DEFAULT" not in line for line in found)


def sources_of(directory, *names):
    return [load_source(save_source(directory / name, name)) for name in names]


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_sources_own_images_and_scores(name, tmp_path):
    (source,) = sources_of(tmp_path, name)
    resolution, channels = source.networks.resolution, source.networks.channels
    assert_exact(jax.jit(source.generate).trace(jnp.zeros((2, source.networks.latent_size))))
    if source.critic:
        assert_exact(jax.jit(source.score).trace(jnp.zeros((2, resolution, resolution, channels))))


@pytest.mark.parametrize("start", ["prior", "affine"])
def test_samples_and_verdicts_of_the_game(start, tmp_path):
    sources = sources_of(tmp_path, "dcgan", "sngan")
    shape, critic = SHAPE._replace(start=start), minegan.critic_of(sources[0], alone=True)
    for method in (
        minegan.mine(sources, changed(GAME, {"run.batch_size": 2}), shape, critic),
        transfergan.transfergan(sources[0], changed(GAME, {"run.batch_size": 2})),
    ):
        state = method.learner.init(None, jax.random.key(0))
        source, weights = method.sources[0], method.weights(state)[0]
        noise = zero_noise(2, source.noise)
        assert_exact(source.generate.trace(weights, noise))
        if state.params["miners"][0]:
            assert_exact(source.mined.trace(weights, noise))
        assert_exact(method.score.trace(state, jnp.zeros((2, 8, 8, 1)), 2))
        assert_exact(method.score_sources.trace(state, jax.random.key(0), 2))


def logits(images):
    return images.reshape(len(images), -1) @ jnp.ones((8 * 8 * 3, 5))


def test_samples_of_the_baselines(tmp_path):
    (source,) = sources_of(tmp_path, "biggan")
    goal = dgn_am_ppgn.Goal(logits, 1)
    search = BaselineConfig(search_steps=2, encoder_width=2)
    for method in (
        bsa.bsa(source, ReconstructionSettings(), num_images=3),
        vae.vae(source.networks, 2, ReconstructionSettings()),
        dgn_am_ppgn.dgn_am(source, goal, search),
        dgn_am_ppgn.ppgn(source, goal, search, batch_size=4),
    ):
        state = method.learner.init(None, jax.random.key(0))
        (source,) = method.sources
        noise = zero_noise(2, source.noise)
        assert_exact(source.generate.trace(method.weights(state)[0], noise))


def test_the_training_step_keeps_the_platforms_default(tmp_path):
    (source,) = sources_of(tmp_path, "dcgan")
    learner = transfergan.transfergan(
        source, changed(GAME, {"run.batch_size": 2, "game.critic_steps": 1})
    ).learner
    state, draws = learner.init(None, jax.random.key(0)), learner.draw(jax.random.key(0))
    batch = Batch(jnp.zeros((2, 1, 8, 8, 1), jnp.uint8), *jnp.zeros((2, 2, 1), jnp.int32))
    traced = jax.jit(lambda *given: learner.step(*given, oracles.mean_over_devices)).trace(
        state, batch, draws
    )
    assert all("DEFAULT" in line for line in products(traced, "tpu"))


def of_inception(images):
    look = jax.jit(fid.look, static_argnums=2)
    return look.trace(fid.inception_shapes(), images, fid.RULES["torch_fidelity"])


def of_efficientnet(images):
    shapes = efficientnet_lite.efficientnet_shapes()
    return jax.jit(efficientnet_lite.look).trace(shapes, images)


def of_digits(images):
    return catalogue.load_extractor("digits").embed.trace(images)


@pytest.mark.parametrize(
    ("look", "resolution", "channels"),
    [(of_inception, None, 3), (of_efficientnet, 32, 3), (of_digits, 28, 1)],
)
def test_features(look, resolution, channels):
    seen = []

    def trace(images):
        seen.append(look(images))
        return jnp.zeros((len(images), 2)), jnp.zeros((len(images), 2))

    extractor = Extractor("spy", "", resolution, channels, (), trace, trace, trace, together=2)
    embed(extractor, np.zeros((3, 40, 40, 3), np.uint8))
    assert len(seen) == 2
    assert_exact(seen[0])


def test_distances_of_lpips(monkeypatch):
    seen = []

    def look(_, images):
        seen.append(jax.jit(lambda x: x @ x.T).trace(images.reshape(len(images), -1)))
        return images.reshape(len(images), -1)

    kept = stored.StoredNetwork("LPIPS", "", {})
    monkeypatch.setattr(lpips.stored, "load_network", lambda *_, **__: kept)
    monkeypatch.setattr(lpips, "as_function", lambda _: look)
    pixels = np.zeros((2, 16, 16, 1), np.uint8)
    lpips.load_lpips("FILE", resolution=16).distances(pixels, pixels)
    assert_exact(seen[0])


def test_distances_of_class_vectors():
    table = jnp.ones((3, 4))
    assert_exact(jax.jit(class_conditioning.nearest).trace(table, table))
    assert_exact(jax.jit(class_conditioning.spacing).trace(table))
