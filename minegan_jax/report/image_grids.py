"""Grids of images as PNG files, for looking."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from minegan_jax.files import write_atomically
from minegan_jax.types import Pixels

GAP = 2  # pixels between the cells of a grid, before magnification
PAPER = 255  # the gaps are white
CELL = 56  # pixels of an image in a strip, at least
LARGEST = 256  # pixels of an image in a grid for looking; larger ones are shrunk
Resized = UInt8[np.ndarray, "batch _ _ channels"]
NAME = 140  # pixels for the name before a row


def shrunk(images: Pixels) -> Resized:
    """Shrinks images that are too large for a grid."""
    return images if images.shape[1] <= LARGEST else resized(images, LARGEST)


def resized(images: Pixels, resolution: int) -> Resized:
    """Returns images at another resolution, in the colours that they have."""
    if not len(images) or images.shape[1] == resolution:
        return images
    pictures = (as_picture(image) for image in images)
    size = (resolution, resolution)
    found = [np.asarray(picture.resize(size, Image.Resampling.LANCZOS)) for picture in pictures]
    return np.stack(found).reshape(-1, *size, images.shape[-1])


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
    panels: list[UInt8[np.ndarray, "_ height width _"]], *, columns: int
) -> np.ndarray:
    """Lays several sets of images out as grids, left to right, with a wider gap between them.

    Grey becomes a colour beside colours.
    """
    channels = max(panel.shape[-1] for panel in panels)
    coloured = (np.broadcast_to(panel, (*panel.shape[:3], channels)) for panel in panels)
    sheets = [grid(panel, columns=columns) for panel in coloured]
    height = max(sheet.shape[0] for sheet in sheets)
    padded = [
        np.pad(s, ((0, height - s.shape[0]), (0, 4 * GAP), (0, 0)), constant_values=PAPER)
        for s in sheets
    ]
    return np.concatenate(padded, axis=1)[:, : -4 * GAP]


def save_png(path: Path, sheet: np.ndarray, *, magnify: int = 2) -> None:
    """Writes (height, width, 1 or 3 channels) in [0, 255]; each pixel becomes a square."""
    picture = as_picture(sheet.repeat(magnify, axis=0).repeat(magnify, axis=1))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: picture.save(file, "png"))


def as_picture(sheet: np.ndarray) -> Image.Image:
    """Returns (height, width, 1 or 3 channels) in [0, 255] for Pillow."""
    return Image.fromarray(sheet[..., 0] if sheet.shape[-1] == 1 else sheet)


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
    small = shrunk(images)
    by = -(-CELL // small.shape[1])
    large = small.repeat(by, axis=1).repeat(by, axis=2)
    return np.broadcast_to(large, (*large.shape[:3], 3))


def _named(name: str, sheet: np.ndarray, width: int) -> np.ndarray:
    """Puts a name before a row of images, which is made as wide as the others."""
    picture = Image.new("RGB", (NAME, sheet.shape[0]), "white")
    ImageDraw.Draw(picture).text((4, sheet.shape[0] // 2 - 6), name, fill="black")
    missing = ((0, 0), (0, width - sheet.shape[1]), (0, 0))
    padded = np.pad(sheet, missing, constant_values=PAPER)
    return np.concatenate([np.asarray(picture), padded], axis=1)
