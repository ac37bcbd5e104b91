"""Inception-v3 with the weights of 2015 that FID is defined by (Heusel et al., NeurIPS 2017).

Its blocks differ from Szegedy et al. (CVPR 2016) in how they pool: averages do not count the zeros
around a map, and the last block pools maxima. FID compares the 2048 features before its classes.
"""

from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from minegan_jax.nets.statistics import Affine, StoredNorm

RESOLUTION = 299  # of its images, in pixels
NUM_CLASSES = 1008
EPSILON = 1e-3  # added to variances

Maps = Float[Array, "batch height width channels"]
Pool = Callable[[Maps], Maps]


class Unit(NamedTuple):
    """A convolution. With stride 1 it keeps the size of its maps, with stride 2 it pads nothing."""

    name: str
    features: int
    window: tuple[int, int] = (1, 1)
    stride: int = 1


Branch = tuple[Unit | tuple[Unit, ...], ...]  # units one after the other; a tuple: side by side


class Block(NamedTuple):
    """Branches over the same maps, and a pool; what they give is joined along the channels."""

    branches: tuple[Branch, ...]
    pool: Pool
    pooled: int = 0  # channels of a convolution behind the pool; 0: there is none


def _average(maps: Maps) -> Maps:
    """Averages each pixel and its neighbours inside the map."""
    return nn.avg_pool(maps, (3, 3), padding="SAME", count_include_pad=False)


def _largest(maps: Maps) -> Maps:
    """Takes the largest of each pixel and its neighbours."""
    return nn.max_pool(maps, (3, 3), padding="SAME")


def _reduce(maps: Maps) -> Float[Array, "batch shorter narrower channels"]:
    """Takes the largest of each 3x3 pixels, every second row and column."""
    return nn.max_pool(maps, (3, 3), (2, 2))


def _block_35(pooled: int) -> Block:
    """Returns a block for maps of 35x35 pixels."""
    fives = (Unit("branch5x5_1", 48), Unit("branch5x5_2", 64, (5, 5)))
    threes = (
        Unit("branch3x3dbl_1", 64),
        Unit("branch3x3dbl_2", 96, (3, 3)),
        Unit("branch3x3dbl_3", 96, (3, 3)),
    )
    return Block(((Unit("branch1x1", 64),), fives, threes), _average, pooled)


def _block_17(hidden: int) -> Block:
    """Returns a block for maps of 17x17 pixels."""
    row, column = (1, 7), (7, 1)
    sevens = (
        Unit("branch7x7_1", hidden),
        Unit("branch7x7_2", hidden, row),
        Unit("branch7x7_3", 192, column),
    )
    double = (
        Unit("branch7x7dbl_1", hidden),
        Unit("branch7x7dbl_2", hidden, column),
        Unit("branch7x7dbl_3", hidden, row),
        Unit("branch7x7dbl_4", hidden, column),
        Unit("branch7x7dbl_5", 192, row),
    )
    return Block(((Unit("branch1x1", 192),), sevens, double), _average, 192)


def _block_8(pool: Pool) -> Block:
    """Returns a block for maps of 8x8 pixels."""
    row, column = (1, 3), (3, 1)
    threes = (
        Unit("branch3x3_1", 384),
        (Unit("branch3x3_2a", 384, row), Unit("branch3x3_2b", 384, column)),
    )
    double = (
        Unit("branch3x3dbl_1", 448),
        Unit("branch3x3dbl_2", 384, (3, 3)),
        (Unit("branch3x3dbl_3a", 384, row), Unit("branch3x3dbl_3b", 384, column)),
    )
    return Block(((Unit("branch1x1", 320),), threes, double), pool, 192)


TO_17 = Block(
    (
        (Unit("branch3x3", 384, (3, 3), 2),),
        (
            Unit("branch3x3dbl_1", 64),
            Unit("branch3x3dbl_2", 96, (3, 3)),
            Unit("branch3x3dbl_3", 96, (3, 3), 2),
        ),
    ),
    _reduce,
)
TO_8 = Block(
    (
        (Unit("branch3x3_1", 192), Unit("branch3x3_2", 320, (3, 3), 2)),
        (
            Unit("branch7x7x3_1", 192),
            Unit("branch7x7x3_2", 192, (1, 7)),
            Unit("branch7x7x3_3", 192, (7, 1)),
            Unit("branch7x7x3_4", 192, (3, 3), 2),
        ),
    ),
    _reduce,
)
BLOCKS = {
    **{"Mixed_5b": _block_35(32), "Mixed_5c": _block_35(64), "Mixed_5d": _block_35(64)},
    "Mixed_6a": TO_17,
    **{"Mixed_6b": _block_17(128), "Mixed_6c": _block_17(160)},
    **{"Mixed_6d": _block_17(160), "Mixed_6e": _block_17(192)},
    "Mixed_7a": TO_8,
    **{"Mixed_7b": _block_8(_average), "Mixed_7c": _block_8(_largest)},
}


class ConvUnit(nn.Module):
    """A convolution without bias, stored statistics with gain and bias, and a ReLU.

    Attributes:
      unit: channels, window and stride.
      padding: SAME or VALID.
    """

    unit: Unit
    padding: str

    @nn.compact
    def __call__(self, maps: Maps) -> Float[Array, "batch rows columns features"]:
        """Maps (batch, h, w, channels) to (batch, rows, columns, features)."""
        _, features, window, stride = self.unit
        conv = nn.Conv(
            features, window, (stride, stride), self.padding, use_bias=False, name="conv"
        )
        x = StoredNorm(EPSILON, name="statistics")(conv(maps))
        return nn.relu(Affine(name="affine")(x))


def _convolve(maps: Array, unit: Unit, padding: str = "SAME") -> Array:
    """Applies a unit under its own name; a stride of 2 pads nothing."""
    return ConvUnit(unit, "VALID" if unit.stride == 2 else padding, name=unit.name)(maps)


class Mixed(nn.Module):
    """One block.

    Attributes:
      block: its branches and its pool.
    """

    block: Block

    @nn.compact
    def __call__(self, maps: Maps) -> Float[Array, "batch rows columns joined"]:
        """Maps (batch, h, w, channels) to (batch, rows, columns, joined channels)."""
        joined = []
        for branch in self.block.branches:
            parts = [maps]
            for step in branch:
                side_by_side = (step,) if isinstance(step, Unit) else step
                parts = [_convolve(parts[0], unit) for unit in side_by_side]
            joined += parts
        pooled = self.block.pool(maps)
        if self.block.pooled:
            pooled = _convolve(pooled, Unit("branch_pool", self.block.pooled))
        return jnp.concatenate([*joined, pooled], axis=-1)


class Inception(nn.Module):
    """Inception-v3 from images to features and classes."""

    @nn.compact
    def __call__(
        self, images: Maps
    ) -> tuple[Float[Array, "batch features"], Float[Array, "batch classes"]]:
        """Maps (batch, 299, 299, 3), in about [-1, 1], to 2048 features and 1008 logits."""
        x = _convolve(images, Unit("Conv2d_1a_3x3", 32, (3, 3), 2))
        x = _convolve(x, Unit("Conv2d_2a_3x3", 32, (3, 3)), "VALID")
        x = _reduce(_convolve(x, Unit("Conv2d_2b_3x3", 64, (3, 3))))
        x = _convolve(x, Unit("Conv2d_3b_1x1", 80))
        x = _reduce(_convolve(x, Unit("Conv2d_4a_3x3", 192, (3, 3)), "VALID"))
        for name, block in BLOCKS.items():
            x = Mixed(block, name=name)(x)
        features = x.mean(axis=(1, 2))
        return features, nn.Dense(NUM_CLASSES, name="fc")(features)
