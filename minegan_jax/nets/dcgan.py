"""The convolutional networks of the MNIST experiment (section 4.1), for any resolution.

Both follow the authors' MNIST code: 5x5 strided convolutions, no normalisation. The sizes of the
feature maps halve, rounding up, until 4 or fewer pixels are left: 28 -> 14 -> 7 -> 4.
"""

import flax.linen as nn

from minegan_jax.nets.layers import StridedConv, StridedConvTranspose
from minegan_jax.types import Images, Latents, Scores


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
    """

    resolution: int = 28
    channels: int = 1
    width: int = 64
    latent_size: int = 16

    @nn.compact
    def __call__(self, latents: Latents) -> Images:
        """Maps (batch, latent_size) to (batch, resolution, resolution, channels) in [-1, 1]."""
        smallest, *sizes = feature_sizes(self.resolution)
        widths = [self.width * 2**i for i in range(len(sizes))]
        x = nn.Dense(smallest**2 * widths[-1], kernel_init=nn.initializers.glorot_uniform())(
            latents
        )
        x = x.reshape(-1, smallest, smallest, widths[-1])
        for size, features in zip(sizes, [*widths[-2::-1], self.channels], strict=True):
            x = StridedConvTranspose(features)(nn.relu(x))[:, :size, :size]
        return 2.0 * nn.sigmoid(x) - 1.0


class Critic(nn.Module):
    """Scores images; mirrors the generator's feature maps.

    Attributes:
      resolution: height and width of the images in pixels, over 4.
      channels: 1 for grey, 3 for RGB.
      width: channels of the first hidden feature map; each smaller map has twice as many.
    """

    resolution: int = 28
    channels: int = 1
    width: int = 64

    @nn.compact
    def __call__(self, images: Images) -> Scores:
        """Maps (batch, resolution, resolution, channels) in [-1, 1] to (batch,)."""
        x = images
        for i in range(len(feature_sizes(self.resolution)) - 1):
            x = nn.leaky_relu(StridedConv(self.width * 2**i)(x), 0.2)
        x = x.reshape(x.shape[0], -1)
        return nn.Dense(1, kernel_init=nn.initializers.glorot_uniform())(x)[:, 0]
