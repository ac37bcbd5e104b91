"""Inception-v3 and the ways of resizing against the tools that FID is measured with."""

import json
import zlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from weight_files import keys_of, legacy_layout

from minegan_jax.errors import InputError
from minegan_jax.features import catalogue, fid
from minegan_jax.features.embed import embed
from weights_conversion import command, inception_fid

EXPECTED = np.load(Path(__file__).parents[1] / "fixtures" / "inception" / "expected.npz")
LINEAR = ("torch_fidelity", "pytorch_fid")
SCALES = {  # of the random weights: the end of a name, mean, standard deviation
    ".bn.weight": (1.0, 0.15),
    ".bn.bias": (-0.1, 0.25),
    ".bn.running_mean": (0.0, 0.2),
    ".bn.running_var": (0.5, 0.6),
    "fc.weight": (0.0, 0.03),
    "fc.bias": (0.0, 0.1),
}


def random_weight(name, shape):
    """The weight that the tools were given: drawn by its name, near the scale of a real one."""
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()) + 1801))
    drawn = rng.standard_normal(shape)
    if name.endswith(".conv.weight"):
        return np.float32(1.34 / np.sqrt(np.prod(shape[1:])) * drawn)
    mean, deviation = next(scale for end, scale in SCALES.items() if name.endswith(end))
    return np.float32(mean + deviation * (np.abs(drawn) if "var" in name else drawn))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The converted network."""
    folder = tmp_path_factory.mktemp("inception")
    shapes = {name: array.shape for name, array in keys_of("pt_inception_2015").items()}
    arrays = {
        name: np.zeros((), "i8") if "tracked" in name else random_weight(name, shape)
        for name, shape in shapes.items()
    }
    (folder / "inception.pth").write_bytes(legacy_layout(arrays))
    converted = inception_fid.convert(str(folder / "inception.pth"))
    said = inception_fid.deliver(converted, folder / "inception.safetensors")
    assert "--config.report.features=torch_fidelity:" in said
    return folder / "inception.safetensors"


@pytest.mark.parametrize("rule", LINEAR)
def test_features_are_those_of_the_tool(rule, file):
    extractor = catalogue.load_extractor(f"{rule}:{file}")._replace(together=2)
    assert rule in extractor.name
    seen = embed(extractor, EXPECTED["images"])
    assert seen.features.shape == (2, 2048)
    np.testing.assert_allclose(seen.features, EXPECTED[rule], atol=2e-5)
    np.testing.assert_allclose(seen.probabilities.sum(axis=1), 1.0, rtol=1e-5)
    assert json.loads(file.with_suffix(".json").read_text())["name"] == "inception_v3_2015"


def test_maps_are_those_on_the_way_to_the_features(file):
    extractor = catalogue.load_extractor(f"torch_fidelity:{file}")
    images = jnp.asarray(EXPECTED["images"][:1], jnp.float32) / 127.5 - 1.0
    seen = jax.jit(extractor.maps)(images)
    assert [len(each.shape) for each in seen] == [4] * 16  # five convolutions, eleven blocks
    assert seen[0].shape == (1, 149, 149, 32)
    np.testing.assert_allclose(
        seen[-1].mean(axis=(1, 2)), EXPECTED["torch_fidelity"][:1], atol=1e-3
    )


def test_logits_are_those_of_the_probabilities_and_see_less_than_a_pixel(file):
    """Rounding would leave no gradient in the images."""
    extractor = catalogue.load_extractor(f"torch_fidelity:{file}")
    images = jnp.asarray(EXPECTED["images"][:1], jnp.float32) / 127.5 - 1.0
    look = jax.jit(extractor.logits)
    logits = np.asarray(look(images), np.float64)
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(extractor.embed(images)[1], expected, rtol=1e-4)
    assert (np.abs(look(images + 0.3 / 127.5) - logits) > 1e-5).any()


def slow_pixel(pixels, row, column):
    """The value between pixels, at a place in rows and columns."""
    total = 0.0
    for i in (int(row), int(row) + 1):
        for j in (int(column), int(column) + 1):
            weight = (1 - abs(row - i)) * (1 - abs(column - j))
            total += weight * pixels[min(i, len(pixels) - 1), min(j, len(pixels[0]) - 1)]
    return total


@pytest.mark.parametrize("size", [(5, 7), (299, 299), (320, 600)])
@pytest.mark.parametrize("rule", LINEAR)
def test_resizing_is_linear_between_the_rules_places(rule, size):
    pixels = np.random.default_rng(0).uniform(0, 255, size)
    resized = fid.resize(jnp.asarray(pixels, jnp.float32)[None, :, :, None], fid.RULES[rule])
    for row, column in ((0, 0), (17, 200), (298, 298)):
        places = [
            place * length / 299
            if rule == "torch_fidelity"
            else max((place + 0.5) * length / 299 - 0.5, 0.0)
            for place, length in zip((row, column), size, strict=True)
        ]
        expected = slow_pixel(pixels, *places)
        np.testing.assert_allclose(resized[0, row, column, 0], expected, rtol=1e-4)


@pytest.mark.parametrize("size", [(5, 7), (64, 64), (299, 299), (320, 601)])
def test_clean_resizing_is_that_of_pillow(size):
    # clean-fid resizes each channel as an image of floats and clips what the cubic overshoots.
    pixels = np.random.default_rng(0).choice(np.float32([0, 60, 255]), (*size, 2))
    channels = [Image.fromarray(pixels[..., n]) for n in range(2)]
    slow = [
        np.asarray(channel.resize((299, 299), Image.Resampling.BICUBIC)) for channel in channels
    ]
    expected = np.stack(slow, axis=-1).clip(0, 255)
    assert expected.min() == 0
    rule = fid.RULES["clean_fid"]
    resized = fid.resize(jnp.asarray(pixels)[None], rule)
    np.testing.assert_allclose(rule.normalise(resized)[0], (expected - 128) / 128, atol=2e-6)


def test_clean_features_are_named_after_their_rule(file):
    extractor = catalogue.load_extractor(f"clean_fid:{file}")
    assert extractor.name == "inception_v3_2015, resized as clean_fid"


def test_what_is_no_inception_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected --checkpoint"):
        inception_fid.convert()
    (tmp_path / "other.pth").write_bytes(legacy_layout({"weight": np.ones(3, "f4")}))
    with pytest.raises(InputError, match=r"other.pth: missing: "):
        inception_fid.convert(str(tmp_path / "other.pth"))
    with pytest.raises(InputError, match="unknown features 'inception': expected one of digits"):
        catalogue.load_extractor("inception")
    with pytest.raises(InputError, match=r"gone.safetensors: no such file: .* converts .*digits"):
        catalogue.load_extractor(f"pytorch_fid:{tmp_path / 'gone.safetensors'}")
    with pytest.raises(InputError, match=r"expected a name that ends in .safetensors"):
        inception_fid.deliver(command.Weights("x", {}, (), ""), tmp_path / "out")
