"""The layouts of PyTorch's files: a zip of records and, before 1.6, pickles and raw numbers."""

import functools
import io
import math
import mmap
import zipfile
from collections.abc import Callable, Iterable
from typing import Any

import ml_dtypes
import numpy as np

from minegan_jax.file_kinds import LEGACY

from .unpickling import Damaged, HostArray, Plain, Storage, Tensor, as_key, shown, unpickle

DEPTH = 12  # of dictionaries in dictionaries
PARTS = 10**6  # of a file, what is shared counted wherever it appears; published ones have 10^4

Read = Callable[[Storage], np.ndarray]  # the numbers of a storage


def read_archive(archive: zipfile.ZipFile) -> Any:
    """Reads the zip layout: `*/data.pkl` and one record for each storage beside it."""
    names = archive.namelist()
    pickles = [name for name in names if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise Damaged(f"{len(pickles)} records data.pkl, PyTorch writes one")
    root = pickles[0].removesuffix("data.pkl")
    if f"{root}byteorder" in names and archive.read(f"{root}byteorder") != b"little":
        raise Damaged("its numbers are big-endian, expected little-endian")

    @functools.cache  # many tensors may look at one storage
    def read(storage: Storage) -> np.ndarray:
        return _as_storage(archive.read(f"{root}data/{storage.key}"), storage)

    return resolve(unpickle(io.BytesIO(archive.read(pickles[0]))).value, read)


def read_legacy(content: mmap.mmap) -> Any:
    """Reads the older layout: five pickles, then length and numbers of each storage."""
    saved, numbers = _legacy(content)
    return resolve(saved, lambda storage: numbers[storage.key])


def read_storage(content: bytes) -> np.ndarray:
    """Reads the older layout of a bare storage, as pickles that are not PyTorch's have it.

    Raises:
      Damaged: it is something else.
    """
    if content[: len(LEGACY)] != LEGACY:
        raise Damaged("the bytes of a storage are not in PyTorch's older layout")
    saved, numbers = _legacy(io.BytesIO(content))
    if not isinstance(saved, Storage):
        raise Damaged("the bytes of a storage hold something else")
    return numbers[saved.key]


def _legacy(content: mmap.mmap | io.BytesIO) -> tuple[Any, dict[str, np.ndarray]]:
    """Returns the content of the older layout, and the numbers of its storages by key."""
    content.seek(len(LEGACY))
    if (version := unpickle(content).value) != 1001:
        raise Damaged(f"its version is {shown(version)}, expected 1001")
    if not unpickle(content).value["little_endian"]:
        raise Damaged("its numbers are big-endian, expected little-endian")
    saved, keys = unpickle(content), unpickle(content).value
    numbers = {}
    for key in keys:
        storage = saved.storages[as_key(key)]
        if (found := int.from_bytes(content.read(8), "little")) != storage.size:
            raise Damaged(f"storage {key} should have {storage.size} numbers, found {found}")
        numbers[key] = _as_storage(content.read(storage.size * storage.dtype.itemsize), storage)
    return saved.value, numbers


def _as_storage(content: bytes, storage: Storage) -> np.ndarray:
    """Returns the numbers of a storage; those of bfloat16 in single precision."""
    expected = storage.size * storage.dtype.itemsize
    if len(content) != expected:
        raise Damaged(f"storage {storage.key} should have {expected} bytes, found {len(content)}")
    numbers = np.frombuffer(content, storage.dtype)
    # The first half of float32, which holds every number of it.
    return numbers.astype(np.float32) if storage.dtype == ml_dtypes.bfloat16 else numbers


def resolve(saved: Any, read: Read) -> Any:
    """Puts arrays in the place of tensors and of arrays under construction.

    Raises:
      Damaged: it has more parts than weights have, once what is shared is written out.
    """
    done: dict[int, Any] = {}  # what is shared is resolved once, or it could grow without bounds
    parts: dict[int, int] = {}  # how many each has, itself among them

    def shared(value: Any, depth: int) -> Any:
        if depth == DEPTH:
            raise Damaged("it nests dictionaries and lists without an end")
        if id(value) not in done:
            done[id(value)] = plain(value, depth + 1)
            parts[id(value)] = 1 + sum(parts[id(inner)] for inner in _inside(value))
        if parts[id(value)] > PARTS:
            raise Damaged("it shares lists in lists without an end")
        return done[id(value)]

    def plain(value: Any, depth: int) -> Any:
        if isinstance(value, Tensor):
            return view(read(value.storage), value.offset, value.shape, value.strides)
        if isinstance(value, HostArray):
            return value.array
        if isinstance(value, Plain):
            return type(value)(shared(value.state, depth))
        if isinstance(value, dict):
            return {key: shared(item, depth) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)([shared(item, depth) for item in value])
        return value

    return shared(saved, 0)


def _inside(value: Any) -> Iterable[Any]:
    """Returns the containers that `resolve` goes into."""
    if isinstance(value, Plain) and not isinstance(value, HostArray):
        return (value.state,)
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) and not isinstance(value, Tensor) else ()


def view(
    numbers: np.ndarray, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> np.ndarray:
    """Returns a tensor, a view of its storage; some files hold permuted ones.

    Raises:
      Damaged: it reaches beyond.
    """
    count = math.prod(shape)
    steps = zip(shape, strides, strict=True)
    last = offset + sum((size - 1) * stride for size, stride in steps)
    if count and (last >= numbers.size or count > numbers.size):
        raise Damaged(f"a tensor of shape {shape} reaches beyond its storage")
    start = numbers[offset if count else 0 :]
    return np.lib.stride_tricks.as_strided(
        start, shape, [stride * numbers.itemsize for stride in strides]
    )
