"""Writes what PyTorch would have saved, byte by byte, with or without malice."""

import ast
import io
import struct
import zipfile
from pathlib import Path

import numpy as np

MAGIC = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")
STORAGES = {"f2": "Half", "V2": "BFloat16", "f4": "Float", "f8": "Double", "i8": "Long"}


class Raw(bytes):
    """Instructions of a pickle, put in the place of a value."""


def tensor(key, size, *, shape, strides, offset=0, kind="Float"):
    """The instructions that make a tensor out of storage `key` of `size` numbers."""
    storage = [
        *(dump("storage"), f"ctorch\n{kind}Storage\n".encode(), dump(key)),
        *(dump("cuda:0"), dump(size)),
    ]
    view = b"".join(dump(value) for value in (offset, tuple(shape), tuple(strides), False))
    hooks = b"ccollections\nOrderedDict\n)R"
    reference = b"((" + b"".join(storage) + b"tQ"
    return Raw(b"ctorch._utils\n_rebuild_tensor_v2\n" + reference + view + hooks + b"tR")


def call(module, name, *arguments):
    """The instructions that call a function of a module: what a malicious file holds."""
    return Raw(f"c{module}\n{name}\n(".encode() + b"".join(map(dump, arguments)) + b"tR")


def dump(value, storages=None):
    """The instructions of a value; arrays go to `storages`, permuted as many files have them."""
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, np.ndarray):
        key = str(len(storages))
        storages[key] = np.array(value, order="F")
        strides = [step // value.itemsize for step in storages[key].strides]
        kind = STORAGES[value.dtype.str[1:]]
        return bytes(tensor(key, value.size, shape=value.shape, strides=strides, kind=kind))
    if isinstance(value, dict):
        pairs = [dump(part, storages) for pair in value.items() for part in pair]
        return b"}(" + b"".join(pairs) + b"u"
    if isinstance(value, list | tuple):
        items = b"".join(dump(item, storages) for item in value)
        return b"(" + items + (b"l" if isinstance(value, list) else b"t")
    if isinstance(value, str):
        return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, float):
        return f"F{value!r}\n".encode()
    return b"N" if value is None else f"I{value}\n".encode()


def pickled(value, storages=None):
    """One whole pickle."""
    return b"\x80\x02" + dump(value, storages) + b"."


def zip_layout(value, *, records=None):
    """The bytes of a file as PyTorch 1.6 and newer write it; `records` replaces storages."""
    storages, content = {}, io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(value, storages))
        storages = {key: array.tobytes("F") for key, array in storages.items()} | (records or {})
        for key, record in storages.items():
            archive.writestr(f"archive/data/{key}", record)
    return content.getvalue()


def legacy_layout(value):
    """The bytes of a file as PyTorch wrote it before 1.6."""
    storages = {}
    head = b"\x80\x02\x8a\x0a" + MAGIC + b"."
    saved = pickled(value, storages)
    content = [head, pickled(1001), pickled({"little_endian": True}), saved]
    content.append(pickled(list(storages)))
    for array in storages.values():
        content += [struct.pack("<q", array.size), array.tobytes("F")]
    return b"".join(content)


def keys_of(name):
    """Arrays of the names and shapes in a list of published keys, that take no memory."""
    text = (Path(__file__).parent / "fixtures" / "keys" / f"{name}.tsv").read_text()
    pairs = (line.split("\t") for line in text.splitlines())
    return {key: np.broadcast_to(np.float32(0.5), ast.literal_eval(shape)) for key, shape in pairs}
