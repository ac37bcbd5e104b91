"""The generator of BigGAN-deep (Brock et al. 2019, appendix B, figure 16); no critic was published.

Every block sees the whole latent beside the class's vector. The batch statistics are stored for a
row of truncations; those of the wanted one are interpolated.
"""

import math
from collections.abc import Sequence
from functools import partial

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from minegan_jax.errors import InputError
from minegan_jax.nets.attention import Attention
from minegan_jax.nets.conditioning import class_vectors
from minegan_jax.nets.resampling import upsample
from minegan_jax.nets.spectral import SpectralConv, SpectralDense, constant
from minegan_jax.nets.statistics import Affine, standardise
from minegan_jax.types import Conditions, Images, Latents

Maps = Float[Array, "batch height width channels"]
Condition = Float[Array, "batch condition"]  # the latent, then a class's vector
Blocks = Sequence[Sequence[int]]  # of (1 to double the resolution or 0, input and output multiple)

NARROWING = 4  # a block's inner maps have a quarter of its channels
PUBLISHED_128 = (
    *((0, 16, 16), (1, 16, 16), (0, 16, 16), (1, 16, 8), (0, 8, 8)),
    *((1, 8, 4), (0, 4, 4), (1, 4, 2), (0, 2, 2), (1, 2, 1)),
)

_Dense = partial(SpectralDense, keeps_v=True)
_Conv = partial(SpectralConv, keeps_v=True)


def place_of(truncation: float, num_statistics: int) -> tuple[int, float]:
    """Returns the row of a truncation, and the weight of that row against the one after it.

    The rows lie evenly from 0 to 1. The weights are those of the published code, which gives
    *more* weight to the row that is further away; in double precision, because it also depends on
    how a truncation such as 0.58 is rounded.
    """
    if not 0.0 < truncation <= 1.0:
        raise InputError(f"truncation {truncation}: expected over 0 and at most 1")
    weight, row = math.modf(truncation / (1.0 / (num_statistics - 1)))
    return int(row), weight or 1.0


class TruncatedNorm(nn.Module):
    """Standardises by the statistics of a truncation.

    Attributes:
      num_statistics: rows of stored statistics, 2 or more.
      epsilon: added to the variance.
      truncation: in (0, 1].
    """

    num_statistics: int
    epsilon: float
    truncation: float

    @nn.compact
    def __call__(self, maps: Maps) -> Maps:
        """Keeps the shape, (batch, height, width, channels)."""
        shape = (self.num_statistics, maps.shape[-1])
        means = self.param("means", nn.initializers.zeros, shape, jnp.float32)
        variances = self.param("variances", nn.initializers.ones, shape, jnp.float32)
        row, weight = place_of(self.truncation, self.num_statistics)
        mean, variance = (
            weight * rows[row] + (1.0 - weight) * rows[min(row + 1, self.num_statistics - 1)]
            for rows in (constant(means), constant(variances))
        )
        return standardise(maps, mean, variance, epsilon=self.epsilon)


class ConditionalNorm(nn.Module):
    """Standardises; gain and bias are linear in the condition.

    Attributes:
      standard: makes the module that standardises from its name.
    """

    standard: partial[TruncatedNorm]

    @nn.compact
    def __call__(self, maps: Maps, condition: Condition) -> Maps:
        """Keeps the shape of the maps, (batch, height, width, channels)."""
        features = maps.shape[-1]
        gain = 1.0 + _Dense(features, use_bias=False, name="gain")(condition)
        bias = _Dense(features, use_bias=False, name="bias")(condition)
        return self.standard(name="statistics")(maps) * gain[:, None, None] + bias[:, None, None]


class Block(nn.Module):
    """A bottleneck of four convolutions; surplus channels of the shortcut are dropped.

    Attributes:
      features: channels of the output, as many as the input has or half of them.
      double: whether it doubles the resolution.
      standard: makes the modules that standardise.
    """

    features: int
    double: bool
    standard: partial[TruncatedNorm]

    @nn.compact
    def __call__(
        self, maps: Maps, condition: Condition
    ) -> Float[Array, "batch taller wider features"]:
        """Maps (batch, h, w, channels) to (batch, h, w, features) or (batch, 2h, 2w, features)."""
        inner = maps.shape[-1] // NARROWING
        x = maps
        for i, (features, size) in enumerate(
            ((inner, 1), (inner, 3), (inner, 3), (self.features, 1))
        ):
            x = nn.relu(ConditionalNorm(self.standard, name=f"norm{i}")(x, condition))
            x = upsample(x) if self.double and i == 1 else x
            x = _Conv(features, kernel_size=size, name=f"conv{i}")(x)
        shortcut = maps[..., : self.features]
        return x + (upsample(shortcut) if self.double else shortcut)


class Generator(nn.Module):
    """Turns latents and classes into images.

    Attributes:
      resolution: height and width of the images in pixels: 4, doubled by each block that doubles.
      channels: 3 for RGB; the first of the last convolution's.
      width: multiple of the channels of all feature maps; 128 as published.
      latent_size: length of a latent, drawn from N(0, I), or truncated.
      num_classes: how many there are.
      embedding_size: length of a class's vector.
      blocks: for each, 1 if it doubles the resolution or 0, and its channels before and after,
        over `width`.
      attention: the block, from 0, that attention goes before.
      num_statistics: rows of stored statistics, for truncations from 0 to 1.
      epsilon: added to the variances.
      truncation: whose statistics are used unless a call says otherwise, in (0, 1].
    """

    resolution: int = 128
    channels: int = 3
    width: int = 128
    latent_size: int = 128
    num_classes: int = 1000
    embedding_size: int = 128
    blocks: Blocks = PUBLISHED_128
    attention: int = 8
    num_statistics: int = 51
    epsilon: float = 1e-4
    truncation: float = 1.0

    @nn.compact
    def __call__(
        self,
        latents: Latents,
        labels: Conditions | None = None,
        truncation: float | None = None,
    ) -> Images:
        """Maps (batch, latent_size) to (batch, resolution, resolution, channels) in [-1, 1].

        Args:
          latents: (batch, latent_size), used as given.
          labels: class numbers, (batch,), or class vectors, (batch, embedding_size); None is the
            mean of all classes' vectors.
          truncation: whose statistics are used, in (0, 1]; None is the attribute's.
        """
        self._check()
        wanted = self.truncation if truncation is None else truncation
        standard = partial(TruncatedNorm, self.num_statistics, self.epsilon, wanted)
        table_shape = (self.num_classes, self.embedding_size)
        table = self.param("embedding", nn.initializers.orthogonal(), table_shape, jnp.float32)
        vectors = class_vectors(table, labels, len(latents))
        condition = jnp.concatenate([latents, vectors], axis=1)
        smallest = self.blocks[0][1] * self.width
        x = _Dense(4 * 4 * smallest, name="linear")(condition).reshape(-1, 4, 4, smallest)
        for i, (double, _, multiple) in enumerate(self.blocks):
            if i == self.attention:
                x = Attention(partial(_Conv, kernel_size=1, use_bias=False), name="attention")(x)
            features = multiple * self.width
            x = Block(features, bool(double), standard, name=f"block{i}")(x, condition)
        x = nn.relu(Affine(name="affine")(standard(name="statistics")(x)))
        # The published layer makes as many maps as it gets; only the first are looked at.
        return jnp.tanh(_Conv(x.shape[-1], name="to_image")(x)[..., : self.channels])

    def _check(self) -> None:
        """Makes sure that the blocks make images of the resolution."""
        made = 4 * 2 ** sum(double for double, _, _ in self.blocks)
        if made != self.resolution or self.num_statistics < 2:
            raise InputError(
                f"biggan_deep: the blocks make {made} pixels with {self.num_statistics} rows of"
                f" statistics, expected {self.resolution} pixels and 2 rows or more"
            )
