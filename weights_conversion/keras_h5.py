"""Keras' `.h5` files as a configuration and arrays, without Keras and without running any code.

An HDF5 file may point at other files and ask for filters that are programs. Here only plain
datasets inside the file are read, at sizes that are checked before.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minegan_jax.errors import InputError
from minegan_jax.file_kinds import HDF5, describe

WEIGHTS = "model_weights"
MOST_BYTES = 1 << 30  # of one array
MOST_TEXT = 1 << 24  # characters of a configuration
MOST_ARRAYS = 10**4
FILTERS = {1, 2, 3}  # gzip, shuffle, checksum


class Model(NamedTuple):
    """A model as it was saved."""

    layers: list[dict[str, Any]]  # class_name and config of each, in order
    arrays: dict[str, np.ndarray]  # by LAYER/VARIABLE


def read_model(path: str | Path) -> Model:
    """Reads a `Sequential` model.

    Raises:
      InputError: h5py is missing; it is no such file, is damaged or points elsewhere.
    """
    path = Path(path)
    try:
        import h5py
    except ImportError as error:
        raise InputError(f'{path}: reading it needs h5py: pip install ".[keras]"') from error
    if not path.is_file():
        found = "a folder: name the file in it" if path.is_dir() else "no such file"
        raise InputError(f"{path}: expected {HDF5}, found {found}")
    if not h5py.is_hdf5(path):
        with path.open("rb") as content:
            found = describe(path, content.read(1024))
        raise InputError(f"{path}: expected {HDF5}, found {found}")
    try:
        with h5py.File(path, "r") as file:
            return Model(_layers(file, path), dict(_arrays(file, path)))
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: damaged: {' '.join(str(error).split())}") from error


def _layers(file: Any, path: Path) -> list[dict[str, Any]]:
    """Returns the layers that the model's configuration lists."""
    text = file.attrs.get("model_config")
    if text is None:
        raise InputError(
            f"{path}: expected a whole model, as `model.save` writes it, found weights alone"
        )
    text = text.decode() if isinstance(text, bytes) else text
    if not isinstance(text, str) or len(text) > MOST_TEXT:
        raise InputError(f"{path}: damaged: its configuration is no text, or too long")
    try:
        config = json.loads(text)
        kind, layers = config["class_name"], config["config"]["layers"]
        fits = all(
            isinstance(x["class_name"], str) and isinstance(x["config"], dict) for x in layers
        )
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: damaged: its configuration lists no layers") from error
    if kind != "Sequential" or not fits:
        raise InputError(f"{path}: expected a Sequential model, found {str(kind)[:40]}")
    return layers


def _arrays(file: Any, path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the arrays of all layers."""
    names = [_text(name) for name in _inside(file, WEIGHTS, path).attrs["layer_names"]]
    for layer in names:
        weights = [
            _text(n) for n in _inside(file, f"{WEIGHTS}/{layer}", path).attrs["weight_names"]
        ]
        if len(weights) > MOST_ARRAYS or len(names) > MOST_ARRAYS:
            raise InputError(f"{path}: damaged: it names more arrays than any model has")
        for name in weights:
            variable = name.rpartition("/")[2].partition(":")[0]
            yield (
                f"{layer}/{variable}",
                _read(_inside(file, f"{WEIGHTS}/{layer}/{name}", path), path),
            )


def _text(name: Any) -> str:
    """Returns a name as text."""
    return name.decode() if isinstance(name, bytes) else str(name)


def _inside(file: Any, place: str, path: Path) -> Any:
    """Returns a group or dataset that lies in this very file.

    Raises:
      InputError: a link on the way leads to another file.
    """
    import h5py

    found = file
    for part in place.split("/"):
        if isinstance(found.get(part, getlink=True), h5py.ExternalLink):
            raise InputError(f"{path}: refused: {place} is in another file")
        found = found[part]
    return found


def _read(dataset: Any, path: Path) -> np.ndarray:
    """Reads a plain dataset.

    Raises:
      InputError: its numbers are elsewhere, too many or not plain.
    """
    import h5py

    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise InputError(f"{path}: refused: {dataset.name} is not an array in this file")
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
    if not filters <= FILTERS or dataset.dtype.kind not in "fiu":
        raise InputError(f"{path}: refused: {dataset.name} is not stored as plain numbers")
    if (size := dataset.size * dataset.dtype.itemsize) > MOST_BYTES:
        raise InputError(f"{path}: {dataset.name} has {size} bytes, expected at most {MOST_BYTES}")
    return dataset[()]
