"""tensorflow-datasets without TensorFlow and without a network."""

import numpy as np
import pytest
import tensorflow_datasets as tfds
from loading import load_dataset
from PIL import Image
from tensorflow_datasets.core.download.download_manager import NonMatchingChecksumError
from tensorflow_datasets.core.download.extractor import ExtractError, UnsafeArchiveError
from tensorflow_datasets.core.download.util import DownloadError

from minegan_jax.data import native_shape, open_index, preprocess
from minegan_jax.errors import InputError


class TinySquares(tfds.core.GeneratorBasedBuilder):
    """Ten grey values as images of two classes: a builder that needs no TensorFlow."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "label": tfds.features.ClassLabel(names=["dark", "light"]),
        }
        features = tfds.features.FeaturesDict(features)
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        del dl_manager
        return {"train": self._generate_examples(8), "test": self._generate_examples(2)}

    def _generate_examples(self, num_images):
        for number in range(num_images):
            path = self.data_path.parent / f"{number}.png"
            Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
            yield number, {"image": str(path), "label": number % 2}


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    builder = TinySquares(data_dir=str(folder), file_format="array_record")
    builder.download_and_prepare()
    return folder


@pytest.fixture(autouse=True)
def _offline(monkeypatch, data_dir):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a test reached for the network")

    monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))
    monkeypatch.setattr(tfds.core.download.DownloadManager, "download", refuse)


def complaint(spec):
    """The one line that a bad spec is answered with."""
    with pytest.raises(InputError) as caught:
        open_index(spec)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(spec)
    return str(caught.value)


@pytest.mark.parametrize(
    ("spec", "num_images"),
    [
        ("tfds:tiny_squares", 8),
        ("tfds:tiny_squares:test", 2),
        ("tfds:tiny_squares:1.0.0", 8),
        ("tfds:tiny_squares:1.0.0:train[:50%]", 4),
    ],
)
def test_prepared_data_are_read(spec, num_images):
    listing = open_index(spec)
    assert listing.class_names == ("dark", "light")
    assert native_shape(listing) == (8, 3)
    pixels = preprocess(listing, range(num_images), resolution=8, channels=3).pixels
    assert len(listing.labels) == len(listing.names) == num_images
    np.testing.assert_array_equal(pixels[:, 0, 0, 0] % 2, listing.labels)


def test_the_whole_way():
    dataset = load_dataset("tfds:tiny_squares", resolution=4, channels=3, labels=(1,))
    assert sorted(dataset.train[:, 0, 0, 0].tolist()) == [1, 3, 5, 7]


def test_unknown_names_and_splits_are_refused():
    assert "did you mean mnist?" in complaint("tfds:mnits")
    assert "Unknown split 'dev'" in complaint("tfds:tiny_squares:dev")
    assert "split" in complaint("tfds:tiny_squares:train[:x]")
    assert "mnist" in complaint("tfds:mnist:9.9.9")


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (ModuleNotFoundError("No module named 'tensorflow'"), '"minegan_jax[tfds-prepare]"'),
        (ModuleNotFoundError("No module named 'pydub'"), "No module named 'pydub'"),
        (ConnectionError("no route\nto host"), "no route"),
        (AssertionError("Manual download required\nsee ..."), "Manual download required"),
        (ValueError(), "ValueError"),
        (KeyError("split"), "split"),
        (NonMatchingChecksumError("wrong checksum:\n* Expected: x"), "wrong checksum: the server"),
        (DownloadError("Failed to get url x.\nHTTP code: 404"), "Failed to get url x.: run again"),
        (ExtractError("Error while extracting"), "extracting: its download is damaged: remove it"),
        (UnsafeArchiveError("x.tar is unsafe"), "unsafe: download it by hand"),
    ],
)
def test_failed_preparations_are_explained(monkeypatch, tmp_path, raised, expected):
    def fail(*_args, **_kwargs):
        raise raised

    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(TinySquares, "download_and_prepare", fail)
    assert expected in complaint("tfds:tiny_squares")


def test_records_that_cannot_be_read_are_explained(monkeypatch):
    class Damaged:
        def __len__(self):
            return 8

        def __getitem__(self, index):
            raise RuntimeError("DATA_LOSS: a chunk's hash does not match")

    monkeypatch.setattr(TinySquares, "as_data_source", lambda *_args, **_kwargs: Damaged())
    assert "DATA_LOSS" in complaint("tfds:tiny_squares")


def test_formats_that_need_tensorflow_are_refused(monkeypatch, tmp_path, data_dir):
    for path in (data_dir / "tiny_squares/1.0.0").iterdir():
        copy = tmp_path / "tiny_squares/1.0.0" / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes().replace(b'"array_record"', b'"tfrecord"'))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert "prepare it as array_record" in complaint("tfds:tiny_squares")
