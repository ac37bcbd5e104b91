"""Digests of images, by which equal ones are found however a data set stores them."""

import hashlib
import re

import numpy as np
from jaxtyping import Bool, Int, UInt64
from PIL import Image

from minegan_jax.data.decode import is_grey, readable_images, unreadable_names
from minegan_jax.data.image_index import ImageIndex
from minegan_jax.errors import InputError

Digests = UInt64[np.ndarray, "images"]
PART = re.compile(r"([1-9]\d*)/([1-9]\d*)")


def image_digest(image: Image.Image) -> int:
    """64-bit digest of a flattened image's size and pixels; grey, stored in colour, is grey."""
    if is_grey(image):
        image = image.convert("L")
    hashed = hashlib.blake2b(digest_size=8)
    hashed.update(f"{image.mode} {image.size}".encode())
    hashed.update(image.tobytes())
    return int.from_bytes(hashed.digest(), "little")


def read_digests(
    listing: ImageIndex, indices: Int[np.ndarray, "chosen"], *, skip_unreadable: bool
) -> tuple[Int[np.ndarray, "images"], Digests, tuple[str, ...]]:
    """Digests of the chosen images, at their own size: before any crop or change of size.

    Returns:
      The indices of readable images, their digests, and the names of the others.

    Raises:
      InputError: an image is unreadable and none may be skipped.
    """
    images = readable_images(listing, indices, skip_unreadable=skip_unreadable)
    pairs = [(index, image_digest(image)) for index, image in images]
    kept = np.array([index for index, _ in pairs], np.int64)
    digests = np.array([digest for _, digest in pairs], np.uint64)
    return kept, digests, unreadable_names(listing, indices, kept)


def parse_part(part: str) -> tuple[int, int]:
    """Numbers of "K/N", the K-th of N parts: (K, N).

    Raises:
      InputError: it is none.
    """
    found = PART.fullmatch(part)
    if found is None or int(found[1]) > int(found[2]):
        raise InputError(f"part {part!r}: expected K/N with K from 1 to N, for example 1/3")
    return int(found[1]), int(found[2])


def in_part(digests: Digests, part: str) -> Bool[np.ndarray, "images"]:
    """Which images lie in the K-th of N parts of about equal size, "K/N".

    An image's digest decides, so the parts of a set are disjoint, equal images share one, and the
    order and format of a set do not matter.
    """
    place, count = parse_part(part)
    return digests % np.uint64(count) == place - 1


def occurs_in(digests: Digests, others: UInt64[np.ndarray, "others"]) -> Bool[np.ndarray, "images"]:
    """Which images occur, pixel for pixel, among others."""
    return np.isin(digests, others)
