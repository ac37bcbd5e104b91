"""DCGANs out of PyTorch's, Theano's and Keras' files give what their definition gives, in numpy."""

import jax
import numpy as np
import pytest
import small_dcgans as small
from small_dcgans import LEAKY, conv, dense, norm, op, transposed
from weight_files import legacy_layout, zip_layout

from minegan_jax import sources
from minegan_jax.errors import InputError
from minegan_jax.nets.prior import prior_noise
from weights_conversion import command, dcgan_keras, dcgan_layers, dcgan_pytorch, dcgan_theano

LATENTS = np.random.default_rng(1).uniform(-0.9, 0.9, (3, 5))
EXACT = {"rtol": 0, "atol": 1e-12}


@pytest.fixture
def load(tmp_path):
    """Writes what was converted as a source and loads it in double precision."""

    def loaded(converted):
        command.write(converted, tmp_path / "source")
        return sources.load_source(tmp_path / "source", dtype="float64")

    with jax.enable_x64(True):
        yield loaded


def images_of(source, latents, labels=None):
    noise = prior_noise(jax.numpy.asarray(latents, "float64"), source.networks.prior)
    return np.asarray(source.generate(noise, labels)).transpose(0, 3, 1, 2)


def scores_of(source, images):
    return np.asarray(source.score(images.transpose(0, 2, 3, 1)))


LINEAR = {"activation": "linear,leaky_relu"}
GENERATORS = {
    "the tutorial's": (small.tutorial(), {}),
    "without a level": (small.tutorial((4, 3)), {"prior": "uniform"}),
    "a dense start": (
        [
            *(dense(5, 32), op("view", size=4), transposed(2, 3), norm(3), op("relu")),
            *(transposed(3, 1, bias=True), op("tanh")),
        ],
        {"activation": "linear,relu"},
    ),
    "a dense start, normalised by unit": (
        [dense(5, 32), norm(32), op("relu"), op("view", size=4), transposed(2, 1), op("tanh")],
        {},
    ),
    "a dense start, normalised by channel": (
        [dense(5, 32), op("view", size=4), norm(2), op("relu"), transposed(2, 1), op("tanh")],
        {},
    ),
    "a convolution between": (
        [
            *(transposed(5, 4, stride=1, padding=0), norm(4)),
            *(conv(4, 3, 3, stride=1), norm(3), LEAKY),
            *(transposed(3, 3), op("tanh")),
        ],
        LINEAR,
    ),
    "5x5 kernels": (
        [
            *(transposed(5, 4, stride=1, padding=0), norm(4), op("relu")),
            *(transposed(4, 3, 5, padding=2, more=1), op("tanh")),
        ],
        {},
    ),
    "other strides": (
        [
            *(transposed(5, 4, 3, stride=1, padding=0), norm(4), op("relu")),
            *(transposed(4, 3, 6, stride=3, padding=2, more=1), op("sigmoid")),
        ],
        {"strides": "1,3", "paddings": "0,2", "output": "sigmoid"},
    ),
    "another epsilon and slope": (
        [
            *(transposed(5, 4, stride=1, padding=0), norm(4, 0.1), op("leaky_relu", slope=0.3)),
            *(transposed(4, 3), op("tanh")),
        ],
        {"epsilon": 0.1, "slope": 0.3, "activation": "leaky_relu"},
    ),
    "dense layers alone": (
        [dense(5, 6), LEAKY, dense(6, 64), op("tanh"), op("view", size=8)],
        {"activation": "leaky_relu"},
    ),
}


@pytest.mark.parametrize("layout", [zip_layout, legacy_layout])
@pytest.mark.parametrize(("layers", "flags"), GENERATORS.values(), ids=GENERATORS)
def test_a_generator_of_pytorch(layers, flags, layout, load, tmp_path):
    (tmp_path / "G.pth").write_bytes(layout({"netG_state_dict": small.state_dict(layers)}))
    source = load(dcgan_pytorch.convert(str(tmp_path / "G.pth"), **flags))
    expected = small.run(layers, LATENTS)
    expected = 2 * expected - 1 if flags.get("output") == "sigmoid" else expected
    np.testing.assert_allclose(images_of(source, LATENTS), expected, **EXACT)
    prior = {"uniform": "U(-1, 1)"}.get(flags.get("prior"), "N(0, I)")
    assert source.description["prior"] == prior


CRITICS = {
    "the tutorial's": (small.tutorial_critic(), {}, 32),
    "a dense end": (
        [conv(3, 2, bias=True), LEAKY, conv(2, 3), norm(3), LEAKY, dense(3 * 4, 1)],
        {},
        8,
    ),
    "2x2 kernels": ([conv(3, 2, 2, padding=0), LEAKY, dense(2 * 16, 1)], {}, 8),
    "5x5 kernels": ([conv(3, 2, 5, padding=2), LEAKY, dense(2 * 16, 1)], {}, 8),
    "two dense layers": (
        [conv(1, 2), op("relu"), dense(2 * 16, 3), op("relu"), dense(3, 1)],
        {"critic_activation": "relu"},
        8,
    ),
    "other strides": (
        [conv(3, 2, 3, stride=1, padding=0), LEAKY, conv(2, 1, 6, stride=1, padding=0)],
        {"critic_strides": "1,1", "critic_paddings": "0,0"},
        8,
    ),
}


@pytest.mark.parametrize(("layers", "flags", "size"), CRITICS.values(), ids=CRITICS)
def test_a_critic_of_pytorch(layers, flags, size, load, tmp_path):
    small.write_pytorch(tmp_path / "D.pth", layers)
    source = load(dcgan_pytorch.convert(critic=str(tmp_path / "D.pth"), **flags))
    images = np.random.default_rng(0).uniform(-1, 1, (2, layers[0]["weight"].shape[1], size, size))
    expected = small.run(layers, images).reshape(2)
    np.testing.assert_allclose(scores_of(source, images), expected, **EXACT)


def test_a_pair_of_pytorch_with_classes(load, tmp_path):
    generator, critic = small.tutorial((4, 4, 3)), small.tutorial_critic()
    small.write_pytorch(tmp_path / "G.pth", generator)
    small.write_pytorch(tmp_path / "D.pth", critic)
    (tmp_path / "names").write_text("amber\nblue\n")
    files = {
        name: str(tmp_path / file) for name, file in (("generator", "G.pth"), ("critic", "D.pth"))
    }
    converted = dcgan_pytorch.convert(
        **files, num_classes=2, class_names=str(tmp_path / "names"), licence="MIT"
    )
    source = load(converted)
    assert (source.networks.latent_size, source.networks.num_classes) == (3, 2)
    assert source.description["class_names"] == ["amber", "blue"]
    assert source.description["licence"] == "MIT"
    labels = np.array([1, 0, 1])
    given = np.concatenate([LATENTS[:, :3], np.eye(2)[labels]], axis=1)
    images = images_of(source, LATENTS[:, :3], labels)
    np.testing.assert_allclose(images, small.run(generator, given), **EXACT)
    expected = small.run(critic, images).reshape(3)
    np.testing.assert_allclose(scores_of(source, images), expected, **EXACT)


def test_a_pair_of_theano_accumulates_statistics(load, tmp_path, monkeypatch):
    """Their images and scores are those of the statistics of the only batch."""
    monkeypatch.setattr(dcgan_layers, "NUM_BATCHES", 1)
    generator, critic = small.radford(), small.radfords_critic()
    small.write_theano(tmp_path / "gen.jl", generator)
    small.write_theano(tmp_path / "discrim.jl", critic)
    source = load(dcgan_theano.convert(str(tmp_path / "gen.jl"), str(tmp_path / "discrim.jl")))
    latents = np.random.default_rng(0).normal(size=(dcgan_layers.BATCH, 4)).astype("f4")
    images = images_of(source, latents)
    expected = small.run(generator, latents, of_batch=True)
    np.testing.assert_allclose(images, expected, atol=2e-5)
    expected = small.run(critic, expected, of_batch=True)[:, 0]
    np.testing.assert_allclose(scores_of(source, images), expected, atol=1e-4)
    assert len(source.description["origin"]) == 7 + 5


def test_pytorch_without_statistics_accumulates_them_too(load, tmp_path, monkeypatch):
    monkeypatch.setattr(dcgan_layers, "NUM_BATCHES", 2)
    layers = small.tutorial()
    named = {n: a for n, a in small.state_dict(layers).items() if "running" not in n}
    (tmp_path / "G.pth").write_bytes(zip_layout(named))
    source = load(dcgan_pytorch.convert(str(tmp_path / "G.pth")))
    found = source.generator["norm0"]["statistics"]
    rng = np.random.default_rng(0)
    maps = [
        small.run(layers[:1], rng.normal(size=(dcgan_layers.BATCH, 5)).astype("f4"))
        for _ in range(2)
    ]
    means = np.mean([one.mean(axis=(0, 2, 3)) for one in maps], axis=0)
    variances = np.mean([one.var(axis=(0, 2, 3)) for one in maps], axis=0)
    np.testing.assert_allclose(found["mean"], means, atol=1e-5)
    np.testing.assert_allclose(found["variance"], variances, rtol=1e-5)


def test_a_pair_of_keras(load, tmp_path):
    generator, critic = small.keras_generator(), small.keras_critic()
    images = small.run(generator, LATENTS)
    small.write_keras(tmp_path / "G.h5", generator, LATENTS)
    small.write_keras(tmp_path / "D.h5", critic, images)
    source = load(dcgan_keras.convert(str(tmp_path / "G.h5"), str(tmp_path / "D.h5")))
    found = images_of(source, LATENTS)
    np.testing.assert_allclose(found, 2 * images - 1, **EXACT)
    logits = small.run(critic[:-1], images)[:, 0]
    np.testing.assert_allclose(scores_of(source, found), logits, **EXACT)


WRONG = {  # PyTorch's, and flags
    "G.pth: main.0.weight_orig: expected dense layers": (
        {"main.0.weight_orig": small.normal(2, 2)},
        {},
    ),
    "G.pth: expected the layers of a DCGAN": ({"n.num_batches_tracked": np.array(1)}, {}),
    "G.pth: main.0: expected a square kernel": ({"main.0.weight": small.normal(2, 2, 3, 4)}, {}),
    "does not take 3 maps": (
        {"0.weight": small.normal(5, 3, 4, 4), "1.weight": small.normal(4, 2, 4, 4)},
        {},
    ),
    "expected units that make square maps, found 7": ({"fc.weight": small.normal(7, 5)}, {}),
    "expected 4 numbers, one for each convolution": (None, {"strides": "1,2"}),
    "--paddings=a,b,c,d: expected 4 numbers": (None, {"paddings": "a,b,c,d"}),
    "activation rely": (None, {"activation": "rely"}),
    "one for each of 3": (None, {"activation": "relu,relu"}),
    "--prior=gaussian: expected normal or uniform": (None, {"prior": "gaussian"}),
    "--num_classes=5: expected fewer than the 5 numbers": (None, {"num_classes": 5}),
    "--key=netD: expected one of main": (None, {"key": "netD"}),
}


@pytest.mark.parametrize(("said", "wrong"), WRONG.items(), ids=WRONG)
def test_what_does_not_fit_is_named(said, wrong, tmp_path):
    arrays, flags = wrong
    arrays = small.state_dict(small.tutorial()) if arrays is None else arrays
    (tmp_path / "G.pth").write_bytes(zip_layout({"main": arrays}))
    with pytest.raises(InputError, match=said.replace("[", r"\[")):
        dcgan_pytorch.convert(str(tmp_path / "G.pth"), **flags)


def test_networks_that_do_not_belong_together_are_refused(tmp_path):
    small.write_pytorch(tmp_path / "G.pth", small.tutorial((4, 3)))
    small.write_pytorch(tmp_path / "D.pth", small.tutorial_critic())
    with pytest.raises(InputError, match=r"D\.pth: resolution is 32, but 16 in the generator"):
        dcgan_pytorch.convert(str(tmp_path / "G.pth"), str(tmp_path / "D.pth"))


def test_a_critic_without_statistics_needs_a_generator(tmp_path):
    small.write_theano(tmp_path / "discrim.jl", small.radfords_critic())
    with pytest.raises(InputError, match=r"discrim\.jl: expected --generator beside it"):
        dcgan_theano.convert(critic=str(tmp_path / "discrim.jl"))


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ([], "expected arrays beside it, such as gen.jl_01.npy, found none"),
        ([small.normal(4, 48)], "expected kernels, and a gain and a bias"),
        ([small.normal(4, 48), small.normal(48), small.normal(3, 3, 5, 5)], "expected kernels"),
        ([small.normal(3, 3, 5, 5), small.normal(4, 48)], "expected an array of"),
        ([np.array([None])], "damaged"),
    ],
)
def test_what_is_no_dump_is_named(arrays, said, tmp_path):
    for number, array in enumerate(arrays, 1):
        np.save(tmp_path / f"gen.jl_{number:02d}.npy", array)
    with pytest.raises(InputError, match=said):
        dcgan_theano.convert(str(tmp_path / "gen.jl"))


def changed(number, kind="", **fields):
    """Changes a layer of a Keras model, from 1 on."""

    def change(layers):
        layer = layers[number]
        layers[number] = {
            "class_name": kind or layer["class_name"],
            "config": {k: v for k, v in {**layer["config"], **fields}.items() if v != "gone"},
        }
        return layers

    return change


MISFITS = {
    "expected layers of Dense, .* found Lambda": changed(4, "Lambda"),
    "a Conv2DTranspose: expected maps with channels last": changed(3, data_format="channels_first"),
    "without groups and dilation": changed(3, groups=2),
    "kernels and strides as wide as high": changed(3, strides=[1, 2]),
    "padding same or valid": changed(3, padding="causal"),
    "without output padding": changed(3, output_padding=[1, 1]),
    "an activation of linear": changed(3, activation="swish"),
    "one activation behind a layer": changed(3, activation="tanh"),
    "a BatchNormalization: damaged: KeyError": changed(5, epsilon="gone"),
    "square maps with channels last": changed(2, target_shape=[48]),
    "a dense layer or a convolution first": lambda layers: [layers[4], *layers],
    "missing: layer_0/kernel": lambda layers: [layers[0], *changed(1, name="layer_0")(layers)[1:]],
    "expected the layers of a DCGAN, found none": lambda layers: layers[:1],
}


@pytest.mark.parametrize(("said", "change"), MISFITS.items(), ids=MISFITS)
def test_a_keras_model_that_is_no_dcgan_is_named(said, change, tmp_path):
    small.write_keras(tmp_path / "G.h5", small.keras_generator(), LATENTS, change=change)
    if said.startswith("missing"):
        import h5py

        with h5py.File(tmp_path / "G.h5", "a") as file:
            file["model_weights/layer_0"].attrs["weight_names"] = []
    with pytest.raises(InputError, match=f"G.h5: .*{said}"):
        dcgan_keras.convert(str(tmp_path / "G.h5"))


def test_a_keras_generator_is_no_critic(tmp_path):
    small.write_keras(tmp_path / "G.h5", small.keras_generator(), LATENTS)
    with pytest.raises(InputError, match=r"G\.h5: expected a critic of square images"):
        dcgan_keras.convert(critic=str(tmp_path / "G.h5"))
