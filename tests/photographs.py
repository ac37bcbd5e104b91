"""Folders of random photographs, as users bring them."""

import numpy as np
from PIL import Image


def photographs(folder, size, channels, *, classes, count):
    """Writes so many random images of each class: of so many classes, or of those named."""
    rng = np.random.default_rng(0)
    shape = (size, size, 3) if channels == 3 else (size, size)
    for name in range(classes) if isinstance(classes, int) else classes:
        (folder / f"{name}").mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 256, shape, np.uint8)
            Image.fromarray(pixels).save(folder / f"{name}" / f"{number}.png")
