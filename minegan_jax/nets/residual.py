"""The residual blocks of SNGAN and BigGAN (Miyato et al. 2018; Brock et al. 2019, figure 15)."""

from collections.abc import Callable

import flax.linen as nn
from jaxtyping import Array, Float

from minegan_jax.nets.convolution import conv, conv_of_doubled, halved_conv
from minegan_jax.nets.resampling import average_pool, upsample
from minegan_jax.nets.spectral import SpectralConv

Maps = Float[Array, "batch height width channels"]


class UpBlock(nn.Module):
    """Doubles the resolution.

    Attributes:
      features: channels of the output.
      conv: makes a convolution of `features`, `kernel_size`, by default 3, and `convolve`.
      norm: makes a normalisation of maps and a condition.
    """

    features: int
    conv: Callable[..., nn.Module]
    norm: Callable[..., nn.Module]

    @nn.compact
    def __call__(
        self, maps: Maps, condition: Float[Array, "batch condition"]
    ) -> Float[Array, "batch 2*height 2*width outputs"]:
        """Maps (batch, h, w, channels) to (batch, 2 * h, 2 * w, features)."""
        x = nn.relu(self.norm(name="norm1")(maps, condition))
        x = self.conv(self.features, convolve=conv_of_doubled, name="conv1")(x)
        x = nn.relu(self.norm(name="norm2")(x, condition))
        x = self.conv(self.features, name="conv2")(x)
        # A 1x1 convolution and a repetition of pixels commute.
        return x + upsample(self.conv(self.features, kernel_size=1, name="shortcut")(maps))


class DownBlock(nn.Module):
    """Halves the resolution, or keeps it; spectrally normalised.

    Attributes:
      features: channels of the output.
      hidden: channels between the two convolutions.
      first: whether it sees images, which are not activated.
      halve: whether it halves the resolution.
    """

    features: int
    hidden: int
    first: bool
    halve: bool

    @nn.compact
    def __call__(self, maps: Maps) -> Float[Array, "batch shorter narrower outputs"]:
        """Maps (batch, h, w, channels) to (batch, h / 2, w / 2, features), or (..., h, w, ...)."""
        x = maps if self.first else nn.relu(maps)
        x = nn.relu(SpectralConv(self.hidden, name="conv1")(x))
        resize = halved_conv if self.halve else conv
        x = SpectralConv(self.features, convolve=resize, name="conv2")(x)
        if not self.halve and maps.shape[-1] == self.features:
            return maps + x
        if self.halve:
            maps = average_pool(maps)
        # A 1x1 convolution and a mean of pixels commute.
        return x + SpectralConv(self.features, kernel_size=1, name="shortcut")(maps)
