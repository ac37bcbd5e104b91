"""What every kind of data set looks like to the rest of this room."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from minegan_jax.types import Labels


class ImageIndex(NamedTuple):
    """Images that can be read one at a time: their resolution is only asked for later."""

    name: str  # the spec it was opened with, such as "folder:/data/cats"
    labels: Labels  # -1 where there is none
    class_names: tuple[str, ...]  # class_names[label]; empty where classes have no names
    read: Callable[[int], np.ndarray | Image.Image]  # may raise anything on a damaged file
    names: Sequence[str]  # what to call image i in an error
    other_files: tuple[str, ...] = ()  # those that are no images, counted: "3 .heic"
    grey_range: tuple[float, ...] = ()  # deep grey that becomes black and white, see `data.deep`
    max_pixels: int | None = None  # of one image; None is Pillow's limit


def unlabelled(num_images: int) -> Labels:
    """Labels of images that have none."""
    return np.full(num_images, -1, np.int32)
