"""DiffAugment: what the critic sees, real or fake, is changed at random (Zhao et al. 2020).

With few images a critic learns them by heart; changed each time, they last longer. The players'
gradients go back through the change. Arithmetic and ranges are those of arXiv:2006.10738; an image
with its numbers is always changed alike, so that a run which was cut goes on bit for bit.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from minegan_jax.types import Images, Key

COLOUR, TRANSLATION, CUTOUT = POLICIES = ("colour", "translation", "cutout")
NUM_NUMBERS = 7  # an image: three for its colours, two for its place, two for the hole
SHIFT = 0.125  # of the image's size: the longest way
HOLE = 0.5  # of the image's size

Numbers = Float[Array, "batch 7"]  # uniform in [0, 1)


def draw_numbers(key: Key, places: tuple[int, ...]) -> Float[Array, "*places 7"]:
    """Draws what decides how each image is changed."""
    return jax.random.uniform(key, (*places, NUM_NUMBERS))


def augment(policies: tuple[str, ...], images: Images, numbers: Numbers) -> Images:
    """Changes images in [-1, 1], one after the other: colours, then place, then a hole.

    Args:
      policies: some of `POLICIES`.
      images: to change.
      numbers: of each image.
    """
    if COLOUR in policies:
        images = _recoloured(images, numbers[:, :3])
    if TRANSLATION in policies:
        images = _moved(images, numbers[:, 3:5])
    if CUTOUT in policies:
        images = _with_hole(images, numbers[:, 5:])
    return images


def _recoloured(images: Images, numbers: Float[Array, "batch 3"]) -> Images:
    """Adds to the brightness -0.5 to 0.5, multiplies saturation by 0 to 2, contrast by 0.5 to 1.5.

    Grey images have no saturation: it stays.
    """
    brightness, saturation, contrast = (numbers[:, i, None, None, None] for i in range(3))
    images = images + (brightness - 0.5)
    grey = images.mean(axis=3, keepdims=True)
    images = grey + 2.0 * saturation * (images - grey)
    mean = images.mean(axis=(1, 2, 3), keepdims=True)
    return mean + (contrast + 0.5) * (images - mean)


def _moved(images: Images, numbers: Float[Array, "batch 2"]) -> Images:
    """Moves images by whole pixels, up to an eighth of their size; what comes in is 0."""
    size = images.shape[1]
    most = int(size * SHIFT + 0.5)
    shifts = _whole(numbers, 2 * most + 1) - most
    rows, columns = (
        _shift_matrices(shifts[:, axis], size).astype(images.dtype) for axis in range(2)
    )
    # As products with matrices of 0 and 1: gathers' derivatives are slow, and on GPUs inexact.
    return jnp.einsum("bhwc,bHh,bWw->bHWc", images, rows, columns, precision="highest")


def _shift_matrices(shifts: Int[Array, "batch"], size: int) -> Bool[Array, "batch to from"]:
    """Returns the matrices that move rows by so many places."""
    places = jnp.arange(size)
    return places[None, :, None] - shifts[:, None, None] == places[None, None]


def _with_hole(images: Images, numbers: Float[Array, "batch 2"]) -> Images:
    """Sets a square of half the size to 0; its centre may lie anywhere."""
    size = images.shape[1]
    width = int(size * HOLE + 0.5)
    first = _whole(numbers, size + 1 - width % 2) - width // 2
    offsets = jnp.arange(size)[None, :, None] - first[:, None]
    inside = (offsets >= 0) & (offsets < width)  # (batch, size, rows or columns)
    hole = inside[:, :, None, 0] & inside[:, None, :, 1]
    return jnp.where(hole[..., None], 0.0, images)


def _whole(numbers: Float[Array, "*shape"], count: int) -> Int[Array, "*shape"]:
    """Turns numbers in [0, 1) into whole ones below `count`, each as often."""
    return jnp.minimum((numbers * count).astype(jnp.int32), count - 1)
