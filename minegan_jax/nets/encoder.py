"""A network that looks at images of any size and answers with a vector."""

import flax.linen as nn
from jaxtyping import Array, Float

from minegan_jax.nets.dcgan import feature_sizes
from minegan_jax.nets.layers import StridedConv
from minegan_jax.types import Images


class Encoder(nn.Module):
    """Turns images into vectors; the body is that of `dcgan.Critic`.

    Attributes:
      outputs: length of a vector.
      width: channels of the first hidden feature map; each smaller map has twice as many.
    """

    outputs: int
    width: int = 32

    @nn.compact
    def __call__(self, images: Images) -> Float[Array, "batch outputs"]:
        """Maps (batch, height, width, channels) in [-1, 1] to (batch, outputs)."""
        x = images
        for i in range(len(feature_sizes(images.shape[1])) - 1):
            x = nn.leaky_relu(StridedConv(self.width * 2**i)(x), 0.2)
        return nn.Dense(self.outputs)(x.reshape(len(x), -1))
