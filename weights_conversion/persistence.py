"""NVIDIA's pickles of StyleGAN, of PyTorch (`torch_utils.persistence`) and TensorFlow, as data.

In those of PyTorch a module is its class's name, its source code as text, and its attributes; each
storage is a string of bytes in PyTorch's older layout. The source code is dropped unread.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from . import unpickling
from .torch_layouts import read_storage, view
from .unpickling import SET, Damaged, HostArray, Names, Ordered, Plain

DEPTH = 8  # of modules in modules; StyleGAN2's has 5
PARTS = 10**4  # modules and arrays of a network; published ones have 400
LONGEST = 100  # letters of a name, without those of the modules around it
PLAIN = str | int | float | bool | None  # kinds of settings that can be compared


class Module:
    """A module, by what describes it."""

    def __init__(self, description: Any) -> None:
        self.description = description


class TensorFlowNetwork(Plain):
    """The `dnnlib.tflib.network.Network` of StyleGAN in TensorFlow."""


class Network(NamedTuple):
    """A module with all that are inside it, by their names with dots; its own name is nothing."""

    arrays: dict[str, np.ndarray]  # parameters and buffers
    settings: dict[str, Mapping[str, Any]]  # the other attributes of each module
    classes: dict[str, str]  # the name of each module's class


def _storage(content: Any) -> np.ndarray:
    """Stands in for `torch.storage._load_from_bytes`; what these bytes may name is PyTorch's."""
    if not isinstance(content, bytes):
        raise Damaged("a storage that is no bytes")
    return read_storage(content)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> np.ndarray:
    """Stands in for `torch._utils._rebuild_tensor_v2`, with the numbers at hand."""
    if not isinstance(storage, np.ndarray):
        raise Damaged("a tensor is not a view of a storage")
    whole = (type(n) is int and n >= 0 for n in (offset, *shape, *strides))
    if storage.ndim != 1 or not all(whole):
        raise Damaged("a tensor whose shape is not of whole numbers")
    return view(storage, offset, tuple(shape), tuple(strides))


NAMES: Names = {
    **unpickling.NAMES,
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): Module,
    ("torch.storage", "_load_from_bytes"): _storage,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("dnnlib.util", "EasyDict"): Ordered,
    ("dnnlib.tflib.network", "Network"): TensorFlowNetwork,
    SET: lambda *_: None,
}


def flatten(module: Module) -> Network:
    """Collects what a module and those inside it hold.

    Raises:
      Damaged: it is described otherwise than the published code does, or has no end.
    """
    network = Network({}, {}, {})
    parts = 0
    for name, inner in _modules(module, "", 0):
        attributes = _attributes(inner)
        own = {**_table(attributes, "_parameters"), **_table(attributes, "_buffers")}
        parts += 1 + len(own)
        if parts > PARTS or name in network.classes:
            raise Damaged("it holds modules in modules without an end")
        network.classes[name] = _text(inner.description.get("class_name"))
        network.settings[name] = {
            key: _setting(value) for key, value in attributes.items() if key[:1] != "_"
        }
        for key, array in own.items():
            if isinstance(array, np.ndarray):  # a parameter may be none
                network.arrays[_joined(name, key)] = array
    return network


def _modules(module: Any, name: str, depth: int) -> Iterator[tuple[str, Module]]:
    """Yields a module and those inside it, with their names."""
    if depth > DEPTH or not isinstance(module, Module):
        raise Damaged(f"module {name[:80]!r} is none, or nested without an end")
    yield name, module
    for key, inner in _table(_attributes(module), "_modules").items():
        if inner is not None:
            yield from _modules(inner, _joined(name, key), depth + 1)


def _attributes(module: Module) -> dict[str, Any]:
    """Returns the attributes of a module."""
    described = getattr(module, "description", None)
    state = described.get("state") if isinstance(described, dict) else None
    if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
        raise Damaged("a module without attributes")
    return state


def _table(attributes: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Returns one of the tables that every module of PyTorch has."""
    table = attributes.get(name, {})
    if not isinstance(table, dict) or not all(isinstance(key, str) for key in table):
        raise Damaged(f"a module whose {name} is no table")
    if any(len(key) > LONGEST for key in table):
        raise Damaged(f"a name of over {LONGEST} letters in {name}")
    return table


def _setting(value: Any) -> Any:
    """Returns an attribute as it is if it is a plain value or a number, and else its kind."""
    value = value.array if isinstance(value, HostArray) and hasattr(value, "array") else value
    if isinstance(value, np.ndarray) and value.size == 1:
        return value.item()
    return value if isinstance(value, PLAIN) else type(value)


def _text(value: Any) -> str:
    """Returns a text, or nothing in the place of something else."""
    return value if isinstance(value, str) else ""


def _joined(name: str, key: str) -> str:
    """Returns the name of something inside a module."""
    return f"{name}.{key}" if name else key
