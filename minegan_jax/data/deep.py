"""Grey of more than 8 bits, as X-rays and microscopes give it, made 8 bits."""

import numpy as np
from PIL import Image

from minegan_jax.errors import InputError

WHITE = 65535  # of 16 bits
WHOLE = ("PNG", "PPM")  # formats of 16 bits at most, which some Pillows give as 32


def is_deep(image: Image.Image) -> bool:
    """Says whether an image is of more than 8 bits a pixel, which only grey ones are here."""
    return image.mode.startswith(("I", "F"))


def as_16_bits(image: Image.Image, file_format: str | None) -> Image.Image:
    """Gives an image of 16 bits that mode, however Pillow read its file."""
    return image.convert("I;16") if image.mode == "I" and file_format in WHOLE else image


def to_8_bits(image: Image.Image, name: str, grey_range: tuple[float, ...]) -> Image.Image:
    """Scales deep grey; any other image stays as it is.

    Args:
      image: of any mode.
      name: what to call it in an error.
      grey_range: the values that become black and white; () takes the whole range of 16 bits.

    Raises:
      InputError: there is no range, and the image has not 16 bits.
    """
    if not is_deep(image):
        return image
    values = np.asarray(image).astype(np.float64)
    if not grey_range and not image.mode.startswith("I;16"):
        numbers = values[np.isfinite(values)]
        ends = f"{numbers.min():g} to {numbers.max():g}" if len(numbers) else "that are no numbers"
        raise InputError(
            f"{name}: expected 8 or 16 bits a channel, found mode {image.mode} of values {ends}:"
            " target.grey_range=LOW,HIGH says which are black and white"
        )
    black, white = grey_range or (0, WHITE)
    # A value that is no number is as black as what lies below the range.
    scaled = np.clip(np.nan_to_num((values - black) / (white - black), nan=0.0), 0, 1)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        scaled[values == transparent] = 1  # what is transparent lies on white
    return Image.fromarray(np.rint(255 * scaled).astype(np.uint8))
