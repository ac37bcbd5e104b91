"""Finds the files below a folder, through links; no link is followed in a circle."""

import errno
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from minegan_jax.data.pictures import is_hidden
from minegan_jax.data.system_errors import unread

# What this program writes beside pictures that are no photographs: a file, and what it holds.
OUTPUTS = {
    "config.json": {"config", "sources", "target"},
    "source.json": {"family", "weights"},
    "table.json": {"rows", "milliseconds"},
}


class Found(NamedTuple):
    """What lies below a folder; paths are relative to it, with slashes, in order."""

    files: list[str]
    links: list[str]  # that were not followed: to what is read anyway, or to nothing
    outputs: list[str]  # folders that this program wrote, which were not entered


class _Folder(NamedTuple):
    """A folder that is to be entered."""

    name: str  # relative, ending with a slash
    real: str  # its path without links
    around: tuple[str, ...]  # real paths of the root and of the links on the way here


def find_files(root: Path) -> Found:
    """Finds every regular file that is not hidden, links among them.

    Raises:
      InputError: a folder cannot be read.
    """
    found = Found([], [], [])
    real = os.path.realpath(root)
    waiting = [_Folder("", real, (real,))]
    while waiting:
        folder = waiting.pop()
        for entry in _entries(root / folder.name):
            name, kind = folder.name + entry.name, _kind(entry)
            if stat.S_ISDIR(kind):
                waiting.extend(_inside(entry, name, folder, found))
            elif stat.S_ISREG(kind):
                found.files.append(name)
            elif entry.is_symlink():
                found.links.append(name)
    return Found(*map(sorted, found))


def is_output(folder: Path) -> bool:
    """Says whether this program wrote a folder: a run, a source or a comparison."""
    return any(_keys(folder / name) >= keys for name, keys in OUTPUTS.items())


def _keys(file: Path) -> set[str]:
    """The names in a JSON object; none in any other file."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return set()
    return set(found) if isinstance(found, dict) else set()


def _inside(entry: os.DirEntry[str], name: str, folder: _Folder, found: Found) -> Iterator[_Folder]:
    """The folder of an entry, unless it is of this program or is read anyway."""
    if not entry.is_symlink():
        real, around = os.path.join(folder.real, entry.name), folder.around
        known = real in around
    else:
        real = os.path.realpath(entry.path)
        around = (*folder.around, real)
        known = any(Path(real).is_relative_to(top) for top in folder.around)
    if known:
        found.links.append(name)
    elif is_output(Path(entry.path)):
        found.outputs.append(name)
    else:
        yield _Folder(f"{name}/", real, around)


def _kind(entry: os.DirEntry[str]) -> int:
    """What an entry, or what its link leads to, is; 0 if it leads nowhere."""
    try:
        return entry.stat().st_mode
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return 0
        raise unread(entry.path, error) from error


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not is_hidden(entry.name)]
    except OSError as error:
        raise unread(str(folder), error) from error
