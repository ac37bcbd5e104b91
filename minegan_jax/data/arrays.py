"""`array:DIGEST`: images that lie in this process's memory, as Python gave them."""

import numpy as np
from numpy.typing import ArrayLike

from minegan_jax import trees
from minegan_jax.data.image_index import ImageIndex, unlabelled
from minegan_jax.data.npz import checked_images, checked_labels
from minegan_jax.errors import InputError

KIND = "array"
_KEPT: dict[str, ImageIndex] = {}  # by digest, for as long as the process lasts


def keep_array(images: ArrayLike, labels: ArrayLike | None = None) -> str:
    """Keeps images, so that a spec names them; the same ones have the same spec anywhere.

    Args:
      images: uint8 of shape (n, h, w), (n, h, w, 1 or 3 or 4) or (n, 1 or 3, h, w).
      labels: class numbers, (n,); None where there are none.

    Returns:
      The spec, `array:DIGEST`.

    Raises:
      InputError: they have another type or shape.
    """
    checked = checked_images(np.asarray(images), "images", "an array")
    count = len(checked)
    numbers = (
        unlabelled(count)
        if labels is None
        else checked_labels(np.asarray(labels), "images", "labels", count)
    )
    digest = trees.digest((checked, numbers))[:16]
    spec = f"{KIND}:{digest}"
    names = [f"image {index}" for index in range(count)]
    _KEPT[digest] = ImageIndex(spec, numbers, (), checked.__getitem__, names)
    return spec


def open_array(rest: str) -> ImageIndex:
    """Images that this process was given.

    Raises:
      InputError: it was not given such images.
    """
    if rest not in _KEPT:
        raise InputError(
            f"{KIND}:{rest}: these images lay in another process's memory: give them to"
            " minegan_jax.open_images again"
        )
    return _KEPT[rest]
