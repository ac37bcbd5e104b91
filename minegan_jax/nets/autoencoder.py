"""The encoder of an autoencoder, whose decoder is the generator of any family."""

import flax.linen as nn
import jax.numpy as jnp

from minegan_jax.nets.dcgan import feature_sizes
from minegan_jax.nets.layers import StridedConv
from minegan_jax.types import Images, Latents


class Encoder(nn.Module):
    """Turns images into normal distributions of latents; the body is that of `dcgan.Critic`.

    Attributes:
      width: channels of the first hidden feature map; each smaller map has twice as many.
      latent_size: length of a latent.
    """

    width: int
    latent_size: int

    @nn.compact
    def __call__(self, images: Images) -> tuple[Latents, Latents]:
        """Maps (batch, height, width, channels) in [-1, 1] to means and logarithms of variances."""
        x = images
        for i in range(len(feature_sizes(images.shape[1])) - 1):
            x = nn.leaky_relu(StridedConv(self.width * 2**i)(x), 0.2)
        x = nn.Dense(2 * self.latent_size)(x.reshape(len(x), -1))
        means, log_variances = jnp.split(x, 2, axis=1)
        return means, log_variances
