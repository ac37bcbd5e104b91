"""Pictures and files for the tests of what the command line refuses, and what lies in a folder."""

import gzip
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from weight_files import call, pickled, zip_layout

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
PAGE = b"\n<!DOCTYPE html><html><title>Google Drive - Virus scan warning</title></html>"


def png(*, size=28, seed=0, mode="L"):
    """The bytes of a picture."""
    content = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size), np.uint8)
    Image.fromarray(pixels).convert(mode).save(content, "png")
    return content.getvalue()


def write(folder, files):
    """Writes files by their paths inside a folder; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def zipped(files):
    """The bytes of a zip archive of files by their paths."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, inside in files.items():
            archive.writestr(name, inside)
    return content.getvalue()


def saved(save, *arguments, **arrays):
    """The bytes that NumPy saves."""
    content = io.BytesIO()
    save(content, *arguments, **arrays)
    return content.getvalue()


def contents(folder):
    """What lies below a folder: a digest for each file, nothing for a folder or a link."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file() and not path.is_symlink()
        else None
        for path in sorted(Path(folder).rglob("*"))
    }


# Files that stand where weights should -> what they are called.
NO_WEIGHTS = {
    "an empty file": b"",
    "a web page": PAGE,
    "a pointer of Git LFS": POINTER,
    "text in JSON": b'{"error": "Repository not found"}',
    "a gzip archive": gzip.compress(bytes(100)),
    "a zip archive of G.pth": zipped({"G.pth": b"x"}),
    "a TorchScript archive": zipped({"a/data.pkl": b"\x80\2N.", "a/constants.pkl": b"\x80\2)."}),
    "an image": png(),
}
PROGRAMS = {
    "torch": zip_layout(call("os", "system", "echo")),
    "pickle": pickled(call("os", "system", "echo")),
}
