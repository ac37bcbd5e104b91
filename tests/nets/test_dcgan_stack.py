"""DCGANs of listed layers: sizes, priors, ranges, statistics; converters' tests have the rest."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minegan_jax import trees
from minegan_jax.errors import InputError
from minegan_jax.nets import dcgan_stack, family
from minegan_jax.nets.dcgan_stack import Layer
from minegan_jax.nets.prior import prior_noise, prior_sample
from minegan_jax.nets.statistics import accumulated

TINY = {"resolution": 8, "channels": 1, "width": 2, "latent_size": 5}


def test_a_uniform_prior_is_the_distribution_of_gaussian_noise():
    noise = np.array([-6.0, -1.5, 0.0, 0.3, 4.0])
    with jax.enable_x64(True):
        found = np.asarray(prior_sample(jnp.asarray(noise), "uniform"))
        back = np.asarray(prior_noise(jnp.asarray(found), "uniform"))
    expected = [math.erf(u / math.sqrt(2.0)) for u in noise]
    np.testing.assert_allclose(found, expected, atol=1e-15)
    np.testing.assert_allclose(back[1:], noise[1:], atol=1e-10)
    np.testing.assert_array_equal(prior_noise(jnp.asarray([0.5, 2.0]), "normal"), [0.5, 2.0])


def test_a_uniform_prior_fills_its_interval_evenly():
    drawn = prior_sample(jax.random.normal(jax.random.key(0), (20_000,)), "uniform")
    counts, _ = np.histogram(drawn, bins=10, range=(-1, 1))
    assert counts.sum() == 20_000
    assert abs(counts - 2_000).max() < 200


@pytest.mark.parametrize("convert", [prior_sample, prior_noise])
def test_an_unknown_prior_is_named(convert):
    with pytest.raises(InputError, match="prior 'cauchy': expected normal or uniform"):
        convert(jnp.zeros(2), "cauchy")


def test_a_generator_maps_noise_to_its_prior():
    uniform, normal = (
        family.build("dcgan_stack", {**TINY, "prior": prior}) for prior in ("uniform", "normal")
    )
    assert (uniform.prior, normal.prior) == ("uniform", "normal")
    assert family.build("dcgan", TINY).prior == "normal"
    params = uniform.init(jax.random.key(0))[0]
    noise = jax.random.normal(jax.random.key(1), (3, 5))
    found = uniform.generate(params, noise)
    expected = normal.generate(params, prior_sample(noise, "uniform"))
    np.testing.assert_array_equal(found, expected)
    assert jnp.abs(found - normal.generate(params, noise)).max() > 1e-3


def test_the_tutorials_networks_have_as_many_weights_as_published():
    """Its text counts none; these are the sums of its kernels, gains and biases, by hand."""
    networks = family.build("dcgan_stack", {"resolution": 64, "channels": 3, "latent_size": 100})
    shapes = jax.eval_shape(networks.init, jax.random.key(0))
    counts = [
        sum(
            math.prod(shape)
            for path, shape in trees.named_shapes(tree).items()
            if "statistics" not in path
        )
        for tree in shapes
    ]
    kernels = [100 * 512, 512 * 256, 256 * 128, 128 * 64, 64 * 3]
    generator = 16 * sum(kernels) + 2 * (512 + 256 + 128 + 64)
    kernels = [3 * 64, 64 * 128, 128 * 256, 256 * 512, 512]
    critic = 16 * sum(kernels) + 2 * (128 + 256 + 512)
    assert counts == [generator, critic]


@pytest.mark.parametrize(
    ("resolution", "sizes"), [(64, (4, 8, 16, 32, 64)), (28, (7, 14, 28)), (9, (4, 9)), (5, (5,))]
)
def test_sizes_of_maps(resolution, sizes):
    assert dcgan_stack.map_sizes(resolution) == sizes
    size, made = 1, []
    for layer in dcgan_stack.tutorial_generator(resolution, 1, 2):
        size = dcgan_stack.result_size(layer, size)
        made.append(size)
    assert tuple(made) == sizes
    for layer in dcgan_stack.tutorial_critic(resolution, 2):
        size = dcgan_stack.result_size(layer, size)
    assert size == 1


def test_images_of_another_range_come_out_and_go_in():
    """The same networks around [0, 1] and [-1, 1]: a logistic is a tanh of half its input."""
    arguments = {"image_range": [0.0, 1.0], **TINY}
    networks, plain = (family.build("dcgan_stack", a) for a in (arguments, TINY))
    generator, critic = plain.init(jax.random.key(0))
    latents = jax.random.normal(jax.random.key(1), (2, 5))
    images = plain.generate(generator, latents)
    np.testing.assert_allclose(networks.generate(generator, latents), 2 * images - 1, atol=1e-6)
    np.testing.assert_allclose(
        networks.criticise(critic, 2 * images - 1), plain.criticise(critic, images), atol=1e-5
    )


def test_layers_come_back_from_their_description():
    layers = (
        Layer("dense", 3, size=4, bias=True, norm="units", activation="leaky_relu", slope=0.3),
        Layer("conv", 2, 3, 1, (1, 1), norm="channels", epsilon=0.1, norm_first=False),
        Layer("conv_transpose", 1, 4, 2, (1, 0), activation="sigmoid"),
    )
    described = dcgan_stack.described(layers)
    found = dcgan_stack.as_layers(described)
    assert [layer._replace(padding=tuple(layer.padding)) for layer in found] == [*layers]
    assert {"epsilon", "slope", "size", "bias"} <= described[0].keys()
    assert {"window", "stride", "padding"} <= described[1].keys()
    assert "slope" not in described[2]


CONV = {"kind": "conv", "features": 2}
WRONG = {
    "expected fields out of kind, features": {**CONV, "depth": 3},
    "layer 0: expected fields": {"kind": "conv"},
    "kind 'pool': expected dense, conv": {**CONV, "kind": "pool"},
    "activation 'swish': expected linear": {**CONV, "activation": "swish"},
    "norm 'layer': expected none": {**CONV, "norm": "layer"},
    "norm 'units': expected a dense layer": {**CONV, "norm": "units"},
    "expected features, window, stride, size of 1 or more": {**CONV, "stride": 0},
    "padding .* expected two numbers": {**CONV, "padding": [1]},
    "padding .* 0 or more": {**CONV, "padding": [1, -1]},
}


@pytest.mark.parametrize(("said", "layer"), WRONG.items(), ids=WRONG)
def test_a_layer_that_is_none_is_named(said, layer):
    with pytest.raises(InputError, match=said):
        dcgan_stack.as_layers([layer])


def test_layers_that_do_not_make_the_image_are_named():
    layers = dcgan_stack.described(dcgan_stack.tutorial_generator(16, 1, 2))
    networks = family.build("dcgan_stack", {**TINY, "generator_layers": layers})
    with pytest.raises(InputError, match=r"images of \(16, 16, 1\), expected \(8, 8, 1\)"):
        jax.eval_shape(networks.init, jax.random.key(0))
    layers = dcgan_stack.described(dcgan_stack.tutorial_critic(16, 2)[:1])
    networks = family.build("dcgan_stack", {**TINY, "critic_layers": layers})
    with pytest.raises(InputError, match="expected one number"):
        jax.eval_shape(networks.init, jax.random.key(0))


def test_fresh_statistics_standardise_the_maps_of_both_networks():
    networks = family.build("dcgan_stack", {**TINY, "resolution": 16, "width": 4})
    generator, critic = networks.init(jax.random.key(0))
    for params in (generator, critic):
        variances = params["norm1"]["statistics"]["variance"]
        assert (variances > 1e-8).all()
        assert not np.allclose(variances, 1.0)


def test_accumulated_statistics_are_means_of_batches():
    module = dcgan_stack.Generator(**TINY)
    batches = [jax.random.normal(jax.random.key(i), (7, 5)) for i in range(3)]
    params = module.init(jax.random.key(9), batches[0])["params"]
    found = accumulated(module, params, [(batch,) for batch in batches])
    kernel = params["layer0"]["kernel"]
    maps = [jnp.einsum("bi,rcio->brco", batch, kernel) for batch in batches]
    statistics = found["norm0"]["statistics"]
    for name, measure in (("mean", np.mean), ("variance", np.var)):
        expected = np.mean([measure(one, axis=(0, 1, 2)) for one in maps], axis=0)
        np.testing.assert_allclose(statistics[name], expected, rtol=1e-4, atol=1e-8)
    assert trees.named_shapes(found) == trees.named_shapes(params)
    np.testing.assert_array_equal(found["layer1"]["kernel"], params["layer1"]["kernel"])
