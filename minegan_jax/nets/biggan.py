"""BigGAN (Brock et al. 2019, appendix B, figure 15), as its PyTorch release trains it.

The latent is cut into chunks: the first makes the 4x4 maps, and each of the others goes, beside the
class's vector, to the normalisations of one block. Every layer is spectrally normalised.
"""

from collections.abc import Sequence
from functools import partial

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from minegan_jax.errors import InputError
from minegan_jax.nets.attention import Attention
from minegan_jax.nets.conditioning import class_vectors
from minegan_jax.nets.precision import to_float32
from minegan_jax.nets.residual import DownBlock, UpBlock
from minegan_jax.nets.spectral import SpectralConv, SpectralDense, SpectralEmbedding
from minegan_jax.nets.statistics import Affine, StoredNorm
from minegan_jax.types import Conditions, Images, Latents, Scores

Maps = Float[Array, "batch height width channels"]
Condition = Float[Array, "batch condition"]  # a class's vector, then a chunk of the latent

# Channels over `width`: of the generator's 4x4 maps, then after each of its blocks.
GENERATOR_WIDTHS = {
    8: (4, 4),
    16: (4, 4, 4),
    32: (4, 4, 4, 4),
    64: (16, 16, 8, 4, 2),
    128: (16, 16, 8, 4, 2, 1),
    256: (16, 16, 8, 8, 4, 2, 1),
    512: (16, 16, 8, 8, 4, 2, 1, 1),
}
# Channels over `width` after each of the critic's blocks.
CRITIC_WIDTHS = {
    8: (4, 4, 4, 4),
    16: (4, 4, 4, 4),
    32: (4, 4, 4, 4),
    64: (1, 2, 4, 8, 16),
    128: (1, 2, 4, 8, 16, 16),
    256: (1, 2, 4, 8, 8, 16, 16),
    512: (1, 1, 2, 4, 8, 8, 16, 16),
}
# How many of the critic's blocks halve the maps: to 4x4 pixels, to a quarter for small images.
NUM_HALVINGS = {8: 2, 16: 2, 32: 2, 64: 4, 128: 5, 256: 6, 512: 7}

_project = partial(SpectralConv, kernel_size=1, use_bias=False)


def _widths(table: dict[int, tuple[int, ...]], resolution: int) -> tuple[int, ...]:
    """Returns the row of a resolution in pixels."""
    if resolution not in table:
        raise InputError(f"biggan: resolution {resolution}: expected one of {sorted(table)}")
    return table[resolution]


class ConditionalNorm(nn.Module):
    """Standardises by stored statistics; gain and bias are linear in the condition."""

    @nn.compact
    def __call__(self, maps: Maps, condition: Condition) -> Maps:
        """Keeps the shape of the maps, (batch, height, width, channels)."""
        features = maps.shape[-1]
        gain = 1.0 + SpectralDense(features, use_bias=False, name="gain")(condition)
        bias = SpectralDense(features, use_bias=False, name="bias")(condition)
        maps = StoredNorm(name="statistics")(maps)
        return maps * gain[:, None, None] + bias[:, None, None]


class Generator(nn.Module):
    """Turns latents and classes into images.

    Attributes:
      resolution: height and width of the images: 8, 16, 32, 64, 128, 256 or 512 pixels.
      channels: 3 for RGB.
      width: multiple of the channels of all feature maps; 96 as published.
      latent_size: length of a latent, drawn from N(0, I); a multiple of the number of blocks
        and one.
      num_classes: how many there are.
      embedding_size: length of a class's vector.
      attention: the blocks, from 0, that attention follows.
    """

    resolution: int = 128
    channels: int = 3
    width: int = 96
    latent_size: int = 120
    num_classes: int = 1000
    embedding_size: int = 128
    attention: Sequence[int] = (3,)

    @nn.compact
    def __call__(self, latents: Latents, labels: Conditions | None = None) -> Images:
        """Maps (batch, latent_size) to (batch, resolution, resolution, channels) in [-1, 1].

        Args:
          latents: (batch, latent_size).
          labels: class numbers, (batch,), or class vectors, (batch, embedding_size); None is the
            mean of all classes' vectors.
        """
        table_shape = (self.num_classes, self.embedding_size)
        table = self.param("embedding", nn.initializers.orthogonal(), table_shape, jnp.float32)
        vectors = class_vectors(table, labels, len(latents))
        smallest, *widths = _widths(GENERATOR_WIDTHS, self.resolution)
        if self.latent_size % (len(widths) + 1):
            raise InputError(
                f"biggan: latent_size {self.latent_size}: expected a multiple of {len(widths) + 1}"
            )
        first, *chunks = jnp.split(latents, len(widths) + 1, axis=1)
        x = SpectralDense(4 * 4 * smallest * self.width, name="linear")(first)
        x = x.reshape(-1, 4, 4, smallest * self.width)  # (batch, height, width, channels)
        for i, (multiple, chunk) in enumerate(zip(widths, chunks, strict=True)):
            condition = jnp.concatenate([vectors, chunk], axis=1)
            block = UpBlock(multiple * self.width, SpectralConv, ConditionalNorm, name=f"block{i}")
            x = block(x, condition)
            if i in self.attention:
                x = Attention(_project, name=f"attention{i}")(x)
        x = nn.relu(Affine(name="affine")(StoredNorm(name="statistics")(x)))
        return jnp.tanh(SpectralConv(self.channels, name="to_image")(x))


class Critic(nn.Module):
    """Scores images, and how well each fits its class (projection, Miyato and Koyama 2018).

    Attributes:
      resolution: height and width of the images: 8, 16, 32, 64, 128, 256 or 512 pixels.
      channels: 3 for RGB.
      width: multiple of the channels of all feature maps; 96 as published.
      num_classes: how many there are.
      attention: the blocks, from 0, that attention follows.
    """

    resolution: int = 128
    channels: int = 3
    width: int = 96
    num_classes: int = 1000
    attention: Sequence[int] = (0,)

    @nn.compact
    def __call__(self, images: Images, labels: Int[Array, "batch"] | None = None) -> Scores:
        """Maps (batch, resolution, resolution, channels) in [-1, 1] to (batch,).

        Args:
          images: (batch, resolution, resolution, channels).
          labels: class numbers, (batch,); None drops the label term.
        """
        x = images
        for i, multiple in enumerate(_widths(CRITIC_WIDTHS, self.resolution)):
            halve, outputs = i < NUM_HALVINGS[self.resolution], multiple * self.width
            x = DownBlock(outputs, outputs, first=i == 0, halve=halve, name=f"block{i}")(x)
            if i in self.attention:
                x = Attention(_project, name=f"attention{i}")(x)
        features = nn.relu(to_float32(x)).sum(axis=(1, 2))
        scores = SpectralDense(1, name="linear")(features)[:, 0]
        vectors = SpectralEmbedding(self.num_classes, features.shape[1], name="embedding")()
        return scores if labels is None else scores + (vectors[labels] * features).sum(axis=1)
