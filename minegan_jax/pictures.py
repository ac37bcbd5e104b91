"""Grids of images and charts as PNG files, for looking."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from minegan_jax.files import write_atomically
from minegan_jax.types import Pixels

GAP = 2  # pixels between the cells of a grid, before magnification
PAPER = 255  # the gaps are white
CHART = (640, 280, 30)  # width, height and margin of a chart, in pixels
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
