"""BigGAN-deep's files give the generator that the published code builds from them."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from weight_files import keys_of, zip_layout

from minegan_jax import sources
from minegan_jax.errors import InputError
from weights_conversion import biggan_deep_hf, command, reader

FIXTURE = Path(__file__).parents[1] / "fixtures" / "biggan_deep16"
FILES = {
    "generator": str(FIXTURE / "pytorch_model.bin"),
    "config": str(FIXTURE / "config.json"),
}
TRUNCATIONS = (1.0, 0.4, 0.457, 0.58)  # on a row, on a row, between two, rounded past one
TOLERANCES = {"float32": 2e-5, "float64": 1e-9}  # of the largest value, which is 1


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The directory of the converted generator."""
    directory = tmp_path_factory.mktemp("biggan_deep") / "biggan_deep16"
    command.write(biggan_deep_hf.convert(**FILES, truncation=0.4), directory)
    return directory


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_images_are_those_of_the_published_code(dtype, source):
    expected = np.load(FIXTURE / "expected.npz")
    with jax.enable_x64(dtype == "float64"):
        loaded = sources.load_source(source, dtype=dtype)
        for truncation in TRUNCATIONS:
            images = loaded.generate(expected["latents"], expected["labels"], truncation)
            assert images.dtype == dtype
            np.testing.assert_allclose(
                images, expected[f"images_{truncation}"], atol=TOLERANCES[dtype]
            )


def test_the_sources_own_truncation(source):
    expected = np.load(FIXTURE / "expected.npz")
    loaded = sources.load_source(source)
    images = loaded.generate(expected["latents"], expected["labels"])
    np.testing.assert_allclose(images, expected["images_0.4"], atol=2e-5)
    for truncation in (0.0, 1.01):
        with pytest.raises(InputError, match="expected over 0 and at most 1"):
            loaded.generate(expected["latents"], expected["labels"], truncation)
    with pytest.raises(InputError, match="has no critic"):
        loaded.score(images)


def test_the_zip_layout(source, tmp_path):
    (tmp_path / "file").write_bytes(zip_layout(reader.read_torch(FILES["generator"])))
    converted = biggan_deep_hf.convert(str(tmp_path / "file"), FILES["config"])
    expected = sources.load_source(source).generator
    jax.tree.map(np.testing.assert_array_equal, converted.params["generator"], expected)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"layers": None}, "'layers'"),
        ({"layers": [[True, 16]]}, "'layers'"),
        ({"layers": []}, "'layers'"),
        ({"attention_layer_position": "8"}, "'attention_layer_position'"),
        ({"attention_layer_position": 2}, "missing: generator.layers.1.bn_0.running_means"),
        ({"eps": "small"}, "'eps'"),
        ({"layers": [[True, 16, 8], [False, 8, 4], [True, 4, 2]]}, "generator."),
    ],
)
def test_a_config_that_does_not_fit_is_refused(change, said, tmp_path):
    config = {**reader.read_json(FILES["config"]), **change}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=said):
        biggan_deep_hf.convert(FILES["generator"], str(tmp_path / "config.json"))


def test_both_files_and_a_truncation_are_needed():
    with pytest.raises(InputError, match="both --generator and --config"):
        biggan_deep_hf.convert(FILES["generator"])
    with pytest.raises(InputError, match="truncation 2"):
        biggan_deep_hf.convert(**FILES, truncation=2.0)


HALVES = [[False, 16, 16], [True, 16, 16], [False, 16, 16], [True, 16, 8], [False, 8, 8]]
ENDS = [[True, 8, 4], [False, 4, 4], [True, 4, 2], [False, 2, 2], [True, 2, 1]]
MORE = [[True, 8, 8], [False, 8, 8]]
LAYERS = {
    128: [*HALVES, *ENDS],
    256: [*HALVES, *MORE, *ENDS],
    512: [*HALVES, *MORE, *ENDS, [False, 1, 1], [True, 1, 1]],
}


@pytest.mark.parametrize("resolution", LAYERS)
def test_every_array_of_the_published_files_has_its_place(resolution, tmp_path, monkeypatch):
    """Names and shapes, not the numbers."""
    config = {"layers": LAYERS[resolution], "attention_layer_position": 8, "eps": 1e-4}
    (tmp_path / "config.json").write_text(json.dumps(config))
    arrays = keys_of(f"hf_biggan_deep_{resolution}")
    monkeypatch.setattr(reader, "read_torch", lambda _: arrays)
    converted = biggan_deep_hf.convert("pytorch_model.bin", str(tmp_path / "config.json"))
    count = sum(leaf.size for leaf in jax.tree.leaves(converted.params))
    assert count == sum(array.size for array in arrays.values())
    assert converted.arguments["resolution"] == resolution
    assert converted.arguments["width"] == 128
