"""`zip:FILE`: images in a zip archive, which is read where it lies and never unpacked."""

import os
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

from minegan_jax.data import classes
from minegan_jax.data.image_index import ImageIndex
from minegan_jax.data.pictures import (
    ENDINGS,
    counted,
    ending,
    in_words,
    is_hidden,
    is_picture,
    kind_of,
    open_picture,
)
from minegan_jax.data.system_errors import is_of_the_system, unread
from minegan_jax.errors import InputError
from minegan_jax.files import path_of

RATIO = 100  # a file that unpacks to more than this, times its packed size, is no photograph
SMALL = 64 * 2**20  # bytes that any file may unpack to
LARGEST = 2**30
# What unpacks a file of another kind.
COMMANDS = {".7z": "7z x", ".rar": "unrar x", ".gz": "gunzip", ".xz": "unxz", ".zst": "unzstd"}


def open_zip(rest: str) -> ImageIndex:
    """The images of a zip archive, or of a folder in it: FILE.zip/FOLDER."""
    path = path_of(f"zip:{rest}")
    if inside(path) is None and not os.path.exists(path):
        raise InputError(f"zip:{rest}: no such file")
    if inside(path) is None:
        hint = advice(path)
        found = f"another file{hint}" if hint else kind(path)
        found = f"a folder: folder:{rest}" if path.is_dir() else found
        raise InputError(f"zip:{rest}: expected a zip archive, found {found}")
    return open_archive(path, f"zip:{rest}")


def inside(path: Path) -> tuple[Path, str] | None:
    """Splits a path into that of a zip archive and the rest; nothing if it leads through none."""
    file = next(each for each in (path, *path.parents) if os.path.exists(each))
    # An .npz is one too, of arrays.
    if os.path.isfile(file) and ending(file.name) != ".npz" and zipfile.is_zipfile(file):
        return file, path.relative_to(file).as_posix()
    return None


def advice(path: Path) -> str:
    """Says how to unpack a file that only looks like images; nothing if it is no archive."""
    folder = path.with_suffix("").name or "FOLDER"
    if path.is_file() and tarfile.is_tarfile(path):
        return f": unpack it: mkdir {folder} && tar -xf {path} -C {folder}"
    command = COMMANDS.get(ending(path.name))
    if command:
        return f": unpack it: {command} {path}"
    if path.is_file() and is_picture(path, path.name):
        return f", an image: name the folder that it lies in: folder:{path.parent}"
    return f": npz:{path}" if ending(path.name) in (".npz", ".npy") else ""


def way_in(path: Path) -> str:
    """Says how the images of an archive are reached; nothing if a file is none."""
    if inside(path):
        return f": zip:{path}"
    return advice(path)


def kind(path: Path) -> str:
    """Says what a file is that is no zip archive."""
    return kind_of(path) if path.is_file() else "neither a file nor a folder"


def open_archive(path: Path, spec: str) -> ImageIndex:
    """The images in an archive, sorted by path; folders are classes unless `dataset.json` is there.

    One folder around everything is the archive's own, not a class.
    """
    file, within = inside(path) or (path, ".")
    entries = _entries(file, spec)
    pack = _Pack(file, entries, spec)
    pictures = sorted(name for name in entries if pack.is_picture(name))
    taken = set(pictures)
    top, below = _top(pictures), "" if within == "." else f"{within}/"
    # A folder may be named as the archive lists it, or without the one around everything.
    start = below if below and any(name.startswith(below) for name in pictures) else top + below
    names = [name for name in pictures if name.startswith(start)]
    others = [name for name in entries if name.startswith(start) and name not in taken]
    left_out = counted(name for name in others if name.split("/")[-1] != classes.DATASET_JSON)
    if not names:
        said = f": {in_words(left_out)}" if left_out else ""
        inner = next((entries[name].filename for name in others if ending(name) == ".zip"), None)
        way = f": unpack the archive in it: unzip {file} {inner}" if inner else ""
        raise InputError(f"{spec}: no images in it{said}{way}")
    labels, class_names = pack.classify(names, start, spec)
    return ImageIndex(
        name=spec,
        labels=labels,
        class_names=class_names,
        read=lambda index: open_picture(pack.read(names[index]), names[index]),
        names=[f"{file}/{name}" for name in names],
        other_files=left_out,
    )


class _Pack:
    """An open archive."""

    def __init__(self, file: Path, entries: dict[str, zipfile.ZipInfo], spec: str) -> None:
        self.spec, self.entries = spec, entries
        self.archive = zipfile.ZipFile(file)

    def read(self, name: str) -> BytesIO:
        """Unpacks one file, which may be damaged; never more than its entry says."""
        return BytesIO(self.archive.read(self.entries[name]))

    def is_picture(self, name: str) -> bool:
        """Says whether a file is a picture, or is called like one."""
        try:
            named = ending(name) in ENDINGS
            return named or is_picture(self.read(name), name)
        except Exception as error:
            if is_of_the_system(error):
                raise unread(self.spec, error) from error
            return False

    def classify(self, names: list[str], start: str, spec: str) -> classes.Classes:
        """Takes the classes of `dataset.json`, at the top or in the only folder, or of folders."""
        for top in dict.fromkeys(("", start)):
            file = top + classes.DATASET_JSON
            if file in self.entries:
                relative = [name.removeprefix(top) for name in names]
                found = classes.by_json(self.read(file).getvalue(), relative, f"{spec}/{file}")
                if found is not None:
                    return found
        return classes.by_folder([name.removeprefix(start) for name in names], spec)


def _entries(file: Path, spec: str) -> dict[str, zipfile.ZipInfo]:
    """The files of an archive that may be images, by path."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = {classes.normal_path(entry.filename): entry for entry in archive.infolist()}
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise InputError(f"{spec}: expected a zip archive, found a damaged one: {error}") from error
    except OSError as error:
        raise unread(spec, error) from error
    files = {
        name: entry
        for name, entry in entries.items()
        if not entry.is_dir() and not any(map(is_hidden, name.split("/")))
    }
    for entry in files.values():
        _check_entry(entry, spec)
    return files


def _check_entry(entry: zipfile.ZipInfo, spec: str) -> None:
    """Refuses what cannot be read without a password, or would fill the memory."""
    if entry.flag_bits & 1:
        raise InputError(f"{spec}: {entry.filename}: expected no password, found it encrypted")
    limit = min(LARGEST, max(SMALL, RATIO * entry.compress_size))
    if entry.file_size > limit:
        raise InputError(
            f"{spec}: {entry.filename}: refused: its {entry.compress_size:,} bytes unpack to"
            f" {entry.file_size:,}, expected {limit:,} at most"
        )


def _top(names: list[str]) -> str:
    """The folder that lies around all images, with its slash; nothing if there is none."""
    tops = {name.partition("/")[0] + "/" if "/" in name else "" for name in names}
    return tops.pop() if len(tops) == 1 else ""
