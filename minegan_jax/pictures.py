"""Grids of images and charts as PNG files, for looking."""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageColor, ImageDraw

from minegan_jax.files import write_atomically
from minegan_jax.types import Pixels

GAP = 2  # pixels between the cells of a grid, before magnification
PAPER = 255  # the gaps are white
CHART = (640, 280, 30)  # width, height and margin of a chart, in pixels
CELL = 56  # pixels of an image in a strip, at least
NAME = 140  # pixels for the name before a row
HUES_APART = 137.5  # degrees between the colours of lines, so that many stay distinct


def grid(images: Pixels, *, columns: int) -> np.ndarray:
    """Lays images out in rows; returns (height, width, channels) in [0, 255]."""
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    cell_height, cell_width = height + GAP, width + GAP
    shape = (rows * cell_height + GAP, columns * cell_width + GAP, channels)
    sheet = np.full(shape, PAPER, np.uint8)
    for place, image in enumerate(images):
        top, left = (place // columns) * cell_height + GAP, (place % columns) * cell_width + GAP
        sheet[top : top + height, left : left + width] = image
    return sheet


def side_by_side(
    panels: list[UInt8[np.ndarray, "_ height width channels"]], *, columns: int
) -> np.ndarray:
    """Lays several sets of images out as grids, left to right, with a wider gap between them."""
    sheets = [grid(panel, columns=columns) for panel in panels]
    height = max(sheet.shape[0] for sheet in sheets)
    padded = [
        np.pad(s, ((0, height - s.shape[0]), (0, 4 * GAP), (0, 0)), constant_values=PAPER)
        for s in sheets
    ]
    return np.concatenate(padded, axis=1)[:, : -4 * GAP]


def save_png(path: Path, sheet: np.ndarray, *, magnify: int = 2) -> None:
    """Writes (height, width, 1 or 3 channels) in [0, 255]; each pixel becomes a square."""
    large = sheet.repeat(magnify, axis=0).repeat(magnify, axis=1)
    picture = Image.fromarray(large[..., 0] if large.shape[-1] == 1 else large)
    content = io.BytesIO()
    picture.save(content, "png")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content.getvalue())


def chart(series: Mapping[str, Sequence[float]]) -> np.ndarray:
    """Draws shares in [0, 1] as they follow one another, a line per name; (height, width, 3)."""
    width, height, edge = CHART
    picture = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(picture)
    bottom, right = height - edge, width - 4 * edge
    for tenth in range(0, 11, 2):
        y = bottom + (edge - bottom) * tenth / 10
        pen.line([(edge, y), (right, y)], fill="lightgrey")
        pen.text((2, y - 6), f"{tenth / 10:.1f}", fill="black")
    for number, (name, values) in enumerate(series.items()):
        colour = f"hsl({number * HUES_APART % 360:.0f}, 90%, 40%)"
        across = np.linspace(edge, right, len(values))
        down = bottom + (edge - bottom) * np.asarray(values)
        pen.line(list(zip(across, down, strict=True)), fill=colour, width=2)
        pen.text((right + 8, edge + 14 * number), f"{name}: {values[-1]:.2f}", fill=colour)
    return np.asarray(picture)


def strips(rows: Mapping[str, Sequence[Pixels]]) -> np.ndarray:
    """Lays sets of images out side by side, a row for each name, which stands before it."""
    sheets = {
        name: side_by_side([_enlarged(images) for images in sets], columns=len(sets[0]))
        for name, sets in rows.items()
    }
    widest = max(sheet.shape[1] for sheet in sheets.values())
    return np.concatenate([_named(name, sheet, widest) for name, sheet in sheets.items()])


def _enlarged(images: Pixels) -> UInt8[np.ndarray, "batch taller wider 3"]:
    """Makes every pixel a square until an image fills a cell, and grey a colour."""
    by = -(-CELL // images.shape[1])
    large = images.repeat(by, axis=1).repeat(by, axis=2)
    return np.broadcast_to(large, (*large.shape[:3], 3))


def _named(name: str, sheet: np.ndarray, width: int) -> np.ndarray:
    """Puts a name before a row of images, which is made as wide as the others."""
    picture = Image.new("RGB", (NAME, sheet.shape[0]), "white")
    ImageDraw.Draw(picture).text((4, sheet.shape[0] // 2 - 6), name, fill="black")
    missing = ((0, 0), (0, width - sheet.shape[1]), (0, 0))
    padded = np.pad(sheet, missing, constant_values=PAPER)
    return np.concatenate([np.asarray(picture), padded], axis=1)


Points = Sequence[tuple[float, Sequence[float]]]  # places, and the values of all seeds there


def curves(series: Mapping[str, Points], *, across: str, up: str) -> np.ndarray:
    """Draws values over places, both on logarithmic axes: means as lines, all between as bands.

    Args:
      series: points by the name of their line; values that are not positive are left out.
      across: what the places are.
      up: what the values are.

    Returns:
      (height, width, 3).
    """
    width, height, edge = CHART
    shown = {
        name: [(x, seeds) for x, seeds in points if len(seeds) and min(seeds) > 0]
        for name, points in series.items()
    }
    points = [point for line in shown.values() for point in line]
    to_x = _logarithmic([x for x, _ in points], edge, width - 6 * edge)
    to_y = _logarithmic([y for _, seeds in points for y in seeds], height - edge, edge)
    picture = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(picture, "RGBA")
    for x in sorted({x for x, _ in points}):
        pen.line([(to_x(x), edge), (to_x(x), height - edge)], fill="lightgrey")
        pen.text((to_x(x) - 8, height - edge + 4), f"{x:g}", fill="black")
    for y in _round_values([y for _, seeds in points for y in seeds]):
        pen.line([(edge, to_y(y)), (width - 6 * edge, to_y(y))], fill="lightgrey")
        pen.text((2, to_y(y) - 6), f"{y:g}", fill="black")
    pen.text((edge, 4), f"{up} over {across}", fill="black")
    for number, (name, line) in enumerate(shown.items()):
        hue = number * HUES_APART % 360
        lower, upper, mean = (
            [(to_x(x), to_y(float(of(seeds)))) for x, seeds in line] for of in (min, max, np.mean)
        )
        if len(line) > 1:
            pen.polygon([*lower, *reversed(upper)], fill=(*_colour(hue), 50))
            pen.line(mean, fill=_colour(hue), width=2)
        for x, y in mean:
            pen.ellipse([x - 2, y - 2, x + 2, y + 2], fill=_colour(hue))
        pen.text((width - 6 * edge + 8, edge + 14 * number), name, fill=_colour(hue))
    return np.asarray(picture)


def _colour(hue: float) -> tuple[int, ...]:
    """Returns the red, green and blue of a line."""
    return ImageColor.getrgb(f"hsl({hue:.0f}, 90%, 40%)")


def _logarithmic(values: Sequence[float], first: int, last: int) -> Callable[[float], float]:
    """Returns what places values between two ends by their logarithms."""
    low, high = np.log(min(values)), np.log(max(values))
    reach = high - low or 1.0
    return lambda value: float(first + (last - first) * (np.log(value) - low) / reach)


def _round_values(values: Sequence[float]) -> list[float]:
    """Returns 1, 2 and 5 times powers of ten between the smallest and the largest."""
    low, high = min(values), max(values)
    tens = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    return [n * 10.0**ten for ten in tens for n in (1, 2, 5) if low <= n * 10.0**ten <= high]
