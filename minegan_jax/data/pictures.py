"""What counts as a picture: its content decides, whatever its file is called."""

import functools
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath

from PIL import Image, PngImagePlugin, UnidentifiedImageError

from minegan_jax.data.system_errors import is_of_the_system
from minegan_jax.file_kinds import BEGINNING, describe

# Taken unopened: what is called so and holds no picture is damaged, not another file.
ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
# What Pillow names but does not draw: tables, films, and programs that others would run.
NO_PICTURES = ("BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF")
# Noise may begin like these, so the file's ending must agree. So must it where nothing is asked.
VAGUE = ("CUR", "DCX", "DIB", "FLI", "ICO", "PCX")
PASSED_OVER = ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini")  # systems leave these
MAX_TEXT = 64 * 2**20  # bytes of a PNG's text, such as a recipe; Pillow stops at 1 MiB
MAX_TEXTS = 4 * MAX_TEXT


def open_picture(file: Path | BytesIO, name: str) -> Image.Image:
    """Reads a picture's header; `name` is that of its file.

    Raises:
      UnidentifiedImageError: it is of another kind, which the message names.
    """
    try:
        return Image.open(file, formats=_formats(ending(name)))
    except UnidentifiedImageError as error:
        raise UnidentifiedImageError(f"expected an image, found {kind_of(file)}") from error


def kind_of(file: Path | BytesIO) -> str:
    """Says what a file is that is no picture, as far as its content tells."""
    if isinstance(file, BytesIO):
        return describe(file, file.getvalue()[:BEGINNING])
    with file.open("rb") as opened:
        return describe(file, opened.read(BEGINNING))


def is_picture(file: Path | BytesIO, name: str) -> bool:
    """Says whether a file is a picture, or is called like one.

    Raises:
      OSError: the system could not read it.
    """
    if ending(name) in ENDINGS:
        return True
    try:
        with limits(sys.maxsize), open_picture(file, name):
            return True
    except Exception as error:  # Pillow's readers raise whatever their parsing trips over.
        if is_of_the_system(error):
            raise
        return False


@contextmanager
def limits(max_pixels: int | None) -> Iterator[None]:
    """Lets Pillow open pictures of that many pixels (None: its own limit), and with long texts."""
    before = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    if max_pixels is not None:
        Image.MAX_IMAGE_PIXELS = max_pixels
    PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY = MAX_TEXT, MAX_TEXTS
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before[0]
        PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY = before[1:]


def is_hidden(name: str) -> bool:
    """Says whether one part of a path is what systems hide, or leave behind."""
    return name.startswith(".") or name.lower() in PASSED_OVER


def counted(names: Iterable[str]) -> tuple[str, ...]:
    """Counts files by their endings, the most frequent first: "3 .heic", "1 without ending"."""
    kinds = Counter(ending(name) or "without ending" for name in names)
    ordered = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    return tuple(f"{count} {kind}" for kind, count in ordered)


def in_words(counts: Iterable[str]) -> str:
    """Says which other files there are; nothing if there are none."""
    kinds = list(counts)
    number = sum(int(kind.partition(" ")[0]) for kind in kinds)
    return f"{number} other file{'s' * (number != 1)} left out: {', '.join(kinds)}" if kinds else ""


def ending(name: str) -> str:
    """Returns the last ending of a file's name, in small letters."""
    return PurePosixPath(name).suffix.lower()


@functools.cache
def _formats(suffix: str) -> tuple[str, ...]:
    """The formats that a file with this ending may have."""
    Image.init()
    own = Image.EXTENSION.get(suffix)
    return tuple(
        name
        for name, (_, accepts) in Image.OPEN.items()
        if name not in NO_PICTURES and (name == own or (accepts is not None and name not in VAGUE))
    )
