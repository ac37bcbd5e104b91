"""Batch normalisation with stored statistics, as at inference; nothing ever updates them.

Fresh ones are those of the first maps that a network sees (Salimans and Kingma 2016, section 3), a
fixed scale and shift. Were they the batch's, an image would depend on what it is generated with.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from minegan_jax.nets.spectral import constant

Maps = Float[Array, "batch height width channels"]


def standardise(
    maps: Maps,
    mean: Float[Array, "channels"],
    variance: Float[Array, "channels"],
    *,
    epsilon: float,
) -> Maps:
    """Subtracts a mean and divides by sqrt(variance + epsilon), channel by channel."""
    scale = jax.lax.rsqrt(variance + epsilon)
    return maps * scale[None, None, None] - (mean * scale)[None, None, None]


class StoredNorm(nn.Module):
    """Standardises by statistics that lie among the weights and that no gradient moves.

    Attributes:
      epsilon: added to the variance.
    """

    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, maps: Maps) -> Maps:
        """Keeps the shape, (batch, height, width, channels)."""
        mean = self.param("mean", lambda _: maps.mean(axis=(0, 1, 2)))
        variance = self.param("variance", lambda _: maps.var(axis=(0, 1, 2)))
        return standardise(maps, constant(mean), constant(variance), epsilon=self.epsilon)


class Affine(nn.Module):
    """Multiplies each channel by a gain and adds a bias."""

    @nn.compact
    def __call__(self, maps: Maps) -> Maps:
        """Keeps the shape, (batch, height, width, channels)."""
        gain = self.param("gain", nn.initializers.ones, maps.shape[-1:], jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, maps.shape[-1:], jnp.float32)
        return maps * gain[None, None, None] + bias[None, None, None]
