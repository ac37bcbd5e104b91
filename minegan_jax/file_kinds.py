"""What a file is, by its content: a refusal names that, not what the file lacks."""

import mmap
import zipfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

BEGINNING = 512  # bytes of a file by which its kind is told
ZIP = b"PK\x03\x04"
LEGACY = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."  # a pickled magic number
TORCH = "a file that PyTorch saved"
PICKLE = "a pickle"
UNKNOWN = "another, damaged or shortened file"
NPZ = "an .npz file"
NPY = "an .npy file, one array without a name"
HDF5 = "an HDF5 file, as of Keras"
SAFETENSORS = "a .safetensors file"
PROGRAM = (
    "a TorchScript archive, which is a program: its weights alone are what"
    " torch.save(torch.jit.load(FILE).state_dict(), NEW) writes"
)
POINTER = "a pointer of Git LFS in the place of the file: `git lfs pull` fetches that"
# How files begin, in small letters and without spaces before; the first that fits is taken.
BEGINNINGS = {
    b"version https://git-lfs": POINTER,
    b"<": "a web page",
    b"{": "text in JSON, such as a site's answer",
    LEGACY.lower(): TORCH,
    b"\x80": PICKLE,
    b"\x89hdf": HDF5,
    b"\x89png": "an image",
    b"\xff\xd8\xff": "an image",
    b"\x93numpy": NPY,
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"bzh": "a bzip2 archive: unpack it first",
    b"\xfd7zxz": "an xz archive: unpack it first",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"rar!": "a RAR archive: unpack it first",
}
TAR = 257  # where tar archives say that they are one
HEADER = 8  # bytes of the length of a .safetensors file's header, before its brace


def describe(path: Path | BytesIO, content: mmap.mmap | bytes) -> str:
    """Says what a file is, as far as its content tells, for the end of a message.

    Args:
      path: of the file, or the file itself where it lies in memory.
      content: of the file; of a large one its first bytes will do.
    """
    if not len(content):
        return "an empty file"
    if content[: len(ZIP)] == ZIP:
        return _zip(path, content)
    if content[TAR : TAR + 5] == b"ustar":
        return "a tar archive: unpack it first"
    if is_safetensors(content):
        return SAFETENSORS
    start = content[:64].lstrip().lower()
    kinds = (kind for beginning, kind in BEGINNINGS.items() if start.startswith(beginning))
    return next(kinds, f"{UNKNOWN} that starts with {content[:8]!r}")


def is_safetensors(content: mmap.mmap | bytes) -> bool:
    """Says whether a file begins as a `.safetensors` file: the size of a header, and its brace."""
    size = int.from_bytes(content[:HEADER], "little")
    return content[HEADER : HEADER + 1] == b"{" and size <= len(content)


def _zip(path: Path | BytesIO, content: mmap.mmap | bytes) -> str:
    """Says what kind of zip archive a file is."""
    try:
        with zipfile.ZipFile(path) as archive:
            return describe_records(archive.namelist())
    except (zipfile.BadZipFile, ValueError, LookupError, NotImplementedError):
        return f"another, damaged or shortened zip file that starts with {content[:8]!r}"


def describe_records(names: Iterable[str]) -> str:
    """Says what kind of zip archive has records of these names."""
    names = list(names)
    if is_program(names):
        return PROGRAM
    if any(name.endswith("/data.pkl") for name in names):
        return TORCH
    if names and all(name.endswith(".npy") for name in names):
        return NPZ
    inside = ", ".join(name[:40] for name in names[:3]) or "nothing"
    return f"a zip archive of {inside}: unpack it first"


def is_program(names: Iterable[str]) -> bool:
    """Says whether a zip archive of records of these names is a TorchScript program."""
    return any(name.endswith("/constants.pkl") or "/code/" in name for name in names)
