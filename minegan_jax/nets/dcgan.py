"""The convolutional networks of the MNIST experiment (section 4.1), for any resolution.

Both follow the authors' MNIST code: 5x5 strided convolutions, no normalisation. The sizes of the
feature maps halve, rounding up, until 4 or fewer pixels are left: 28 -> 14 -> 7 -> 4. With classes,
they are concatenated, one-hot, to the latent and, as maps, to the image that the critic sees.
"""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Int

from minegan_jax.nets.conditioning import class_vectors, with_class_maps
from minegan_jax.nets.layers import StridedConv, StridedConvTranspose
from minegan_jax.nets.precision import to_float32
from minegan_jax.types import Conditions, Images, Latents, Scores


def feature_sizes(resolution: int) -> tuple[int, ...]:
    """Returns the sizes of the feature maps in pixels, smallest first: 28 gives (4, 7, 14, 28)."""
    sizes = [resolution]
    while sizes[0] > 4:
        sizes.insert(0, -(-sizes[0] // 2))
    return tuple(sizes)


class Generator(nn.Module):
    """Turns latents into images; the widest, smallest feature map comes first.

    Attributes:
      resolution: height and width of the images in pixels, over 4.
      channels: 1 for grey, 3 for RGB.
      width: channels of the last hidden feature map; each smaller map has twice as many.
      latent_size: length of a latent, drawn from N(0, I).
      num_classes: how many there are; 0 if it takes none.
    """

    resolution: int = 28
    channels: int = 1
    width: int = 64
    latent_size: int = 16
    num_classes: int = 0

    @nn.compact
    def __call__(self, latents: Latents, labels: Conditions | None = None) -> Images:
        """Maps (batch, latent_size) to (batch, resolution, resolution, channels) in [-1, 1].

        Args:
          latents: (batch, latent_size).
          labels: class numbers, (batch,), or weights of the classes, (batch, num_classes); None
            is an equal share of each.
        """
        if self.num_classes:
            vectors = class_vectors(jnp.eye(self.num_classes), labels, len(latents))
            latents = jnp.concatenate([latents, vectors.astype(latents.dtype)], axis=1)
        smallest, *sizes = feature_sizes(self.resolution)
        widths = [self.width * 2**i for i in range(len(sizes))]
        x = nn.Dense(smallest**2 * widths[-1], kernel_init=nn.initializers.glorot_uniform())(
            latents
        )
        x = x.reshape(-1, smallest, smallest, widths[-1])  # (batch, height, width, channels)
        for size, features in zip(sizes, [*widths[-2::-1], self.channels], strict=True):
            x = StridedConvTranspose(features)(nn.relu(x))[:, :size, :size]
        return 2.0 * nn.sigmoid(x) - 1.0


class Critic(nn.Module):
    """Scores images; mirrors the generator's feature maps.

    Attributes:
      resolution: height and width of the images in pixels, over 4.
      channels: 1 for grey, 3 for RGB.
      width: channels of the first hidden feature map; each smaller map has twice as many.
      num_classes: how many there are; 0 if it takes none.
    """

    resolution: int = 28
    channels: int = 1
    width: int = 64
    num_classes: int = 0

    @nn.compact
    def __call__(self, images: Images, labels: Int[Array, "batch"] | None = None) -> Scores:
        """Maps (batch, resolution, resolution, channels) in [-1, 1] to (batch,).

        Args:
          images: (batch, resolution, resolution, channels).
          labels: class numbers, (batch,); None drops the label term.
        """
        x = images
        if self.num_classes:
            x = with_class_maps(x, labels, self.num_classes)
        for i in range(len(feature_sizes(self.resolution)) - 1):
            x = nn.leaky_relu(StridedConv(self.width * 2**i)(x), 0.2)
        x = to_float32(x.reshape(x.shape[0], -1))
        return nn.Dense(1, kernel_init=nn.initializers.glorot_uniform())(x)[:, 0]
