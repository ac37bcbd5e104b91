"""Weight files as arrays by name, without PyTorch or TensorFlow, and without running any code."""

import json
import lzma
import mmap
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import safetensors

from minegan_jax.errors import InputError
from minegan_jax.file_kinds import (
    LEGACY,
    NPY,
    NPZ,
    PICKLE,
    SAFETENSORS,
    TORCH,
    UNKNOWN,
    ZIP,
    describe,
    describe_records,
    is_safetensors,
)

from .torch_layouts import read_archive, read_legacy, resolve
from .unpickling import DAMAGE, NAMES, Damaged, Names, Refused, Storage, unpickle

LARGEST = 8 << 30  # bytes; no published GAN is near it
# What zip archives raise that are damaged, encrypted or packed in an unknown way.
ZIP_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError)
TENSORS = {  # of .safetensors files
    **{"F16": np.float16, "BF16": ml_dtypes.bfloat16, "F32": np.float32, "F64": np.float64},
    **{"I8": np.int8, "I16": np.int16, "I32": np.int32, "I64": np.int64},
    **{"U8": np.uint8, "BOOL": np.bool_},
}


def read_torch(path: str | Path) -> Any:
    """Reads a `.pth` or `.bin` that PyTorch saved, in the zip layout or the older one.

    Returns:
      What was saved: dictionaries, lists and plain values, tensors as arrays, and objects of the
      few known classes as `unpickling.Plain`. Of a `.safetensors` file, its arrays by name.

    Raises:
      InputError: it is no such file, is damaged, or asks for code to be run.
    """
    path = Path(path)
    with _content(path, TORCH) as content:
        if content[: len(LEGACY)] == LEGACY:
            return read_legacy(content)
        if is_safetensors(content):
            return _tensors(content)
        if content[: len(ZIP)] != ZIP:
            raise InputError(f"{path}: expected {TORCH}, found {describe(path, content)}")
        if not zipfile.is_zipfile(path):
            raise Damaged("cut short, the directory at its end is missing")
        with zipfile.ZipFile(path) as archive:
            if (kind := describe_records(archive.namelist())) != TORCH:
                raise InputError(f"{path}: expected {TORCH}, found {kind}")
            _check_sizes(archive)
            return read_archive(archive)


def read_pickle(path: str | Path, names: Names = NAMES) -> Any:
    """Reads a bare pickle, of Python 2 or 3, with numpy arrays.

    Args:
      path: of the file.
      names: what it may name, see `unpickling`.

    Returns:
      As `read_torch`.

    Raises:
      InputError: it is no such file, is damaged, or asks for code to be run.
    """
    path = Path(path)
    with _content(path, PICKLE) as content:
        kind = describe(path, content)
        if kind != PICKLE and not kind.startswith(UNKNOWN):
            raise InputError(f"{path}: expected {PICKLE}, found {kind}")
        return resolve(unpickle(content, names).value, _no_storage)


def read_npz(path: str | Path, wanted: str = "") -> dict[str, np.ndarray]:
    """Reads the arrays of an `.npz` file by name; arrays of objects are refused.

    Args:
      path: of the file.
      wanted: what their names begin with; the others are not looked at.

    Raises:
      InputError: it is no such file or is damaged.
    """
    with _npz(path) as arrays:
        return {name: _stored(arrays, name) for name in arrays.files if name.startswith(wanted)}


def names_of_npz(path: str | Path) -> list[str]:
    """Returns the names of the arrays of an `.npz` file.

    Raises:
      InputError: it is no such file or is damaged.
    """
    with _npz(path) as arrays:
        return arrays.files


@contextmanager
def _npz(path: str | Path) -> Iterator[np.lib.npyio.NpzFile]:
    """Opens an `.npz` file."""
    path = Path(path)
    with _content(path, NPZ) as content:
        if (kind := describe(path, content)) != NPZ:
            raise InputError(f"{path}: expected {NPZ}, found {kind}")
        with zipfile.ZipFile(path) as archive:
            _check_sizes(archive)
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays


def _stored(arrays: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Returns an array of an `.npz` file; those of Python objects would need a pickle."""
    try:
        return arrays[name]
    except ValueError as error:
        raise Damaged(f"array {name!r}: {error}") from error


def read_npy(path: str | Path) -> np.ndarray:
    """Reads the array of an `.npy` file; one of objects is refused.

    Raises:
      InputError: it is no such file or is damaged.
    """
    path = Path(path)
    with _content(path, NPY) as content:
        if (kind := describe(path, content)) != NPY:
            raise InputError(f"{path}: expected {NPY}, found {kind}")
        # Mapped first: numbers that the file does not have would be allocated before.
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False))


def read_records(path: str | Path, wanted: Sequence[str], *, kind: str) -> list[bytes]:
    """Reads records of a zip archive, such as a wheel; nothing in it is installed.

    Args:
      path: of the archive.
      wanted: how the names of the records end, each that of one record.
      kind: what the archive is, for messages.

    Raises:
      InputError: it is no such file or is damaged, or has no such record or several.
    """
    path = Path(path)
    with _content(path, kind) as content:
        if content[: len(ZIP)] != ZIP:
            raise InputError(f"{path}: expected {kind}, found {describe(path, content)}")
        with zipfile.ZipFile(path) as archive:
            _check_sizes(archive)
            ends = tuple(f"/{end}" for end in wanted)
            if not any(f"/{name}".endswith(ends) for name in archive.namelist()):
                there = describe_records(archive.namelist())
                raise InputError(f"{path}: expected {kind}, found {there}")
            records = []
            for end in wanted:
                names = [name for name in archive.namelist() if f"/{name}".endswith(f"/{end}")]
                if len(names) != 1:
                    raise InputError(f"{path}: expected {kind}, found {len(names)} records {end}")
                records.append(archive.read(names[0]))
            return records


@contextmanager
def damage_named(path: str | Path) -> Iterator[None]:
    """Turns what goes wrong with the content of a file into one line that names it."""
    try:
        yield
    except InputError:
        raise
    except Refused as error:
        raise InputError(f"{path}: refused and not run: it asks for {error}") from error
    except (*DAMAGE, *ZIP_DAMAGE) as error:
        raise InputError(f"{path}: damaged: {' '.join(str(error).split())}") from error


def read_safetensors(path: str | Path) -> dict[str, np.ndarray]:
    """Reads the arrays of a `.safetensors` file by name; those of bfloat16 in single precision.

    Raises:
      InputError: it is no such file or is damaged.
    """
    with _content(Path(path), SAFETENSORS) as content:
        return _tensors(content)


def _tensors(content: mmap.mmap) -> dict[str, np.ndarray]:
    """Returns the arrays of a `.safetensors` file."""
    try:
        found = safetensors.deserialize(bytes(content))
    except safetensors.SafetensorError as error:
        raise Damaged(" ".join(str(error).split())) from error
    return {name: _tensor(name, **tensor) for name, tensor in found}


def _tensor(name: str, *, dtype: str, shape: list[int], data: bytes) -> np.ndarray:
    """Returns one array of a `.safetensors` file."""
    if dtype not in TENSORS:
        raise Refused(f"an array {name!r} of type {dtype}, expected {', '.join(TENSORS)}")
    numbers = np.frombuffer(data, TENSORS[dtype]).reshape(shape)
    return numbers.astype(np.float32) if dtype == "BF16" else numbers


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
        found = "a folder: name the file in it" if path.is_dir() else "no such file"
        raise InputError(f"{path}: expected {kind}, found {found}")
    size = path.stat().st_size
    if not 0 < size < LARGEST:
        found = f"{size:,} bytes, of {LARGEST:,} that are read" if size else describe(path, b"")
        raise InputError(f"{path}: expected {kind}, found {found}")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            yield content
        except InputError:
            raise
        except Refused as error:
            raise InputError(f"{path}: refused and not run: it asks for {error}") from error
        except Damaged as error:
            raise InputError(f"{path}: damaged: {error}") from error
        except (*DAMAGE, *ZIP_DAMAGE, OSError) as error:
            found = describe(path, content)
            found = "a damaged or shortened one" if found == kind else found
            raise InputError(f"{path}: expected {kind}, found {found}") from error


def _check_sizes(archive: zipfile.ZipFile) -> None:
    """Refuses an archive that would unpack to more than memory should hold."""
    if (total := sum(record.file_size for record in archive.infolist())) > LARGEST:
        raise Damaged(f"it would unpack to {total} bytes, expected at most {LARGEST}")


def _no_storage(storage: Storage) -> np.ndarray:
    """Refuses a tensor in a bare pickle, which has no place for its numbers."""
    raise Damaged(f"the numbers of storage {storage.key[:40]!r} are not in this file")
