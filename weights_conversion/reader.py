"""Weight files as arrays by name, without PyTorch or TensorFlow, and without running any code."""

import json
import mmap
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from minegan_jax.errors import InputError

from .torch_layouts import LEGACY, read_archive, read_legacy, resolve
from .unpickling import DAMAGE, Damaged, Refused, Storage, unpickle

LARGEST = 8 << 30  # bytes; no published GAN is near it
ZIP = b"PK\x03\x04"


def read_torch(path: str | Path) -> Any:
    """Reads a `.pth` or `.bin` that PyTorch saved, in the zip layout or the older one.

    Returns:
      What was saved: dictionaries, lists and plain values, tensors as arrays, and objects of the
      few known classes as `unpickling.Plain`.

    Raises:
      InputError: it is no such file, is damaged, or asks for code to be run.
    """
    path = Path(path)
    kind = "a file that PyTorch saved"
    with _content(path, kind) as content:
        if content[: len(LEGACY)] == LEGACY:
            return read_legacy(content)
        if content[: len(ZIP)] != ZIP:
            raise InputError(f"{path}: expected {kind}, found {_describe(content)}")
        if not zipfile.is_zipfile(path):
            raise Damaged("cut short, the directory at its end is missing")
        with zipfile.ZipFile(path) as archive:
            _check_sizes(archive)
            return read_archive(archive)


def read_state(path: str | Path) -> dict[str, np.ndarray]:
    """Reads the arrays of one network by name, as PyTorch saves them.

    Raises:
      InputError: as `read_torch`, or the file holds something else.
    """
    saved = read_torch(path)
    if not isinstance(saved, dict):
        raise InputError(f"{path}: expected arrays by name, found {type(saved).__name__}")
    for name, value in saved.items():
        if not isinstance(value, np.ndarray):
            raise InputError(f"{path}: {name}: expected an array, found {type(value).__name__}")
    return saved


def read_pickle(path: str | Path) -> Any:
    """Reads a bare pickle, of Python 2 or 3, with numpy arrays.

    Returns:
      As `read_torch`.

    Raises:
      InputError: it is no such file, is damaged, or asks for code to be run.
    """
    with _content(Path(path), "a pickle") as content:
        return resolve(unpickle(content).value, _no_storage)


def read_npz(path: str | Path) -> dict[str, np.ndarray]:
    """Reads the arrays of an `.npz` file by name; arrays of objects are refused.

    Raises:
      InputError: it is no such file or is damaged.
    """
    path = Path(path)
    with _content(path, "an .npz file") as content:
        if not zipfile.is_zipfile(path):
            raise InputError(f"{path}: expected an .npz file, found {_describe(content)}")
        with zipfile.ZipFile(path) as archive:
            _check_sizes(archive)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: _stored(arrays, name) for name in arrays.files}


def _stored(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Returns an array of an `.npz` file; those of Python objects would need a pickle."""
    try:
        return arrays[name]
    except ValueError as error:
        raise Damaged(f"array {name!r}: {error}") from error


def read_safetensors(path: str | Path) -> dict[str, np.ndarray]:
    """Reads the arrays of a `.safetensors` file by name.

    Raises:
      InputError: it is no such file or is damaged.
    """
    with _content(Path(path), "a .safetensors file"):
        return safetensors.numpy.load_file(path)


def read_json(path: str | Path) -> dict[str, Any]:
    """Reads a JSON object, such as the `config.json` beside some weights.

    Raises:
      InputError: it is no such file or is damaged.
    """
    with _content(Path(path), "a JSON object") as content:
        found = json.loads(bytes(content))
        if not isinstance(found, dict):
            raise Damaged(f"a {type(found).__name__} where an object should be")
        return found


@contextmanager
def _content(path: Path, kind: str) -> Iterator[mmap.mmap]:
    """Opens a file; whatever goes wrong with its content is one line that names the file."""
    if not path.is_file():
        raise InputError(f"{path}: expected {kind}, found no such file")
    if not 0 < path.stat().st_size < LARGEST:
        raise InputError(f"{path}: expected {kind}, found {path.stat().st_size} bytes")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            yield content
        except InputError:
            raise
        except Refused as error:
            raise InputError(f"{path}: refused and not run: it asks for {error}") from error
        except Damaged as error:
            raise InputError(f"{path}: damaged: {error}") from error
        except (*DAMAGE, zipfile.BadZipFile, safetensors.SafetensorError, OSError) as error:
            raise InputError(f"{path}: expected {kind}, found {_describe(content)}") from error


def _describe(content: mmap.mmap) -> str:
    """Says what kind of file this may be, if not the one that was expected."""
    start = content[:64].lstrip().lower()
    if start.startswith(b"<"):
        return "a web page"
    kind = "zip file" if start.startswith(ZIP.lower()) else "file"
    return f"another, damaged or shortened {kind} that starts with {content[:8]!r}"


def _check_sizes(archive: zipfile.ZipFile) -> None:
    """Refuses an archive that would unpack to more than memory should hold."""
    if (total := sum(record.file_size for record in archive.infolist())) > LARGEST:
        raise Damaged(f"it would unpack to {total} bytes, expected at most {LARGEST}")


def _no_storage(storage: Storage) -> np.ndarray:
    """Refuses a tensor in a bare pickle, which has no place for its numbers."""
    raise Damaged(f"the numbers of storage {storage.key[:40]!r} are not in this file")
