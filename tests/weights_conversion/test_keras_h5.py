"""Keras' files point nowhere else, ask for no programs and fill no memory; or one line says so."""

import builtins
import contextlib
import json

import h5py
import numpy as np
import pytest

from minegan_jax.errors import InputError
from weights_conversion import keras_h5

CONFIG = {
    "class_name": "Sequential",
    "config": {"layers": [{"class_name": "Dense", "config": {"name": "a"}}]},
}
KERNEL = "model_weights/a/a/kernel:0"


@pytest.fixture
def path(tmp_path):
    """A model of one layer."""
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(CONFIG)
        file[KERNEL] = np.arange(6, dtype="f4").reshape(2, 3)
        file["model_weights"].attrs["layer_names"] = [b"a"]
        file["model_weights/a"].attrs["weight_names"] = [b"a/kernel:0"]
    return tmp_path / "m.h5"


def test_a_model_comes_back(path):
    model = keras_h5.read_model(path)
    assert model.layers == CONFIG["config"]["layers"]
    np.testing.assert_array_equal(model.arrays["a/kernel"], [[0, 1, 2], [3, 4, 5]])


def replace(file, **how):
    del file[KERNEL]
    file.create_dataset(KERNEL, **how)


def link_elsewhere(file):
    del file[KERNEL]
    with h5py.File(f"{file.filename}.secret", "w") as other:
        other["x"] = np.ones((2, 3))
    file[KERNEL] = h5py.ExternalLink(f"{file.filename}.secret", "x")


def look_elsewhere(file):
    del file[KERNEL]
    layout = h5py.VirtualLayout((2, 3), "f4")
    layout[:] = h5py.VirtualSource(f"{file.filename}.secret", "x", (2, 3))
    file.create_virtual_dataset(KERNEL, layout)


def configured(config):
    return lambda file: file.attrs.__setitem__("model_config", config)


HOSTILE = {
    "refused: .* is in another file": link_elsewhere,
    "refused: .* is not an array in this file": look_elsewhere,
    "is not an array in": lambda file: replace(
        file, shape=(2, 3), dtype="f4", external=[("/etc/hostname", 0, 24)]
    ),
    "not stored as plain numbers": lambda file: replace(file, data=[b"text"]),
    "expected at most": lambda file: replace(
        file, shape=(1 << 20, 1 << 20), dtype="f4", chunks=(1024, 1024), compression="gzip"
    ),
    "refused: .* plain": lambda file: replace(
        file, shape=(64, 64), dtype="f4", chunks=(64, 64), compression="lzf"
    ),
    "damaged": lambda file: file.pop(KERNEL),
    "damaged: .*layer_names": lambda file: file["model_weights"].attrs.pop("layer_names"),
    "expected a whole model": lambda file: file.attrs.pop("model_config"),
    "its configuration lists no layers": configured("{"),
    "configuration lists no layers": configured("[" * 10**5),
    "damaged: its configuration is no text": configured(3),
    "expected a Sequential model, found Functional": configured(
        json.dumps({**CONFIG, "class_name": "Functional"})
    ),
    "expected a Sequential model": configured(
        json.dumps(
            {"class_name": "Sequential", "config": {"layers": [{"class_name": 3, "config": {}}]}}
        )
    ),
}


@pytest.mark.parametrize(("said", "change"), HOSTILE.items(), ids=HOSTILE)
def test_what_is_no_plain_model_is_refused(said, change, path):
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(InputError, match=rf"m\.h5: .*{said}|m\.h5: {said}") as caught:
        keras_h5.read_model(path)
    assert "\n" not in str(caught.value)


def test_a_model_that_names_too_much_is_refused(path, monkeypatch):
    monkeypatch.setattr(keras_h5, "MOST_ARRAYS", 0)
    with pytest.raises(InputError, match="names more arrays than any model has"):
        keras_h5.read_model(path)


@pytest.mark.parametrize("place", range(0, 2000, 97))
def test_a_changed_byte_is_no_traceback(place, path):
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        keras_h5.read_model(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04", "found another, damaged or shortened zip file"),
        (b"<html>", "found a web page"),
    ],
)
def test_another_file_is_named(content, said, tmp_path):
    (tmp_path / "m.h5").write_bytes(content)
    with pytest.raises(InputError, match=f"expected an HDF5 file, as of Keras, {said}"):
        keras_h5.read_model(tmp_path / "m.h5")
    with pytest.raises(InputError, match="found no such file"):
        keras_h5.read_model(tmp_path / "gone.h5")


def test_without_h5py_the_command_that_installs_it_is_named(path, monkeypatch):
    load = builtins.__import__

    def refuse(name, *given):
        if name == "h5py":
            raise ImportError(name)
        return load(name, *given)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(InputError, match=r'needs h5py: pip install "\.\[keras\]"'):
        keras_h5.read_model(path)
