"""Makes the images of a listing alike: square, of one resolution, all grey or all in colour."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image

from minegan_jax.data.decode import (
    Indices,
    flatten,
    is_grey,
    load_image,
    readable_images,
    unreadable_names,
)
from minegan_jax.data.digests import Digests, image_digest
from minegan_jax.data.image_index import ImageIndex
from minegan_jax.errors import InputError
from minegan_jax.types import Pixels

COLOURS = ("as_is", "convert")
FITS = ("crop", "pad", "squeeze")


class Preprocessed(NamedTuple):
    """Images of one shape, and which they are."""

    pixels: Pixels
    indices: Int[np.ndarray, "batch"]  # into the listing, one per image
    skipped: tuple[str, ...]  # the names of unreadable images, none of which is in `pixels`
    digests: Digests  # of the images as they were stored, see `data.digests`


def native_shape(listing: ImageIndex, box: Sequence[float] = ()) -> tuple[int, int]:
    """The resolution of the first image's box, after its square crop, and number of channels."""
    image = _in_box(flatten(load_image(listing, 0), listing.names[0]), listing.names[0], box)
    return min(image.size), len(image.getbands())


def preprocess(
    listing: ImageIndex,
    indices: Indices,
    *,
    resolution: int,
    channels: int,
    colour: str = "as_is",
    skip_unreadable: bool = False,
    enlarge: bool = False,
    fit: str = "crop",
    box: Sequence[float] = (),
) -> Preprocessed:
    """Reads the chosen images: cut to their box, made square, shrunk; enlarged only on request.

    Where one is not square, `fit` says how it becomes so: "crop" takes its middle, "pad" lays all
    of it on white, "squeeze" changes its shape.

    An image that is too small or of the wrong colour is an error even if unreadable ones are
    skipped: those say that the data set is not what the user thinks it is.
    """
    _check_choice(channels, colour, fit)
    pixels = np.empty((len(indices), resolution, resolution, channels), np.uint8)
    kept: list[int] = []
    digests: list[int] = []
    for index, image in readable_images(listing, indices, skip_unreadable=skip_unreadable):
        name = listing.names[index]
        recoloured = _recolour(image, name, channels=channels, colour=colour)
        cut = _in_box(recoloured, name, box)
        fitted = _fit(cut, name, resolution, enlarge=enlarge, fit=fit)
        pixels[len(kept)] = fitted.reshape(pixels.shape[1:])
        kept.append(index)
        digests.append(image_digest(image))
    return Preprocessed(
        pixels[: len(kept)],
        np.array(kept, np.int64),
        unreadable_names(listing, indices, kept),
        np.array(digests, np.uint64),
    )


def _check_choice(channels: int, colour: str, fit: str) -> None:
    if channels not in (1, 3):
        raise InputError(f"expected images of 1 or 3 channels, found {channels}")
    if colour not in COLOURS:
        raise InputError(f"colour: expected {' or '.join(COLOURS)}, found {colour!r}")
    if fit not in FITS:
        raise InputError(f"fit: expected {' or '.join(FITS)}, found {fit!r}")


def _recolour(image: Image.Image, name: str, *, channels: int, colour: str) -> Image.Image:
    """Gives an image its number of channels, and refuses to do so silently if that changes it.

    A file in colour whose three channels agree is grey and colour alike: nothing is lost.
    """
    if colour == "as_is" and channels == 1 and not is_grey(image):
        raise InputError(
            f"{name}: expected a grey image (1 channel), found colour: "
            "target.colour=convert makes it grey"
        )
    if colour == "as_is" and channels == 3 and image.mode == "L":
        raise InputError(
            f"{name}: expected a colour image (3 channels), found grey: "
            "target.colour=convert repeats its grey three times"
        )
    return image.convert("L" if channels == 1 else "RGB")


def _in_box(image: Image.Image, name: str, box: Sequence[float]) -> Image.Image:
    """Returns the whole pixels of an image that come nearest to a box; none takes all of it."""
    if not box:
        return image
    if len(box) != 4 or min(box[2:]) <= 0 or box[0] + box[2] > 1 or box[1] + box[3] > 1:
        raise InputError(
            "target.box: expected top, left, height and width of a part of the image, in shares of"
            f" it, found {tuple(box)}"
        )
    top, left, height, width = box
    edges = (left, top, left + width, top + height)
    sizes = (*image.size, *image.size)
    pixels = [round(edge * size) for edge, size in zip(edges, sizes, strict=True)]
    if pixels[0] == pixels[2] or pixels[1] == pixels[3]:
        raise InputError(f"{name}: target.box is less than a pixel of {image.width}x{image.height}")
    return image.crop((pixels[0], pixels[1], pixels[2], pixels[3]))


def _fit(
    image: Image.Image, name: str, resolution: int, *, enlarge: bool, fit: str
) -> UInt8[np.ndarray, "..."]:
    """The image as a square, at the resolution asked for."""
    width, height = image.size
    side = max(image.size) if fit == "pad" else min(image.size)
    if side < resolution and not enlarge:
        raise InputError(
            f"{name}: expected at least {resolution}x{resolution} pixels, found {width}x{height}: "
            "target.enlarge=True enlarges it"
        )
    if fit == "crop":
        left, top = (width - side) // 2, (height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    size = (resolution, resolution)
    if fit == "pad":
        size = (_shrunk(width, side, resolution), _shrunk(height, side, resolution))
    if image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(_padded(image, resolution) if fit == "pad" else image)


def _shrunk(length: int, side: int, resolution: int) -> int:
    """A length where `side` becomes `resolution`; a pixel at least."""
    return max(1, round(length * resolution / side))


def _padded(image: Image.Image, resolution: int) -> Image.Image:
    """Lays an image in the middle of a white square, as transparent ones lie on white."""
    square = Image.new(image.mode, (resolution, resolution), "white")
    square.paste(image, ((resolution - image.width) // 2, (resolution - image.height) // 2))
    return square
