"""One image of a listing, upright and opaque, in 8-bit grey ("L") or colour ("RGB") of sRGB."""

import functools
import io
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Int
from PIL import Image, ImageChops, ImageCms, ImageOps

from minegan_jax.data.deep import as_16_bits, is_deep, to_8_bits
from minegan_jax.data.image_index import ImageIndex
from minegan_jax.data.pictures import limits
from minegan_jax.data.system_errors import is_of_the_system, unread
from minegan_jax.errors import InputError

Indices = Int[np.ndarray, "_"] | Sequence[int]  # of images in a listing
GREY_MODES = ("1", "L", "LA")
SRGB = ImageCms.createProfile("sRGB")
LEVELS = np.arange(0, 256, 51, dtype=np.uint8)
PROBE = Image.fromarray(np.stack(np.meshgrid(LEVELS, LEVELS, LEVELS), -1).reshape(36, 6, 3))
COLOUR_MODES = ("RGB", "RGBA", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV")


class UnreadableImage(InputError):
    """An image that is damaged, or larger than allowed: only these may be skipped."""


def load_image(listing: ImageIndex, index: int) -> Image.Image:
    """Reads all of an image, turns it upright, to 8 bits and to sRGB.

    Raises:
      UnreadableImage: it is damaged or too large.
      InputError: the system could not read it, or its bits have no meaning yet.
    """
    name = listing.names[index]
    try:
        image = _opened(listing, index)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        limit = listing.max_pixels or Image.MAX_IMAGE_PIXELS
        raise UnreadableImage(
            f"{name}: refused: has more than {limit} pixels: target.max_pixels=N reads up to N"
        ) from error
    except Exception as error:  # Pillow's readers raise whatever their parsing trips over.
        if is_of_the_system(error):
            raise unread(name, error) from error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UnreadableImage(f"{name}: not a readable image ({reason})") from error
    return to_8_bits(image, name, listing.grey_range)


def _opened(listing: ImageIndex, index: int) -> Image.Image:
    """Reads all of an image; one that is larger than allowed is an error."""
    with warnings.catch_warnings(), limits(listing.max_pixels):
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with _as_image(listing.read(index)) as image:
            image.load()
            return _as_srgb(as_16_bits(ImageOps.exif_transpose(image), image.format))


def readable_images(
    listing: ImageIndex, indices: Indices, *, skip_unreadable: bool
) -> Iterator[tuple[int, Image.Image]]:
    """The chosen images that can be read, flattened, each with its index.

    Raises:
      InputError: an image is unreadable and none may be skipped, or `flatten` refuses it.
    """
    for index in map(int, indices):
        try:
            image = load_image(listing, index)
        except UnreadableImage:
            if not skip_unreadable:
                raise
            continue
        yield index, flatten(image, listing.names[index])


def unreadable_names(listing: ImageIndex, indices: Indices, kept: Indices) -> tuple[str, ...]:
    """The names of those chosen images that `readable_images` passed over."""
    found = set(map(int, kept))
    return tuple(listing.names[index] for index in map(int, indices) if index not in found)


def _as_image(data: np.ndarray | Image.Image) -> Image.Image:
    if isinstance(data, Image.Image):
        return data
    return Image.fromarray(data[..., 0] if data.ndim == 3 and data.shape[2] == 1 else data)


def _as_srgb(image: Image.Image) -> Image.Image:
    """Takes the colours as the image's ICC profile means them, as browsers do.

    An image without a profile is sRGB already; a profile that cannot be read, or is of another kind
    of image, or of deep grey, is passed over.
    """
    content = None if is_deep(image) else image.info.get("icc_profile")
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content)) if content else None
        if profile is None or means_srgb(content):
            return image
        opaque = image.convert("L" if image.mode in GREY_MODES else "RGB")
        source = image if image.mode == "CMYK" else opaque
        seen = ImageCms.profileToProfile(source, profile, SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image
    if seen is None:  # only where it is asked to change the image in place
        return image
    final = seen.convert(opaque.mode)
    if image.has_transparency_data:
        final.putalpha(image.convert("RGBA").getchannel("A"))
    return final


@functools.lru_cache(maxsize=256)
def means_srgb(content: bytes) -> bool:
    """Says whether a profile leaves RGB colours as they are, to two of 256 levels.

    What it is called says nothing. A picture of such a profile is left alone, to the last bit.

    Raises:
      PyCMSError: it cannot be read; of a profile of another kind of image this is False.
    """
    profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
    if profile.profile.xcolor_space.strip() != "RGB":
        return False
    seen = ImageCms.profileToProfile(PROBE, profile, SRGB, outputMode="RGB")
    if seen is None:
        return False
    return int(np.asarray(ImageChops.difference(seen, PROBE)).max()) <= 2


def flatten(image: Image.Image, name: str) -> Image.Image:
    """Lays an image over white and makes it "L" if its file is grey, "RGB" if it is in colour."""
    if image.mode not in GREY_MODES + COLOUR_MODES:
        raise InputError(
            f"{name}: expected 8 bits a channel, grey or in colour, found mode {image.mode}"
        )
    final = "L" if image.mode in GREY_MODES else "RGB"
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    return image.convert(final)


def is_grey(image: Image.Image) -> bool:
    """Whether a flattened image has no colour in it, however its file stores it."""
    if image.mode == "L":
        return True
    pixels = np.asarray(image)
    return bool((pixels == pixels[..., :1]).all())
