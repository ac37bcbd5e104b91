"""Pickles as data: a machine that builds arrays and plain values and can call nothing else.

A pickle is a program that may call any function it names. Here every name is looked up in a table
of inert stand-ins of our own; any other name ends the reading. PyTorch's and TensorFlow's files
need fewer than thirty names.
"""

import math
import mmap
import pickle
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any, ClassVar, NamedTuple

import ml_dtypes
import numpy as np


class Refused(ValueError):
    """A pickle that asks for something that plain weights do not need; the message says what."""


class Damaged(ValueError):
    """A file that contradicts itself; the message says how."""


def shown(value: Any) -> str:
    """Returns a value for a message: only plain ones, whose text cannot be longer than the file."""
    plain = isinstance(value, str | int | float | bytes | None)
    return repr(value)[:22] if plain else f"a {type(value).__name__}"


def as_key(key: Any) -> Any:
    """Returns the key of a dictionary; looking up tuples of tuples would never end.

    Raises:
      Refused: it is neither text nor a whole number, such as weights are named by.
    """
    if not isinstance(key, str | int | bytes):
        raise Refused(f"a dictionary whose keys are of type {type(key).__name__}")
    return key


def _as_shape(shape: Any) -> tuple[int, ...]:
    """Returns the shape of an array, or its strides."""
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise Damaged("an array whose shape is not a tuple of whole numbers")
    return shape


class Plain:
    """An object of a known class, reduced to its state; none of its code exists here."""

    def __init__(self, state: Any = None, *_: Any) -> None:
        self.state = state

    def __setstate__(self, state: Any) -> None:
        self.state = state


class TensorFlowNetwork(Plain):
    """The `tfutil.Network` of an official ProGAN pickle; its source code stays text."""


class TheanoNetwork(Plain):
    """The `network.Network` of the older, Theano-era pickles."""


class Settings(Plain):
    """A bag of settings, such as the GAN zoo's `BaseConfig`."""


class Ordered(dict[Any, Any]):
    """An ordered dictionary whose extra attributes, such as `_metadata`, are dropped."""

    def __init__(self, pairs: Iterable[tuple[Any, Any]] = ()) -> None:
        super().__init__((as_key(key), value) for key, value in pairs)

    def __setstate__(self, state: Any) -> None:
        del state


class ScalarType(Plain):
    """A numpy type: a kind and a size such as `f4`, then a byte order."""

    def __init__(self, code: str, *_: Any) -> None:
        if code not in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "b1"):
            raise Refused(f"an array of type {shown(code)}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        if state[1] not in ("<", ">", "|", "="):
            raise Damaged(f"an array whose byte order is {shown(state[1])}")
        self.dtype = np.dtype(f"{state[1]}{self.dtype.str[1:]}")


class HostArray(Plain):
    """A numpy array under construction; `array` is it."""

    def __setstate__(self, state: Any) -> None:
        _, shape, scalar_type, column_major, content = state
        flat = _from_bytes(content, scalar_type)
        if math.prod(_as_shape(shape)) != flat.size:
            raise Damaged(f"an array of shape {shape} has {flat.size} values")
        self.array = flat.reshape(shape, order="F" if column_major else "C")


class Storage(NamedTuple):
    """A run of numbers that lies elsewhere in the file."""

    key: str
    dtype: np.dtype
    size: int  # in numbers


class Tensor(NamedTuple):
    """A view of a storage, in numbers."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _from_bytes(content: bytes | str, scalar_type: ScalarType) -> np.ndarray:
    """Reads numbers; Python 2 wrote bytes as text."""
    raw = content.encode("latin1") if isinstance(content, str) else content
    return np.frombuffer(raw, scalar_type.dtype)


def _scalar(scalar_type: ScalarType, content: bytes | str) -> np.ndarray:
    """Stands in for `numpy.core.multiarray.scalar`."""
    return _from_bytes(content, scalar_type).reshape(())


def _host_array(*_: Any) -> HostArray:
    """Stands in for `numpy.core.multiarray._reconstruct`, whose arguments are always the same."""
    return HostArray()


def _tensor(
    storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> Tensor:
    """Stands in for `torch._utils._rebuild_tensor_v2`; whether it fits is checked when it is read.

    The rest of the arguments concern gradients.
    """
    if not isinstance(storage, Storage) or type(offset) is not int or offset < 0:
        raise Damaged("a tensor is not a view of a storage")
    return Tensor(storage, offset, _as_shape(shape), _as_shape(strides))


def _encode(text: str, encoding: str) -> bytes:
    """Stands in for `_codecs.encode`, by which Python 3 writes bytes for Python 2."""
    if encoding != "latin1":
        raise Refused(f"text in {shown(encoding)}")
    return text.encode("latin1")


STORAGES: dict[str, Any] = {
    "HalfStorage": "f2",
    "BFloat16Storage": ml_dtypes.bfloat16,  # a type of JAX's, which numpy has none of
    "FloatStorage": "f4",
    "DoubleStorage": "f8",
    "CharStorage": "i1",
    "ShortStorage": "i2",
    "IntStorage": "i4",
    "LongStorage": "i8",
    "ByteStorage": "u1",
    "BoolStorage": "b1",
}
Names = Mapping[tuple[str, str], Callable[..., Any] | np.dtype]  # of (module, name)
NAMES: Names = {
    ("collections", "OrderedDict"): Ordered,
    ("_codecs", "encode"): _encode,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): lambda tensor, *_: tensor,
    ("numpy", "ndarray"): Plain,
    ("numpy", "dtype"): ScalarType,
    ("models.utils.config", "BaseConfig"): Settings,
    ("argparse", "Namespace"): Settings,
    ("tfutil", "Network"): TensorFlowNetwork,
    ("network", "Network"): TheanoNetwork,
    ("torch", "Size"): lambda sizes=(): _as_shape(sizes),
    **{("torch", name): np.dtype(code) for name, code in STORAGES.items()},
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _host_array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
}
SET = ("builtins", "set")
# Whose files have names that begin so: all that a user can tell from such a name.
WHOSE = {
    "timm.": "the critics of Projected GAN and StyleGAN-XL",
    "pg_modules.": "the critics of Projected GAN and StyleGAN-XL",
    "training.": "whole models saved without `torch_utils.persistence`",
}
# Instructions that call, allocate or look up beyond what the files of weights need.
NEEDLESS = pickle.INST + pickle.OBJ + pickle.NEWOBJ_EX + pickle.PERSID + pickle.BYTEARRAY8
NEEDLESS += pickle.FROZENSET
NEEDLESS += pickle.EXT1 + pickle.EXT2 + pickle.EXT4 + pickle.NEXT_BUFFER + pickle.READONLY_BUFFER


# The Python unpickler, not the C one: a jump in its memo costs no memory.
class _Machine(pickle._Unpickler):
    """Python's unpickler with our table of names and without the needless instructions.

    Sets, where they may be named, are dropped.
    """

    def __init__(self, file: IO[bytes] | mmap.mmap, names: Names) -> None:
        pickle._Unpickler.__init__(self, file, encoding="latin1")
        self.names = names
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.names:
            programs = "whole models and other programs"
            whose = (words for start, words in WHOSE.items() if module.startswith(start))
            raise Refused(
                f"the name {f'{module}.{name}'[:80]!r}, as {next(whose, programs)} do;"
                " expected weights alone, such as a state_dict"
            )
        return self.names[module, name]

    def persistent_load(self, pid: Any) -> Storage:
        kind, dtype, key, _, size, *view = pid
        if kind != "storage" or not isinstance(dtype, np.dtype) or any(view):
            raise Refused("a reference to something other than a storage")
        if type(size) is not int or size < 0:
            raise Damaged(f"a storage of {shown(size)} numbers")
        name = str(as_key(key))
        storage = self.storages[name] = Storage(name, dtype, size)
        return storage

    def load_setitem(self) -> None:
        as_key(self.stack[-2])  # type: ignore[attr-defined]
        pickle._Unpickler.load_setitem(self)  # type: ignore[attr-defined]

    def load_setitems(self) -> None:
        for key in self.stack[::2]:  # type: ignore[attr-defined]
            as_key(key)
        pickle._Unpickler.load_setitems(self)  # type: ignore[attr-defined]

    def load_dict(self) -> None:
        for key in self.stack[::2]:  # type: ignore[attr-defined]
            as_key(key)
        pickle._Unpickler.load_dict(self)  # type: ignore[attr-defined]

    def load_build(self) -> None:
        state = self.stack.pop()  # type: ignore[attr-defined]
        if not isinstance(self.stack[-1], Plain | Ordered):  # type: ignore[attr-defined]
            raise Refused("attributes for something that has none")
        self.stack[-1].__setstate__(state)  # type: ignore[attr-defined]

    def load_empty_set(self) -> None:
        if SET not in self.names:
            self.refuse()
        self.append(None)  # type: ignore[attr-defined]

    def load_additems(self) -> None:
        self.pop_mark()  # type: ignore[attr-defined]

    def refuse(self) -> None:
        raise Refused("an instruction that weights do not need")

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **pickle._Unpickler.dispatch,
        pickle.BUILD[0]: load_build,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.DICT[0]: load_dict,
        pickle.EMPTY_SET[0]: load_empty_set,
        pickle.ADDITEMS[0]: load_additems,
        **dict.fromkeys(NEEDLESS, refuse),
    }


class Unpickled(NamedTuple):
    """What a pickle held."""

    value: Any  # plain values, `Ordered`, numpy scalars, `HostArray`, `Tensor` and `Plain`
    storages: dict[str, Storage]  # that its tensors look at, by key


def unpickle(file: IO[bytes] | mmap.mmap, names: Names = NAMES) -> Unpickled:
    """Reads one pickle, and nothing after it.

    Args:
      file: where it begins.
      names: what it may name, and the inert stand-ins for these.

    Raises:
      Refused: it asks for anything but plain values, arrays and the known classes.
      Damaged, EOFError, TypeError, ...: it is no pickle or a damaged one, see `DAMAGE`.
    """
    machine = _Machine(file, names)
    return Unpickled(machine.load(), machine.storages)


# What Python's unpickler raises on bytes that are no pickle.
DAMAGE = (
    *(pickle.UnpicklingError, EOFError, LookupError, TypeError, ValueError, AttributeError),
    *(OverflowError, MemoryError, RecursionError, struct.error),
)
