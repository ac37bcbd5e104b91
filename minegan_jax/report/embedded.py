"""The pictures beside a report, taken apart and made small enough to lie inside a page.

They come back from `samples/`, as `figures` and the hooks of training wrote them; a page that holds
them needs no other file.
"""

import base64
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from minegan_jax.report import figures
from minegan_jax.report.image_grids import GAP

MAGNIFIED = 2  # pixels that `image_grids.save_png` makes of one
MOST_PIXELS = 80_000_000  # of a picture; larger ones stay beside the page
MOST_PIXELS_OF_GRIDS = 300_000_000  # of all grids together that are read for a page
MOST_GRIDS = 48  # in a page
AS_IT_IS = 150_000  # bytes of a file that is taken as it is
WIDEST = 1400  # pixels that others are shrunk to
GRID_NAME = re.compile(r"(.+)_(\d{6,})\.png")
PAIRS = 8  # columns of `closest.png`: generated images at odd places, training images at even ones


class Picture(NamedTuple):
    """A picture inside a page."""

    uri: str  # data:image/...
    width: int  # in pixels
    height: int


class Grid(NamedTuple):
    """A grid of samples that was kept while training."""

    phase: str
    step: int
    path: Path


def grids(samples: Path, phases: Sequence[str]) -> list[Grid]:
    """The grids of some phases in the order in which they were made, thinned out to a page's worth.

    Args:
      samples: the folder.
      phases: their names in order; files of other names are not looked at.
    """
    found = [
        Grid(match[1], int(match[2]), path)
        for path in samples.glob("*.png")
        if (match := GRID_NAME.fullmatch(path.name)) and match[1] in phases
    ]
    found.sort(key=lambda grid: (phases.index(grid.phase), grid.step))
    return _thinned(found, MOST_GRIDS)


def _thinned(found: list[Grid], most: int) -> list[Grid]:
    """So many of them, evenly spread, the first and the last included."""
    if found:
        most = min(most, MOST_PIXELS_OF_GRIDS // max(1, _num_pixels(found[-1].path)))
    if len(found) <= most:
        return found
    if most < 2:
        return found[-1:] if most else []
    return [found[number * (len(found) - 1) // (most - 1)] for number in range(most)]


def too_large(samples: Path) -> list[str]:
    """Names of pictures that a page does without: reading them would take too much memory."""
    return sorted(path.name for path in samples.glob("*.png") if _num_pixels(path) > MOST_PIXELS)


def whole(path: Path) -> Picture | None:
    """A picture as it is, or shrunk; None where there is none, or one that is too large."""
    sheet = _opened(path)
    if sheet is None:
        return None
    if path.stat().st_size <= AS_IT_IS and sheet.width <= WIDEST:
        return Picture(_uri("png", path.read_bytes()), *sheet.size)
    return _embedded(sheet)


def panels(path: Path, count: int) -> list[Picture]:
    """Takes `comparison.png` apart: one picture for each of its so many panels, left to right."""
    sheet = _opened(path)
    if sheet is None:
        return []
    between = 4 * GAP * MAGNIFIED
    width = (sheet.width + between) // count - between
    lefts = (number * (width + between) for number in range(count))
    return [_embedded(sheet.crop((left, 0, left + width, sheet.height))) for left in lefts]


def pairs(path: Path, most: int = 16) -> list[Picture]:
    """Takes `closest.png` apart: pictures of a generated image with its nearest to the right."""
    sheet = _opened(path)
    if sheet is None:
        return []
    side = _side(sheet, PAIRS)
    cells = [
        _cell(sheet, side, row, column, columns=2)
        for row in range((sheet.height - _gap()) // (side + _gap()))
        for column in range(0, PAIRS, 2)
    ]
    return [_embedded(cell) for cell in cells[:most] if not _is_paper(cell)]


def walk(path: Path) -> list[Picture]:
    """Takes `walk.png` apart: a picture for each step, of all walks at that step."""
    sheet = _opened(path)
    if sheet is None:
        return []
    side, across = _side(sheet, figures.WALKS), figures.WALKS // 2
    steps = []
    for column in range(figures.WALKS):
        size = (across * (side + _gap()) - _gap(), 2 * (side + _gap()) - _gap())
        step = Image.new(sheet.mode, size, "white")
        for row in range(figures.WALKS):
            place = (row % across) * (side + _gap()), (row // across) * (side + _gap())
            step.paste(_cell(sheet, side, row, column), place)
        steps.append(_embedded(step))
    return steps


def _gap() -> int:
    """Pixels between the cells of a picture."""
    return GAP * MAGNIFIED


def _side(sheet: Image.Image, columns: int) -> int:
    """Pixels of the side of a picture's cells, which are square."""
    return (sheet.width - _gap()) // columns - _gap()


def _cell(sheet: Image.Image, side: int, row: int, column: int, *, columns: int = 1) -> Image.Image:
    """Cuts out a cell, or several that stand beside each other."""
    left, top = (_gap() + number * (side + _gap()) for number in (column, row))
    return sheet.crop((left, top, left + columns * (side + _gap()) - _gap(), top + side))


def _is_paper(cell: Image.Image) -> bool:
    """Says whether nothing was drawn there."""
    return cell.convert("L").getextrema() == (255, 255)


def _num_pixels(path: Path) -> int:
    """How large a picture is, by its head alone."""
    # Pillow warns of large pictures; `_opened` leaves them alone.
    with path.open("rb") as file:
        head = file.read(24)
    return int.from_bytes(head[16:20]) * int.from_bytes(head[20:24])


def _opened(path: Path) -> Image.Image | None:
    """Reads a picture; None where there is none, or one that is too large for a page."""
    if not path.exists() or _num_pixels(path) > MOST_PIXELS:
        return None
    with Image.open(path) as picture:
        picture.load()
        return picture


def _embedded(picture: Image.Image) -> Picture:
    """Puts a picture into a page: losslessly if it is small, else shrunk and as a JPEG."""
    by = -(-picture.width // WIDEST)
    small = picture.reduce(by) if by > 1 else picture
    lossless = _encoded(small, "png")
    if len(lossless) <= AS_IT_IS:
        return Picture(_uri("png", lossless), *small.size)
    return Picture(_uri("jpeg", _encoded(small, "jpeg")), *small.size)


def _encoded(picture: Image.Image, kind: str) -> bytes:
    """The bytes of a file."""
    content = io.BytesIO()
    picture.save(content, kind, optimize=True, **({"quality": 88} if kind == "jpeg" else {}))
    return content.getvalue()


def _uri(kind: str, content: bytes) -> str:
    """A file inside a page."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
