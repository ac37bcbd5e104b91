"""ProGAN against its definitions: sizes, scaling, groups, growing, and slopes of its critic."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minegan_jax import trees
from minegan_jax.errors import InputError
from minegan_jax.mining import losses
from minegan_jax.nets import progan

VARIANTS = list(progan.VARIANTS)


def start(module, *shape, seed=0):
    """Returns the module as a jitted function of its input, with fresh weights."""
    params = jax.jit(module.init)(jax.random.key(seed), jnp.zeros(shape))
    return jax.jit(partial(module.apply, params), static_argnames="resolution")


@pytest.mark.parametrize(
    ("resolution", "width", "widths"),
    [
        (4, 6, (6,)),
        (32, 6, (48, 24, 12, 6)),
        (256, 64, (512, 512, 512, 512, 256, 128, 64)),
        (16, [16, 12, 6], (16, 12, 6)),
    ],
)
def test_widths(resolution, width, widths):
    assert progan.feature_widths(resolution, width) == widths


@pytest.mark.parametrize(
    ("resolution", "width", "message"),
    [
        (28, 6, "resolution of 4, 8, 16, 32, 64, 128, 256, 512, 1024 pixels, found 28"),
        (2048, 6, "found 2048"),
        (32, [16, 12], "32 pixels need 4 widths, found 2"),
    ],
)
def test_impossible_sizes(resolution, width, message):
    with pytest.raises(InputError, match=message):
        progan.feature_widths(resolution, width)


def test_an_unknown_variant():
    with pytest.raises(InputError, match="unknown variant 'zoo': expected karras2018 or gan_zoo"):
        jax.eval_shape(progan.Generator(variant="zoo").init, jax.random.key(0), jnp.zeros((1, 64)))


@pytest.mark.parametrize(
    ("resolution", "width", "generator", "critic"),
    [(256, 64, 23_044_309, 23_052_353), (1024, 16, 23_079_115, 23_087_249)],
)
def test_published_sizes(resolution, width, generator, critic):
    """The published networks have this many weights."""
    networks = (
        (progan.Generator(resolution, 3, width, 512), (1, 512), generator),
        (progan.Critic(resolution, 3, width), (4, resolution, resolution, 3), critic),
    )
    for network, shape, expected in networks:
        params = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros(shape))
        assert trees.count_parameters(params) == expected


@pytest.mark.parametrize("gain", [1.0, 2.0])
@pytest.mark.parametrize("window", [1, 3])
def test_a_layer_keeps_the_scale_of_its_input(window, gain):
    images = jax.random.normal(jax.random.key(1), (8, 16, 16, 32))
    conv = start(progan.EqualisedConv(64, window, gain), 1, 16, 16, 32)
    inside = conv(images)[:, 1:-1, 1:-1]  # the edges see zeros
    np.testing.assert_allclose(inside.std(), gain, rtol=0.05)
    dense = start(progan.EqualisedDense(64, 64, gain), 1, 32)
    np.testing.assert_allclose(dense(images[:, :, 0].reshape(-1, 32)).std(), gain, rtol=0.1)


def test_biases_are_scaled_on_request_and_shared_in_turn():
    x = jnp.zeros((1, 4))
    params = {"params": {"kernel": jnp.ones((4, 6)), "bias": jnp.arange(3.0)}}
    plain = progan.EqualisedDense(6, 3, 1.0).apply(params, x)
    assert plain.tolist() == [[0.0, 1.0, 2.0, 0.0, 1.0, 2.0]]
    scaled = progan.EqualisedDense(6, 3, 1.0, scaled_bias=True).apply(params, x)
    assert scaled.tolist() == [[0.0, 0.5, 1.0, 0.0, 0.5, 1.0]]


def slow_minibatch_stddev(maps, groups, ddof):
    statistic = np.zeros(len(maps))
    for group in groups:
        deviations = np.sqrt(maps[group].var(axis=0, ddof=ddof) + 1e-8)
        statistic[group] = deviations.mean()
    return statistic


@pytest.mark.parametrize(
    ("variant", "batch", "group", "groups"),
    [
        ("karras2018", 8, 4, [[0, 2, 4, 6], [1, 3, 5, 7]]),
        ("karras2018", 6, 2, [[0, 3], [1, 4], [2, 5]]),
        ("karras2018", 3, 16, [[0, 1, 2]]),
        ("karras2018", 2, 1, [[0], [1]]),
        ("gan_zoo", 8, 4, [[0, 1, 2, 3], [4, 5, 6, 7]]),
        ("gan_zoo", 6, 4, [[0, 1, 2, 3, 4, 5]]),
        ("gan_zoo", 3, 4, [[0, 1, 2]]),
    ],
)
def test_minibatch_stddev(variant, batch, group, groups):
    maps = np.random.default_rng(0).normal(size=(batch, 2, 3, 4)).astype(np.float32)
    ours = progan.VARIANTS[variant].minibatch_stddev(jnp.asarray(maps), group)
    theirs = slow_minibatch_stddev(maps, groups, ddof=int(variant == "gan_zoo"))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("batch", [1, 3])
def test_the_gan_zoo_sees_no_difference_in_single_images(batch):
    maps = jnp.ones((batch, 2, 3, 4))
    group = 1 if batch > 1 else 4
    assert progan.consecutive_minibatch_stddev(maps, group).tolist() == [0.0] * batch


def test_groups_that_do_not_fit_a_batch_are_the_users_mistake():
    with pytest.raises(InputError, match="groups of 4 images needs a multiple of that, found 6"):
        progan.strided_minibatch_stddev(jnp.ones((6, 2, 2, 1)), 4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_scores_see_their_group_and_nothing_else(variant):
    images = jax.random.normal(jax.random.key(1), (8, 4, 4, 3))
    changed = images.at[-1].multiply(2.0)
    for group, alone in ((1, 7), (0, 7), (4, 4)):
        score = start(progan.Critic(4, 3, 4, None, group, variant), 4, 4, 4, 3)
        assert (score(images) == score(changed)).sum() == alone


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("group", [0, 4])
def test_alone_an_image_is_a_group_of_its_own(variant, group):
    images = jax.random.normal(jax.random.key(1), (6, 4, 4, 3))
    critic = progan.Critic(4, 3, 4, None, group, variant)
    params = critic.init(jax.random.key(0), images[:1])
    scores = critic.apply(params, images, alone=True)
    np.testing.assert_array_equal(critic.clone(minibatch_stddev_group=min(group, 1)).apply(
        params, images), scores)  # fmt: skip
    for i, score in enumerate(scores):
        np.testing.assert_allclose(critic.apply(params, images[i : i + 1]), score, atol=1e-5)


class TestGrowing:
    def test_of_the_generator(self):
        generate = start(progan.Generator(16, 3, 4, 6), 1, 6)
        latents = jax.random.normal(jax.random.key(1), (3, 6))
        small, full = generate(latents, resolution=8), generate(latents)
        assert small.shape == (3, 8, 8, 3)
        blocks = jnp.repeat(jnp.repeat(small, 2, axis=1), 2, axis=2)
        np.testing.assert_allclose(generate(latents, fade=0.0), blocks, atol=1e-6)
        np.testing.assert_allclose(generate(latents, fade=1.0), full, atol=1e-5)
        np.testing.assert_allclose(generate(latents, fade=0.5), (blocks + full) / 2, atol=1e-5)
        start_of_8 = generate(latents, resolution=8, fade=0.0)
        assert jnp.allclose(start_of_8[:, ::2, ::2], generate(latents, resolution=4), atol=1e-6)

    def test_of_the_critic(self):
        score = start(progan.Critic(16, 3, 4), 4, 16, 16, 3)
        images = jax.random.normal(jax.random.key(1), (4, 16, 16, 3))
        small = images.reshape(4, 8, 2, 8, 2, 3).mean(axis=(2, 4))
        np.testing.assert_allclose(score(images, fade=0.0), score(small), atol=1e-5)
        np.testing.assert_allclose(score(images, fade=1.0), score(images), atol=1e-5)
        assert not jnp.allclose(score(images, fade=0.5), score(images), atol=1e-3)


def test_only_the_direction_of_a_latent_matters():
    generate = start(progan.Generator(8, 1, 4, 6), 1, 6)
    latents = jax.random.normal(jax.random.key(1), (3, 6))
    np.testing.assert_allclose(generate(latents), generate(3.0 * latents), atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_penalty_moves_the_critic_as_finite_differences_say(variant):
    """In double precision, along a random direction in the weights."""
    with jax.enable_x64(True):
        critic = progan.Critic(8, 3, 3, variant=variant)
        images = jax.random.normal(jax.random.key(1), (4, 8, 8, 3))
        params, direction = (
            jax.tree.map(jnp.float64, critic.init(jax.random.key(seed), jnp.float32(images)))
            for seed in (0, 2)
        )

        @jax.jit
        def penalty(step):
            moved = jax.tree.map(lambda leaf, way: leaf + step * way, params, direction)
            return losses.gradient_penalty(partial(critic.apply, moved), images)

        slope = jax.jit(jax.grad(penalty))(0.0)
        difference = (penalty(1e-5) - penalty(-1e-5)) / 2e-5
        assert slope.dtype == "float64"
        np.testing.assert_allclose(slope, difference, rtol=1e-7)
