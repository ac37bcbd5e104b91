"""OpenVINO's IR: a graph in XML beside its numbers, read as data.

Nothing in it is run. The XML is read by events, without a tree that could be too deep; document
types, and with them entities that expand, are refused.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple
from xml.parsers import expat

import numpy as np

from .unpickling import Damaged, Refused

TYPES = {"f16": "<f2", "f32": "<f4", "f64": "<f8", "i32": "<i4", "i64": "<i8", "u8": "<u1"}
CONSTANT = "Const"
MOST_LAYERS = 10**5
LAYERS, LAYER, EDGES = ("net", "layers"), ("net", "layers", "layer"), ("net", "edges")
DEPTH = 16  # of elements in elements; IRs have 7


class Layer(NamedTuple):
    """A layer of a graph."""

    kind: str
    name: str
    data: Mapping[str, str]  # its attributes
    inputs: tuple[int, ...] = ()  # the layers that it takes, in order


class Graph(NamedTuple):
    """A network."""

    layers: Mapping[int, Layer]  # by number
    numbers: bytes  # of all constants

    def constant(self, number: int) -> np.ndarray:
        """Returns the array of a constant.

        Raises:
          Damaged: it is none, or lies outside the numbers.
        """
        layer = self.layers.get(number)
        if layer is None or layer.kind != CONSTANT:
            raise Damaged(f"layer {number} should be a constant")
        kind = layer.data.get("element_type", "")
        if kind not in TYPES:
            raise Damaged(f"constant {number} has type {kind[:22]!r}")
        shape = [int(part) for part in layer.data["shape"].split(",") if part.strip()]
        offset, size = int(layer.data["offset"]), int(layer.data["size"])
        found = np.dtype(TYPES[kind])
        fits = min(offset, size, *shape, 0) == 0 and offset + size <= len(self.numbers)
        if not fits or size != found.itemsize * math.prod(shape):
            raise Damaged(f"constant {number} of shape {shape[:8]} does not fit its numbers")
        return np.frombuffer(self.numbers, found, size // found.itemsize, offset).reshape(shape)

    def users(self) -> dict[int, list[int]]:
        """Returns which layers take each layer."""
        users: dict[int, list[int]] = {number: [] for number in self.layers}
        for number, layer in self.layers.items():
            for taken in layer.inputs:
                users[taken].append(number)
        return users


class _Reader:
    """What the events of the XML have said so far."""

    def __init__(self) -> None:
        self.place: list[str] = []
        self.layers: dict[int, Layer] = {}
        self.last: int | None = None
        self.edges: list[tuple[int, int, int]] = []  # to, port, from

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Takes the beginning of an element."""
        if len(self.place) >= DEPTH:
            raise Damaged("elements in elements without an end")
        inside = tuple(self.place)
        self.place.append(name)
        if inside == LAYERS and name == "layer":
            self.last = int(attributes["id"])
            if self.last in self.layers or len(self.layers) >= MOST_LAYERS:
                raise Damaged(f"layer {self.last} comes twice, or there are too many")
            self.layers[self.last] = Layer(attributes["type"], attributes["name"], {})
        elif inside == LAYER and name == "data" and self.last is not None:
            self.layers[self.last] = self.layers[self.last]._replace(data=attributes)
        elif inside == EDGES and name == "edge":
            ends = (attributes[end] for end in ("to-layer", "to-port", "from-layer"))
            to, port, taken = map(int, ends)
            self.edges.append((to, port, taken))

    def end(self, name: str) -> None:
        """Takes the end of an element."""
        del name
        self.place.pop()

    def refuse(self, *_: Any) -> None:
        """Takes a document type."""
        raise Refused("a document type, which may have entities that expand")


def read_graph(xml: bytes, numbers: bytes) -> Graph:
    """Reads a network.

    Args:
      xml: the graph.
      numbers: of its constants.

    Raises:
      Refused: the XML has a document type.
      Damaged, LookupError, ValueError: it is no IR or contradicts itself.
    """
    reader, parser = _Reader(), expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = reader.refuse
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise Damaged(f"its XML: {error}") from error
    inputs: dict[int, list[int]] = {number: [] for number in reader.layers}
    for to, _, taken in sorted(reader.edges):
        if taken not in inputs:
            raise Damaged(f"an edge from layer {taken}, which is not there")
        inputs[to].append(taken)
    layers = {
        number: layer._replace(inputs=tuple(inputs[number]))
        for number, layer in sorted(reader.layers.items())
    }
    return Graph(layers, numbers)
