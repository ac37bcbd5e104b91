"""Doubling and halving the resolution of feature maps."""

from jaxtyping import Array, Float

Maps = Float[Array, "batch height width channels"]
Doubled = Float[Array, "batch 2*height 2*width channels"]
Halved = Float[Array, "batch height//2 width//2 channels"]


def upsample(maps: Maps) -> Doubled:
    """Repeats every pixel as a square of 2x2 (nearest neighbour)."""
    return maps.repeat(2, axis=1).repeat(2, axis=2)


def average_pool(maps: Maps) -> Halved:
    """Averages each square of 2x2 pixels; an odd last row or column is dropped."""
    return _squares(maps).mean(axis=(2, 4))


def max_pool(maps: Maps) -> Halved:
    """Keeps the largest of each square of 2x2 pixels; an odd last row or column is dropped."""
    return _squares(maps).max(axis=(2, 4))


def _squares(maps: Maps) -> Float[Array, "batch half_height 2 half_width 2 channels"]:
    """Splits rows and columns into pairs."""
    batch, height, width, channels = maps.shape
    maps = maps[:, : height // 2 * 2, : width // 2 * 2]
    # pixels of a square at axes 2 and 4
    return maps.reshape(batch, height // 2, 2, width // 2, 2, channels)
