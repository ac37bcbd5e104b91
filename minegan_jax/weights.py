"""Weights on disk: safetensors files beside a JSON that describes them and knows their digests.

Nothing in such a folder is ever executed.
"""

import json
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import safetensors
import safetensors.numpy

from minegan_jax import trees
from minegan_jax.errors import InputError
from minegan_jax.file_kinds import BEGINNING, SAFETENSORS, describe
from minegan_jax.files import write_atomically

WEIGHTS = "weights.safetensors"


class Kind(NamedTuple):
    """Which values a field of a description may have: people edit these files by hand."""

    words: str  # what is expected, for messages
    fits: Callable[[Any], bool]


TEXT = Kind("text", lambda value: isinstance(value, str) and value != "")
OBJECT = Kind("an object", lambda value: isinstance(value, dict))


def is_count(value: Any, least: int = 1) -> bool:
    """Says whether a value is a whole number from `least` on."""
    return type(value) is int and value >= least


def list_of(words: str, fits: Callable[[Any], bool]) -> Kind:
    """Returns the kind of a list that is not empty, all of whose values fit."""
    return Kind(
        f"a list of {words}",
        lambda value: isinstance(value, list) and value != [] and all(map(fits, value)),
    )


def converter(name: str) -> str:
    """Returns the module that converts a published format: `weights_conversion` is inside the
    package once installed, beside it in a checkout.
    """
    inside = "minegan_jax.weights_conversion"
    return f"{inside if find_spec(inside) else 'weights_conversion'}.{name}"


def save_weights(
    directory: Path, tree: Any, description: dict[str, Any], *, json_name: str, version: int
) -> None:
    """Writes one tree of arrays and what it is; the JSON comes last and makes it complete."""
    directory.mkdir(parents=True, exist_ok=True)
    sha256 = save_tree(directory / WEIGHTS, tree)
    save_description(directory / json_name, {**description, "sha256": sha256}, version)


def load_weights(
    directory: Path, *, json_name: str, fields: Mapping[str, Kind], version: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Reads back the tree (nested dictionaries) and its description, which must have `fields`.

    Raises:
      InputError: a file is missing, damaged or of another format, or the weights are not those
        described.
    """
    path = directory / json_name
    description = load_description(path, {"sha256": TEXT, **fields}, version)
    return load_tree(directory / WEIGHTS, description["sha256"]), description


def save_tree(path: Path, tree: Any) -> str:
    """Writes a tree of arrays as a safetensors file; returns its digest."""
    named = trees.named_leaves(tree)
    write_atomically(path, safetensors.numpy.save(named))
    return trees.digest(named)


def load_tree(path: Path, sha256: str) -> dict[str, Any]:
    """Reads back a tree as nested dictionaries.

    Raises:
      InputError: the file is missing or damaged, or its digest is another.
    """
    _check_exists(path)
    try:
        named = safetensors.numpy.load_file(path)
    except (ValueError, safetensors.SafetensorError) as error:
        with path.open("rb") as file:
            kind = describe(path, file.read(BEGINNING))
        raise InputError(
            f"{path}: damaged file: {error}; expected {SAFETENSORS}, found {kind}"
        ) from error
    if (found := trees.digest(named)) != sha256:
        raise InputError(
            f"{path}: changed or damaged: its digest is {found[:12]}, expected {sha256[:12]}"
        )
    return trees.from_named_leaves(named)


def save_description(path: Path, description: dict[str, Any], version: int) -> None:
    """Writes what lies beside it as JSON, in this version of its kind's format."""
    write_atomically(path, json.dumps({"format": version, **description}, indent=2).encode())


def load_description(path: Path, fields: Mapping[str, Kind], version: int) -> dict[str, Any]:
    """Reads a description back, which must have `fields` of these kinds.

    Raises:
      InputError: the file is missing, damaged or of another format, or a field is missing or of
        another kind.
    """
    _check_exists(path)
    try:
        description = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: damaged file: {error}") from error
    if not isinstance(description, dict):
        raise InputError(f"{path}: expected an object, found {type(description).__name__}")
    check_format(str(path), description, version)
    check_fields(str(path), description, fields)
    return description


def check_format(place: str, found: Mapping[str, Any], version: int) -> None:
    """Makes sure that a file on disk has the format that this version of the project reads.

    Raises:
      InputError: it has a newer one or an older one, and is named so.
    """
    there = found.get("format", 0)
    if there == version:
        return
    newer = isinstance(there, int) and there > version
    raise InputError(
        f"{place}: written by {'a newer' if newer else 'an older'} version of minegan_jax: expected"
        f" format {version}, found {there or 'none'}"
    )


def check_fields(place: str, found: Mapping[str, Any], fields: Mapping[str, Kind]) -> None:
    """Makes sure that an object has `fields` of these kinds.

    Raises:
      InputError: one is missing or of another kind.
    """
    for field, kind in fields.items():
        if field not in found:
            raise InputError(f"{place}: expected a field {field!r}, found none")
        if not kind.fits(found[field]):
            value = repr(found[field])[:60]
            raise InputError(f"{place}: field {field!r}: expected {kind.words}, found {value}")


def _check_exists(path: Path) -> None:
    """Makes sure that there is such a file."""
    if not path.is_file():
        raise InputError(f"{path.parent}: expected a folder with {path.name}, found no {path.name}")


def cast(tree: Any, dtype: str) -> Any:
    """Returns the tree on the host in another precision, such as `float32`."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, dtype), tree)
