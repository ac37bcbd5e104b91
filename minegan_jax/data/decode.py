"""One image of a listing, upright and opaque, in 8-bit grey ("L") or colour ("RGB") of sRGB."""

import io
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Int
from PIL import Image, ImageCms, ImageOps

from minegan_jax.data.listing import Listing
from minegan_jax.errors import InputError

Indices = Int[np.ndarray, "_"] | Sequence[int]  # of images in a listing
GREY_MODES = ("1", "L", "LA")
SRGB = ImageCms.createProfile("sRGB")
COLOUR_MODES = ("RGB", "RGBA", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV")


def load_image(listing: Listing, index: int) -> Image.Image:
    """Reads all of an image, turns it upright and to sRGB; says whose bytes cannot be read."""
    name = listing.names[index]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with _as_image(listing.read(index)) as image:
                image.load()
                return _as_srgb(ImageOps.exif_transpose(image))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        limit = Image.MAX_IMAGE_PIXELS
        raise InputError(f"{name}: refused: has more than {limit} pixels") from error
    except Exception as error:  # Pillow's readers raise whatever their parsing trips over.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{name}: not a readable image ({reason})") from error


def readable_images(
    listing: Listing, indices: Indices, *, skip_unreadable: bool
) -> Iterator[tuple[int, Image.Image]]:
    """The chosen images that can be read, flattened, each with its index.

    Raises:
      InputError: an image is unreadable and none may be skipped, or `flatten` refuses it.
    """
    for index in map(int, indices):
        try:
            image = load_image(listing, index)
        except InputError:
            if not skip_unreadable:
                raise
            continue
        yield index, flatten(image, listing.names[index])


def unreadable_names(listing: Listing, indices: Indices, kept: Indices) -> tuple[str, ...]:
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
    of image, is passed over.
    """
    content = image.info.get("icc_profile")
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(content)) if content else None
        if profile is None or "sRGB" in ImageCms.getProfileDescription(profile):
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
