"""SNGAN with a projection critic (Miyato et al., Miyato and Koyama, both ICLR 2018).

Residual networks. The generator normalises by stored statistics, with a gain and a bias for each
class; every layer of the critic is spectrally normalised.
"""

from collections.abc import Sequence
from functools import partial

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from minegan_jax.errors import InputError
from minegan_jax.nets.conditioning import class_vectors
from minegan_jax.nets.convolution import Conv
from minegan_jax.nets.precision import to_float32
from minegan_jax.nets.residual import DownBlock, UpBlock
from minegan_jax.nets.spectral import SpectralDense, SpectralEmbedding
from minegan_jax.nets.statistics import Affine, StoredNorm
from minegan_jax.types import ClassVectors, Conditions, Images, Latents, Scores

SMALLEST = 4  # pixels of the generator's first feature map
WIDEST = 16  # times the width of the largest feature map
EPSILON = 2e-5  # added to variances

Maps = Float[Array, "batch height width channels"]
glorot = nn.initializers.glorot_uniform()


def num_doublings(resolution: int) -> int:
    """Returns how often 4x4 pixels are doubled.

    Raises:
      InputError: the resolution is not 8, 16, 32, ... pixels.
    """
    times = resolution.bit_length() - SMALLEST.bit_length()
    if times < 1 or resolution != SMALLEST << times:
        raise InputError(
            f"SNGAN: expected a resolution of 8, 16, 32, ... pixels, found {resolution}"
        )
    return times


def critic_widths(resolution: int, width: int | Sequence[int]) -> tuple[int, ...]:
    """Returns the channels of each block: 128 gives 1, 2, 4, 8, 16, 16 times.

    Args:
      resolution: of the images in pixels.
      width: of the first block, each one after it has twice as many, up to 16 times; or all.
    """
    expected = num_doublings(resolution) + 1
    if isinstance(width, int):
        return tuple(width * min(2**i, WIDEST) for i in range(expected))
    if len(width) != expected:
        raise InputError(f"SNGAN: expected {expected} widths, found {len(width)}: {width}")
    return tuple(width)


def generator_widths(resolution: int, width: int | Sequence[int]) -> tuple[int, ...]:
    """Returns the channels of the 4x4 maps, then of each block: 128 gives 16, 16, 8, 4, 2, 1 times.

    Args:
      resolution: of the images in pixels.
      width: of the last block, each one before it has twice as many, up to 16 times; or all.
    """
    widths = critic_widths(resolution, width)
    return widths[::-1] if isinstance(width, int) else widths


class ClassNorm(nn.Module):
    """Standardises by stored statistics, then takes each class's gain and bias."""

    @nn.compact
    def __call__(self, maps: Maps, classes: ClassVectors) -> Maps:
        """Keeps the shape of the maps; `classes` are weights of classes, (batch, num_classes)."""
        shape = (classes.shape[1], maps.shape[-1])
        gains = self.param("gain", nn.initializers.ones, shape, jnp.float32)
        biases = self.param("bias", nn.initializers.zeros, shape, jnp.float32)
        maps = StoredNorm(EPSILON, name="statistics")(maps)
        return maps * (classes @ gains)[:, None, None] + (classes @ biases)[:, None, None]


_conv = partial(Conv, kernel_init=glorot)


class Generator(nn.Module):
    """Turns latents and classes into images.

    Attributes:
      resolution: height and width of the images in pixels: 8, 16, 32, ...
      channels: 1 for grey, 3 for RGB.
      width: channels, as for `generator_widths`; 64 as published for 64 and 128 pixels.
      latent_size: length of a latent, drawn from N(0, I).
      num_classes: how many there are; 0: the network takes no labels.
    """

    resolution: int = 128
    channels: int = 3
    width: int | Sequence[int] = 64
    latent_size: int = 128
    num_classes: int = 0

    @nn.compact
    def __call__(self, latents: Latents, labels: Conditions | None = None) -> Images:
        """Maps (batch, latent_size) to (batch, resolution, resolution, channels) in [-1, 1].

        Args:
          latents: (batch, latent_size).
          labels: class numbers, (batch,), or weights of all classes, (batch, num_classes); None
            weighs all alike.
        """
        each = jnp.eye(max(self.num_classes, 1), dtype=latents.dtype)
        classes = class_vectors(each, labels, len(latents))
        widest, *widths = generator_widths(self.resolution, self.width)
        dense = nn.Dense(SMALLEST**2 * widest, kernel_init=glorot, name="linear")
        # (batch, height, width, channels)
        x = dense(latents).reshape(-1, SMALLEST, SMALLEST, widest)
        for i, features in enumerate(widths):
            x = UpBlock(features, _conv, ClassNorm, name=f"block{i}")(x, classes)
        x = nn.relu(Affine(name="affine")(StoredNorm(EPSILON, name="statistics")(x)))
        return jnp.tanh(_conv(self.channels, name="to_image")(x))


class Critic(nn.Module):
    """Scores images, and how well each fits its class.

    Attributes:
      resolution: height and width of the images in pixels: 8, 16, 32, ...
      channels: 1 for grey, 3 for RGB.
      width: channels, as for `critic_widths`; 64 as published for 64 and 128 pixels.
      num_classes: how many there are; 0: the network takes no labels.
      num_halvings: blocks that halve the resolution; None: all but the last. As published 2 for
        32 pixels, 5 for 64 and 128.
      score_bias: whether the last layer has a bias; as published not for 32 pixels.
    """

    resolution: int = 128
    channels: int = 3
    width: int | Sequence[int] = 64
    num_classes: int = 0
    num_halvings: int | None = None
    score_bias: bool = True

    @nn.compact
    def __call__(self, images: Images, labels: Conditions | None = None) -> Scores:
        """Maps (batch, resolution, resolution, channels) in [-1, 1] to (batch,).

        Args:
          images: (batch, resolution, resolution, channels).
          labels: class numbers, (batch,), or weights of all classes, (batch, num_classes); None
            drops the label term.
        """
        widths = critic_widths(self.resolution, self.width)
        halvings = len(widths) - 1 if self.num_halvings is None else self.num_halvings
        x = images
        for i, (hidden, width) in enumerate(zip((widths[0], *widths), widths, strict=False)):
            x = DownBlock(width, hidden, first=i == 0, halve=i < halvings, name=f"block{i}")(x)
        features = nn.relu(to_float32(x)).sum(axis=(1, 2))
        scores = SpectralDense(1, use_bias=self.score_bias, name="linear")(features)[:, 0]
        if not self.num_classes:
            return scores
        vectors = SpectralEmbedding(self.num_classes, features.shape[1], name="embedding")()
        if labels is None:
            return scores
        each = jnp.eye(self.num_classes, dtype=images.dtype)
        classes = class_vectors(each, labels, len(images))
        return scores + ((classes @ vectors) * features).sum(axis=1)
