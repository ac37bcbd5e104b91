"""Self-attention over feature maps (Zhang et al. 2019), as BigGAN has it."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from minegan_jax.nets.resampling import max_pool

Maps = Float[Array, "batch height width channels"]


class Attention(nn.Module):
    """Adds to each pixel what other pixels hold that its query resembles.

    Attributes:
      project: makes a 1x1 convolution without bias from its number of channels and its name.
    """

    project: Callable[..., nn.Module]

    @nn.compact
    def __call__(self, maps: Maps) -> Maps:
        """Keeps the shape, (batch, height, width, channels); height and width are even."""
        batch, height, width, channels = maps.shape
        narrow, wide = max(channels // 8, 1), max(channels // 2, 1)
        # (batch, queries, narrow)
        queries = self.project(narrow, name="theta")(maps).reshape(batch, height * width, narrow)
        keys = max_pool(self.project(narrow, name="phi")(maps))
        values = max_pool(self.project(wide, name="g")(maps))
        # (batch, keys, narrow or wide)
        keys, values = (x.reshape(batch, height * width // 4, -1) for x in (keys, values))
        # Not divided by the square root of the channels, unlike in a transformer.
        weights = jax.nn.softmax(jnp.einsum("bqc,bkc->bqk", queries, keys))
        # (batch, height, width, wide)
        heard = (weights @ values).reshape(batch, height, width, wide)
        gamma = self.param("gamma", nn.initializers.zeros, (), jnp.float32)
        return maps + gamma * self.project(channels, name="o")(heard)
