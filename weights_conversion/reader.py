"""Weight files as arrays by name, without PyTorch or TensorFlow, and without running any code."""

import io
import json
import math
import mmap
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from minegan_jax.errors import InputError

from .unpickling import DAMAGE, Damaged, HostArray, Plain, Refused, Storage, Tensor, unpickle

LARGEST = 8 << 30  # bytes; no published GAN is near it
ZIP = b"PK\x03\x04"
LEGACY = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."  # a pickled magic number
DEPTH = 8  # of dictionaries in dictionaries

Read = Callable[[Storage], np.ndarray]  # the numbers of a storage


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
            return _read_legacy(content)
        if content[: len(ZIP)] != ZIP:
            raise InputError(f"{path}: expected {kind}, found {_describe(content)}")
        if not zipfile.is_zipfile(path):
            raise Damaged("cut short, the directory at its end is missing")
        with zipfile.ZipFile(path) as archive:
            return _read_archive(archive)


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
        return _resolve(unpickle(content).value, _no_storage)


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


def _read_archive(archive: zipfile.ZipFile) -> Any:
    """Reads the zip layout: `*/data.pkl` and one record for each storage beside it."""
    _check_sizes(archive)
    names = archive.namelist()
    pickles = [name for name in names if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise Damaged(f"{len(pickles)} records data.pkl, PyTorch writes one")
    root = pickles[0].removesuffix("data.pkl")
    if f"{root}byteorder" in names and archive.read(f"{root}byteorder") != b"little":
        raise Damaged("its numbers are big-endian, expected little-endian")

    def read(storage: Storage) -> np.ndarray:
        return _as_storage(archive.read(f"{root}data/{storage.key}"), storage)

    return _resolve(unpickle(io.BytesIO(archive.read(pickles[0]))).value, read)


def _check_sizes(archive: zipfile.ZipFile) -> None:
    """Refuses an archive that would unpack to more than memory should hold."""
    if (total := sum(record.file_size for record in archive.infolist())) > LARGEST:
        raise Damaged(f"it would unpack to {total} bytes, expected at most {LARGEST}")


def _read_legacy(content: mmap.mmap) -> Any:
    """Reads the older layout: five pickles, then length and numbers of each storage."""
    content.seek(len(LEGACY))
    if (version := unpickle(content).value) != 1001:
        raise Damaged(f"its version is {version}, expected 1001")
    if not unpickle(content).value["little_endian"]:
        raise Damaged("its numbers are big-endian, expected little-endian")
    saved, keys = unpickle(content), unpickle(content).value
    numbers = {}
    for key in keys:
        storage = saved.storages[key]
        if (found := int.from_bytes(content.read(8), "little")) != storage.size:
            raise Damaged(f"storage {key} should have {storage.size} numbers, found {found}")
        numbers[key] = _as_storage(content.read(storage.size * storage.dtype.itemsize), storage)
    return _resolve(saved.value, lambda storage: numbers[storage.key])


def _as_storage(content: bytes, storage: Storage) -> np.ndarray:
    """Returns the numbers of a storage."""
    expected = storage.size * storage.dtype.itemsize
    if len(content) != expected:
        raise Damaged(f"storage {storage.key} should have {expected} bytes, found {len(content)}")
    return np.frombuffer(content, storage.dtype)


def _no_storage(storage: Storage) -> np.ndarray:
    """Refuses a tensor in a bare pickle, which has no place for its numbers."""
    raise Damaged(f"the numbers of storage {storage.key[:40]!r} are not in this file")


def _resolve(saved: Any, read: Read) -> Any:
    """Puts arrays in the place of tensors and of arrays under construction."""
    done: dict[int, Any] = {}  # what is shared is resolved once, or it could grow without bounds

    def resolve(value: Any, depth: int) -> Any:
        if depth == DEPTH:
            raise Damaged("it nests dictionaries and lists without an end")
        if id(value) not in done:
            done[id(value)] = resolve_first(value, depth + 1)
        return done[id(value)]

    def resolve_first(value: Any, depth: int) -> Any:
        if isinstance(value, Tensor):
            return _as_array(value, read(value.storage))
        if isinstance(value, HostArray):
            return value.array
        if isinstance(value, Plain):
            return type(value)(resolve(value.state, depth))
        if isinstance(value, dict):
            return {key: resolve(item, depth) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)([resolve(item, depth) for item in value])
        return value

    return resolve(saved, 0)


def _as_array(tensor: Tensor, numbers: np.ndarray) -> np.ndarray:
    """Returns a view of its storage; some files hold permuted views."""
    count = math.prod(tensor.shape)
    steps = zip(tensor.shape, tensor.strides, strict=True)
    last = tensor.offset + sum((size - 1) * stride for size, stride in steps)
    if count and (last >= numbers.size or count > numbers.size):
        raise Damaged(f"a tensor of shape {tensor.shape} reaches beyond its storage")
    strides = [stride * numbers.itemsize for stride in tensor.strides]
    start = numbers[tensor.offset if count else 0 :]
    return np.lib.stride_tricks.as_strided(start, tensor.shape, strides)
