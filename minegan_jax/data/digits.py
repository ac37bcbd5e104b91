"""`digits`: 5,000 MNIST images, 500 a digit, that come with this package: no download."""

from pathlib import Path

import numpy as np

from minegan_jax.data.image_index import ImageIndex
from minegan_jax.errors import InputError

NUM_CLASSES = 10
PACKAGED = Path(__file__).parents[1] / "assets" / "mnist_digits" / "images.npz"


def open_digits(rest: str) -> ImageIndex:
    """All 5,000 digits, sorted by label."""
    if rest:
        raise InputError(f"digits:{rest}: expected just 'digits', without {rest!r}")
    with np.load(PACKAGED, allow_pickle=False) as stored:
        images, labels = stored["images"], stored["labels"]
    return ImageIndex(
        name="digits",
        labels=labels.astype(np.int32),
        class_names=tuple(str(digit) for digit in range(NUM_CLASSES)),
        read=images.__getitem__,
        names=[f"digits[{index}]" for index in range(len(images))],
    )
