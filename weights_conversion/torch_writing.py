"""Writes what PyTorch's `load` opens, its zip layout, without PyTorch.

That is a pickle of the names, whose tensors point at records of plain numbers beside it. It calls
only what rebuilds a tensor, so that `weights_only=True` opens it.
"""

import math
import pickle
import struct
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

ROOT = "archive"  # the folder in the zip
VERSION = b"3\n"  # of the layout
ALIGNMENT = 64  # bytes: where numbers begin, so that PyTorch may map them into memory
PADDING = b"FB"  # begins the field of a record's header that is as long as it takes
HEADER = 30  # bytes of a record's header, without its name and its fields
DATE = 1980, 1, 1, 0, 0, 0  # of every record: the same networks give the same file
# Arrays and the names of their records, by identity: each is written once, however often it is
# shown.
Storages = dict[int, tuple[str, np.ndarray]]


def write_torch(file: BinaryIO, saved: Any) -> None:
    """Writes a file.

    Args:
      file: to write to.
      saved: dictionaries in dictionaries, of arrays in single precision and of plain values.
    """
    storages: Storages = {}
    program = pickle.PROTO + b"\x02" + _instructions(saved, storages) + pickle.STOP
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, "data.pkl", program)
        _add(archive, "byteorder", b"little")
        for key, array in storages.values():
            _add(archive, f"data/{key}", np.ascontiguousarray(array, "<f4").tobytes())
        _add(archive, "version", VERSION)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Adds a record, whose content begins at a multiple of so many bytes."""
    record = zipfile.ZipInfo(f"{ROOT}/{name}", DATE)
    assert archive.fp is not None
    begins = archive.fp.tell() + HEADER + len(record.filename) + len(PADDING) + 2
    missing = -begins % ALIGNMENT
    record.extra = PADDING + struct.pack("<H", missing) + bytes(missing)
    archive.writestr(record, content)


def _instructions(saved: Any, storages: Storages) -> bytes:
    """Returns the instructions of a pickle that make a value."""
    if isinstance(saved, np.ndarray):
        return _tensor(saved, storages)
    if isinstance(saved, Mapping):
        pairs = (_instructions(part, storages) for pair in saved.items() for part in pair)
        return _ordered() + pickle.MARK + b"".join(pairs) + pickle.SETITEMS
    if isinstance(saved, str):
        text = saved.encode()
        return pickle.BINUNICODE + struct.pack("<I", len(text)) + text
    return pickle.dumps(saved, protocol=2)[2:-1]  # without the protocol and the stop


def _tensor(array: np.ndarray, storages: Storages) -> bytes:
    """Returns the instructions that make a tensor of all numbers of a storage."""
    assert array.dtype == np.float32, array.dtype
    kind = _name("torch", "FloatStorage")
    key, _ = storages.setdefault(id(array), (str(len(storages)), array))
    storage = _tuple("storage", kind, key, "cpu", array.size)
    strides = _strides(array.shape)
    view = _tuple(storage + pickle.BINPERSID, 0, array.shape, strides, False, _ordered())
    return _name("torch._utils", "_rebuild_tensor_v2") + view + pickle.REDUCE


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Returns how many numbers lie between neighbours on each axis, rows together."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def _tuple(*parts: Any) -> bytes:
    """Returns the instructions of a tuple, whose parts may be instructions themselves."""
    each = (p if isinstance(p, bytes) else _instructions(p, {}) for p in parts)
    return pickle.MARK + b"".join(each) + pickle.TUPLE


def _ordered() -> bytes:
    """Returns the instructions of an empty ordered dictionary."""
    return _name("collections", "OrderedDict") + pickle.EMPTY_TUPLE + pickle.REDUCE


def _name(module: str, name: str) -> bytes:
    """Returns the instruction that looks up a name."""
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()
