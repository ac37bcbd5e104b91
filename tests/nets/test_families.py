"""The contract of every family of networks, tested by being listed."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minegan_jax import trees
from minegan_jax.errors import InputError
from minegan_jax.nets import dcgan, family

# For each family some arguments, the smallest first.
ARGUMENTS = {
    "biggan": [
        {
            **{"resolution": size, "channels": channels, "width": 1, "critic_width": 2},
            **{"latent_size": 420, "num_classes": 3, "embedding_size": 2},
            **{"attention": [0], "critic_attention": [0]},
        }
        for size, channels in ((8, 1), (16, 3), (32, 3), (64, 3), (128, 3), (256, 3))
    ],
    "biggan_deep": [
        {
            **{"resolution": 4 * 2 ** len(blocks), "channels": 1, "width": 4, "latent_size": 6},
            **{"num_classes": 3, "embedding_size": 2, "blocks": blocks, "attention": 0},
        }
        for blocks in ([[1, 4, 2]], [[1, 4, 2], [1, 2, 1]])
    ],
    "dcgan": [
        {"resolution": size, "channels": channels, "width": 4, "latent_size": 6}
        for size, channels in ((8, 1), (28, 1), (28, 3), (32, 3))
    ],
    "dcgan_stack": [
        {
            **{"resolution": size, "channels": channels, "width": 2, "latent_size": 6},
            **{"num_classes": num_classes},
        }
        for size, channels, num_classes in ((8, 1, 3), (64, 3, 0), (28, 1, 0), (9, 3, 0))
    ],
    "mobilestylegan": [
        {"resolution": size, "channels": channels, "width": 4, "latent_size": 6}
        for size, channels in ((8, 1), (32, 3))
    ],
    "progan": [
        {
            **{"resolution": size, "channels": channels, "width": 3, "latent_size": 6},
            **{"variant": variant, "minibatch_stddev_group": 1},
        }
        for size, channels, variant in ((8, 1, "karras2018"), (32, 3, "gan_zoo"), (4, 3, "gan_zoo"))
    ],
    "sngan": [
        {
            **{"resolution": size, "channels": channels, "width": 2, "latent_size": 6},
            **{"num_classes": num_classes},
        }
        for size, channels, num_classes in ((8, 1, 3), (32, 3, 0), (128, 3, 10))
    ],
    "stylegan2": [
        {
            **{"resolution": size, "channels": channels, "width": 3, "latent_size": 6},
            **{"num_classes": num_classes, "mapping_layers": 2, "minibatch_stddev_group": 1},
            **{"architecture": generator, "critic_architecture": critic, "clamp": 256.0},
        }
        for size, channels, num_classes, generator, critic in (
            *((8, 1, 3, "skip", "resnet"), (16, 3, 0, "resnet", "skip")),
            *((256, 3, 0, "skip", "resnet"), (8, 1, 0, "orig", "orig")),
        )
    ],
}
UNBOUNDED = ("progan", "mobilestylegan", "stylegan2")  # whose images nothing keeps in range
CASES = [(name, arguments) for name, rows in ARGUMENTS.items() for arguments in rows]
WITH_CRITIC = [name for name in ARGUMENTS if family.FAMILIES[name].critic]


def test_every_family_is_listed():
    assert ARGUMENTS.keys() == family.FAMILIES.keys()


def smallest(name):
    """The networks of a family's first row, with fresh weights of (generator, critic)."""
    networks = family.build(name, ARGUMENTS[name][0])
    return networks, *networks.init(jax.random.key(0))


def shape_of_images(networks, batch):
    return (batch, networks.resolution, networks.resolution, networks.channels)


CONSTANTS = {"u", "v", "mean", "variance", "means", "variances", "noise", "mean_w"}


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_shapes(name, arguments):
    networks = family.build(name, arguments)
    generator, critic = jax.eval_shape(networks.init, jax.random.key(0))
    latents = jax.ShapeDtypeStruct((5, networks.latent_size), "float32")
    images = jax.eval_shape(networks.generate, generator, latents)
    size, channels = arguments["resolution"], arguments["channels"]
    assert images.shape == (5, size, size, channels)
    if name in WITH_CRITIC:
        assert jax.eval_shape(networks.criticise, critic, images).shape == (5,)
    found = (networks.resolution, networks.channels, networks.latent_size)
    assert found == (size, channels, arguments["latent_size"])
    assert {leaf.dtype for leaf in jax.tree.leaves((generator, critic, images))} == {
        jnp.dtype("float32")
    }


@pytest.mark.parametrize("name", ARGUMENTS)
def test_images_are_in_range(name):
    networks, generator, _ = smallest(name)
    latents = 100.0 * jax.random.normal(jax.random.key(1), (4, networks.latent_size))
    images = jax.jit(networks.generate)(generator, latents)
    assert name in UNBOUNDED or jnp.abs(images).max() <= 1.0
    assert images.std() > 0.0


@pytest.mark.parametrize("name", WITH_CRITIC)
def test_scores_are_of_single_images(name):
    networks, _, critic = smallest(name)
    images = jax.random.uniform(jax.random.key(1), shape_of_images(networks, 4), minval=-1.0)
    score = jax.jit(partial(networks.criticise, critic))
    assert jnp.allclose(score(images)[::-1], score(images[::-1]), atol=1e-5)
    assert jnp.allclose(score(images)[:2], score(images.at[2:].set(0.0))[:2], atol=1e-5)


@pytest.mark.parametrize("name", [n for n in ARGUMENTS if "num_classes" in ARGUMENTS[n][0]])
def test_labels_change_what_a_conditional_network_says(name):
    networks, generator, critic = smallest(name)
    rng = np.random.default_rng(0)

    def stir(path, leaf):  # fresh classes may be alike
        constant = path[-1].key in CONSTANTS
        return leaf if constant else leaf + 0.1 * rng.normal(size=leaf.shape)

    generator = jax.tree_util.tree_map_with_path(stir, generator)
    latents = jax.random.normal(jax.random.key(1), (1, networks.latent_size)).repeat(3, 0)
    images = jax.jit(networks.generate)(generator, latents, jnp.arange(3))
    assert all(jnp.abs(images[i] - images[i - 1]).max() > 1e-4 for i in range(3))
    if name in WITH_CRITIC:
        scores = jax.jit(networks.criticise)(critic, images[:1].repeat(3, 0), jnp.arange(3))
        assert len({float(score) for score in scores}) == 3


@pytest.mark.parametrize(
    "name", ["biggan", "biggan_deep", "dcgan_stack", "mobilestylegan", "stylegan2"]
)
def test_statistics_among_the_weights_never_move(name):
    networks, generator, _ = smallest(name)
    latents = jax.random.normal(jax.random.key(1), (2, networks.latent_size))
    slopes = jax.jit(jax.grad(lambda weights: networks.generate(weights, latents).var()))(generator)
    for path, slope in trees.named_leaves(slopes).items():
        assert (path.rpartition("/")[2] in CONSTANTS) <= (not slope.any()), path
    assert any(slope.any() for slope in jax.tree.leaves(slopes))


def converged(critic):
    """Weights whose spectral norms are exact, so that no constant in them moves with them."""
    if not isinstance(critic, dict):
        return critic
    critic = {name: converged(value) for name, value in critic.items()}
    for name in {"kernel", "vectors"} & critic.keys():
        if "u" in critic:
            matrix = np.asarray(critic[name], "float64").reshape(-1, critic[name].shape[-1])
            left, _, right = np.linalg.svd(matrix, full_matrices=False)
            critic["u"] = left[:, 0] if name == "vectors" else right[0]
    return critic


@pytest.mark.parametrize("name", WITH_CRITIC)
def test_the_gradient_penalty_has_the_right_derivatives(name):
    """Against finite differences along random directions of the images and of the weights."""
    with jax.enable_x64(True):
        networks, _, critic = smallest(name)
        rng = np.random.default_rng(0)
        critic = jax.tree.map(lambda leaf: leaf + 0.1 * rng.normal(size=leaf.shape), critic)
        critic = jax.tree.map(jnp.asarray, converged(critic))
        images = jnp.asarray(rng.uniform(-1, 1, shape_of_images(networks, 2)))

        @jax.jit
        def penalty(critic, images):
            slopes = jax.grad(lambda x: networks.criticise(critic, x).sum())(images)
            return ((jnp.sqrt((slopes**2).sum(axis=(1, 2, 3))) - 1.0) ** 2).mean()

        def direction(path, leaf):
            is_constant = jax.tree_util.keystr(path[-1:], simple=True) == "u"
            return jnp.asarray((not is_constant) * rng.normal(size=leaf.shape))

        inputs = (critic, images)
        moves = jax.tree_util.tree_map_with_path(direction, inputs)
        ahead, behind = (
            penalty(*jax.tree.map(lambda x, move, step=step: x + step * move, inputs, moves))
            for step in (1e-6, -1e-6)
        )
        slopes = jax.tree.map(jnp.vdot, jax.grad(penalty, argnums=(0, 1))(*inputs), moves)
        expected = sum(jax.tree.leaves(slopes))
        assert abs(expected) > 1e-3
        np.testing.assert_allclose((ahead - behind) / 2e-6, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_weights_come_from_the_key(name):
    networks = family.build(name, ARGUMENTS[name][0])
    first, again, other = (networks.init(jax.random.key(seed)) for seed in (0, 0, 1))
    assert all(jax.tree.leaves(jax.tree.map(jnp.array_equal, first, again)))
    assert not all(jax.tree.leaves(jax.tree.map(jnp.array_equal, first, other)))


def test_an_unknown_family_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match="unknown family 'dcgam': expected one of biggan"):
        family.build("dcgam", {})


@pytest.mark.parametrize(
    "arguments", [{"depth": 3}, {"latent_size": 4}, {}, {"resolution": 8, "channels": 1}]
)
def test_wrong_arguments_are_the_users_mistake(arguments):
    with pytest.raises(InputError, match="dcgan"):
        family.build("dcgan", arguments)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("biggan", {"resolution": 28}, "resolution 28: expected one of"),
        ("biggan", {"latent_size": 7}, "latent_size 7: expected a multiple of 2"),
        ("biggan_deep", {"resolution": 16}, "the blocks make 8 pixels"),
        ("biggan_deep", {"num_statistics": 1}, "2 rows or more"),
        ("biggan_deep", {"critic_width": 1}, r"unknown: \['width'\]"),
        ("dcgan_stack", {"prior": "gaussian"}, "expected normal or uniform"),
        ("mobilestylegan", {"resolution": 28}, "expected a resolution of 8, 16, 32"),
        ("mobilestylegan", {"width": 6}, "need 1 widths that 4 divides, found"),
        ("mobilestylegan", {"width": [4, 4]}, "need 1 widths that 4 divides, found"),
    ],
)
def test_arguments_that_no_network_has(name, change, said):
    with pytest.raises(InputError, match=said):
        jax.eval_shape(family.build(name, {**ARGUMENTS[name][0], **change}).init, jax.random.key(0))


@pytest.mark.parametrize(
    ("resolution", "sizes"),
    [(8, (4, 8)), (28, (4, 7, 14, 28)), (32, (4, 8, 16, 32)), (9, (3, 5, 9))],
)
def test_feature_sizes_halve_rounding_up(resolution, sizes):
    assert dcgan.feature_sizes(resolution) == sizes


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments_in_full_are_the_same_networks(name):
    given = ARGUMENTS[name][0]
    full = family.in_full(name, given)
    assert family.in_full(name, full) == full
    assert {argument: full[argument] for argument in given} == given
    shapes = (
        jax.eval_shape(family.build(name, arguments).init, jax.random.key(0))
        for arguments in (given, full)
    )
    assert trees.named_shapes(next(shapes)) == trees.named_shapes(next(shapes))
