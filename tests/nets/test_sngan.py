"""SNGAN against a restatement in numpy: sizes and classes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minegan_jax.errors import InputError
from minegan_jax.nets import sngan


def random_like(tree, seed=0):
    """Returns a tree of the same shapes with positive variances and without special values."""
    rng = np.random.default_rng(seed)
    leaves, structure = jax.tree.flatten(tree)
    drawn = [rng.normal(0.1, 0.3, leaf.shape) for leaf in leaves]
    drawn = jax.tree.unflatten(structure, drawn)
    return jax.tree.map_with_path(
        lambda path, leaf: np.abs(leaf) + 0.5 if "variance" in str(path) else leaf, drawn
    )


def fresh(module, *shape, seed=0):
    """Returns random weights of a module that takes inputs of this shape."""
    params = jax.eval_shape(module.init, jax.random.key(0), jnp.zeros(shape, jnp.float32))
    return random_like(params["params"], seed)


def conv(maps, layer):
    kernel = layer["kernel"]
    margin = len(kernel) // 2
    padded = np.pad(maps, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[:2], axis=(1, 2))
    return np.einsum("bhwirc,rcio->bhwo", windows, kernel) + layer["bias"]


def double(maps):
    return np.repeat(np.repeat(maps, 2, axis=1), 2, axis=2)


def halve(maps):
    return (maps[:, ::2, ::2] + maps[:, 1::2, ::2] + maps[:, ::2, 1::2] + maps[:, 1::2, 1::2]) / 4.0


def standardise(maps, stored):
    return (maps - stored["mean"]) / np.sqrt(stored["variance"] + 2e-5)


def norm(maps, layer, label):
    standard = standardise(maps, layer["statistics"])
    return np.maximum(standard * layer["gain"][label] + layer["bias"][label], 0.0)


def generate(params, latent, label):
    x = (latent @ params["linear"]["kernel"] + params["linear"]["bias"]).reshape(1, 4, 4, -1)
    for i in range(sum(name.startswith("block") for name in params)):
        block = params[f"block{i}"]
        hidden = conv(double(norm(x, block["norm1"], label)), block["conv1"])
        hidden = conv(norm(hidden, block["norm2"], label), block["conv2"])
        x = hidden + conv(double(x), block["shortcut"])
    x = standardise(x, params["statistics"]) * params["affine"]["gain"] + params["affine"]["bias"]
    return np.tanh(conv(np.maximum(x, 0.0), params["to_image"]))


def divided(matrix, u):
    """A matrix (outputs, inputs) over its norm after one step of the power method."""
    v = u @ matrix / np.linalg.norm(u @ matrix)
    return matrix / np.linalg.norm(matrix @ v)


def spectral(layer):
    kernel = layer["kernel"]
    matrix = divided(kernel.reshape(-1, kernel.shape[-1]).T, layer["u"])
    return {**layer, "kernel": matrix.T.reshape(kernel.shape)}


def criticise(params, image, label, num_halvings):
    x = image
    for i in range(sum(name.startswith("block") for name in params)):
        block = {name: spectral(layer) for name, layer in params[f"block{i}"].items()}
        hidden = conv(x if i == 0 else np.maximum(x, 0.0), block["conv1"])
        hidden = conv(np.maximum(hidden, 0.0), block["conv2"])
        x = conv(x, block["shortcut"]) if "shortcut" in block else x
        x = halve(hidden) + halve(x) if i < num_halvings else hidden + x
    features = np.maximum(x, 0.0).sum(axis=(1, 2))[0]
    score = features @ spectral(params["linear"])["kernel"][:, 0]
    vectors = divided(params["embedding"]["vectors"], params["embedding"]["u"])
    return score + params["linear"].get("bias", np.zeros(1))[0] + features @ vectors[label]


@pytest.mark.parametrize(("resolution", "width"), [(8, 2), (16, [3, 2, 4])])
def test_the_generator_is_its_restatement(resolution, width):
    module = sngan.Generator(resolution, 3, width, 5, num_classes=3)
    params = fresh(module, 1, 5)
    latents = np.random.default_rng(1).normal(size=(2, 5))
    with jax.enable_x64(True):
        ours = jax.jit(module.apply)({"params": params}, latents, jnp.array([2, 0]))
    theirs = [generate(params, z[None], label)[0] for z, label in zip(latents, (2, 0), strict=True)]
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize(
    ("width", "num_halvings", "score_bias"), [(2, None, True), ([2, 2, 3], 2, True), (2, 1, False)]
)
def test_the_critic_is_its_restatement(width, num_halvings, score_bias):
    module = sngan.Critic(16, 3, width, 4, num_halvings, score_bias)
    params = fresh(module, 1, 16, 16, 3)
    images = np.random.default_rng(1).normal(size=(2, 16, 16, 3))
    with jax.enable_x64(True):
        ours = jax.jit(module.apply)({"params": params}, images, jnp.array([3, 1]))
    halvings = 2 if num_halvings is None else num_halvings
    theirs = [criticise(params, images[i : i + 1], (3, 1)[i], halvings) for i in range(2)]
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_published_widths():
    assert sngan.generator_widths(128, 64) == (1024, 1024, 512, 256, 128, 64)
    assert sngan.critic_widths(128, 64) == (64, 128, 256, 512, 1024, 1024)
    assert sngan.generator_widths(64, 64) == (1024, 512, 256, 128, 64)
    assert sngan.critic_widths(64, 64) == (64, 128, 256, 512, 1024)


@pytest.mark.parametrize("resolution", [4, 28, 100])
def test_impossible_resolutions(resolution):
    with pytest.raises(InputError, match=f"8, 16, 32, ... pixels, found {resolution}"):
        sngan.generator_widths(resolution, 4)


def test_a_width_for_each_block():
    with pytest.raises(InputError, match="expected 3 widths, found 2"):
        sngan.critic_widths(16, [4, 4])


def test_labels_are_numbers_or_weights_of_classes():
    generator = sngan.Generator(8, 1, 2, 3, num_classes=2)
    params = {"params": jax.tree.map(jnp.float32, fresh(generator, 1, 3))}
    latents = jax.random.normal(jax.random.key(0), (1, 3))
    draw = jax.jit(partial(generator.apply, params, latents))
    first, second = draw(jnp.array([0])), draw(jnp.array([1]))
    assert not jnp.allclose(first, second, atol=1e-3)
    assert jnp.array_equal(draw(jnp.array([[0.0, 1.0]])), second)
    assert jnp.allclose(draw(), draw(jnp.array([[0.5, 0.5]])), atol=1e-6)
    critic = sngan.Critic(8, 1, 2, num_classes=2)
    params = {"params": jax.tree.map(jnp.float32, fresh(critic, 1, 8, 8, 1))}
    score = jax.jit(partial(critic.apply, params, first))
    both = score(jnp.array([0])) + score(jnp.array([1]))
    assert jnp.allclose(score(jnp.array([[1.0, 1.0]])), both - score(), rtol=1e-4)


def test_no_gradient_moves_what_is_stored():
    critic = sngan.Critic(8, 1, 2, num_classes=2)
    params = {"params": fresh(critic, 1, 8, 8, 1)}
    images, labels = jnp.ones((1, 8, 8, 1)), jnp.array([0])
    slope = jax.jit(jax.grad(lambda params: critic.apply(params, images, labels).sum()))
    slopes = slope(jax.tree.map(jnp.float32, params))
    stored = [leaf for path, leaf in jax.tree.leaves_with_path(slopes) if "'u'" in str(path)]
    assert len(stored) == 8
    assert not any(leaf.any() for leaf in stored)
