"""Paths as people type them, and writing files so that a kill leaves no half of one."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from minegan_jax.errors import InputError

PARTIAL = re.compile(r"\..+\.\d+")  # the name of a file that is being written


def as_path(text: str | Path) -> Path:
    """A local path, with `~` as the user's home, which no shell expands behind a flag's `=`.

    Raises:
      InputError: it is empty or a URL, which would become a folder of that name, holds a character
        that no path has, or there is no such home.
    """
    if not str(text) or "\0" in str(text):
        raise InputError(
            f"{str(text)!r}: expected a path, found {'a NUL in it' if text else 'none'}"
        )
    if re.match(r"\w{2,}:/", str(text)):  # one letter is a drive of Windows
        raise InputError(f"{text}: expected a local path, found a URL: copy it here, or mount it")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise InputError(f"{text}: expected a path, but there is no such home") from error


def path_of(spec: str) -> Path:
    """The path behind the colon of KIND:PATH, as data sets are named.

    Raises:
      InputError: there is none, or it is no local path, see `as_path`.
    """
    path = spec.partition(":")[2]
    if not path:
        raise InputError(f"{spec}: expected a path behind the colon, found none")
    return as_path(path)


def write_atomically(path: Path, content: bytes | Callable[[BinaryIO], object]) -> None:
    """Writes a file that is either all there or not there at all, whatever kills the process.

    Args:
      path: of the file.
      content: of the file, or what writes it: it need not lie in memory first.
    """
    write = content if callable(content) else lambda file: file.write(content)
    if path.exists() and not path.is_file():  # a device or a pipe, which nothing may replace
        with path.open("wb") as file:
            write(file)
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def is_partial(path: Path) -> bool:
    """Says whether `write_atomically` left this, killed before the file was whole."""
    return PARTIAL.fullmatch(path.name) is not None and path.is_file()
