"""MobileStyleGAN's generator (Belousov, 2021, arXiv 2104.04767), as exported for inference.

A mapping network turns z into w; the synthesis network turns w into an image, from a constant of
4x4 pixels upwards. Convolutions are depthwise and pointwise ones whose inputs w scales ("styles");
the resolution doubles by the inverse Haar wavelet transform (section 3.2), at the end as well, so
that the largest maps have half the image's size. The export has folded demodulation into the
pointwise kernels, the noise's strength into fixed noise maps, and all scales of the mapping into
its weights. No critic was published with it.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from minegan_jax.errors import InputError
from minegan_jax.nets.convolution import conv
from minegan_jax.nets.progan import pixel_norm
from minegan_jax.nets.spectral import constant
from minegan_jax.types import Images, Latents

SMALLEST = 4  # pixels of the constant
WIDEST = 512  # channels of a map, where widths follow from one
BANDS = 4  # of the Haar transform: the average, and differences between rows, columns and both
SLOPE = 0.2  # of the leaky ReLU below zero
MAPPING_GAIN = 2.0**0.5  # behind each activation of the mapping
PUBLISHED_TRUNCATION = 0.5

Maps = Float[Array, "batch height width channels"]
Styles = Float[Array, "batch latent"]  # w


def map_widths(resolution: int, width: int | Sequence[int]) -> tuple[int, ...]:
    """Returns the channels of the maps of 4, 8, ... pixels up to half the resolution.

    Args:
      resolution: of the images in pixels: 8, 16, 32, ...
      width: of the largest map; each smaller one has twice as many, up to 512; or all.

    Raises:
      InputError: another resolution, not one width for each map, or one that 4 does not divide.
    """
    count = resolution.bit_length() - SMALLEST.bit_length()
    if count < 1 or resolution != SMALLEST << count:
        raise InputError(
            f"mobilestylegan: expected a resolution of 8, 16, 32, ... pixels, found {resolution}"
        )
    if isinstance(width, int):
        width = [min(width << i, WIDEST) for i in reversed(range(count))]
    if len(width) != count or any(features % BANDS for features in width):
        raise InputError(
            f"mobilestylegan: {resolution} pixels need {count} widths that {BANDS} divides, found"
            f" {list(width)}"
        )
    return tuple(width)


def inverse_haar(maps: Maps) -> Float[Array, "batch 2*height 2*width channels//4"]:
    """Doubles the resolution by the inverse Haar wavelet transform.

    Args:
      maps: (batch, height, width, 4 * channels): of each square of 2x2 pixels the average, then the
        difference between its rows, that between its columns, and that between its diagonals.
    """
    average, rows, columns, both = jnp.split(maps / 2.0, BANDS, axis=3)
    upper, lower = average + rows, average - rows
    left, right = columns + both, columns - both  # of the upper row, and of the lower
    pixels = [jnp.stack([upper + left, upper - left], axis=3)]
    pixels.append(jnp.stack([lower + right, lower - right], axis=3))
    batch, height, width, channels = average.shape
    # (batch, height, row, width, column, channels) before
    return jnp.stack(pixels, axis=2).reshape(batch, 2 * height, 2 * width, channels)


def depthwise(maps: Maps, kernel: Float[Array, "rows columns channels"]) -> Maps:
    """Correlates each channel with its own kernel, of an odd size; zeros around the maps.

    Moved maps are added up: XLA's grouped convolutions are two hundred times slower on CPUs.
    """
    rows, columns, _ = kernel.shape
    _, height, width, _ = maps.shape
    margins = ((0, 0), (rows // 2, rows // 2), (columns // 2, columns // 2), (0, 0))
    padded = jnp.pad(maps, margins)
    moved = (
        padded[:, i : i + height, j : j + width] * kernel[i, j][None, None, None]
        for i in range(rows)
        for j in range(columns)
    )
    return sum(moved, jnp.zeros((), maps.dtype))


class Style(nn.Module):
    """Scales the channels of maps as w says.

    Attributes:
      gain: of all scales.
    """

    gain: float = 1.0

    @nn.compact
    def __call__(self, maps: Maps, styles: Styles) -> Maps:
        """Keeps the shape of the maps."""
        scales = nn.Dense(maps.shape[-1], bias_init=nn.initializers.ones, name="dense")(styles)
        return maps * (self.gain * scales)[:, None, None]


class StyledConv(nn.Module):
    """A styled 3x3 convolution with noise, bias and activation behind it.

    Attributes:
      features: channels of the output.
      whole: whether the kernel is a whole one; else it is a depthwise and a pointwise one.
    """

    features: int
    whole: bool = False

    @nn.compact
    def __call__(self, maps: Maps, styles: Styles) -> Float[Array, "batch height width features"]:
        """Maps (batch, h, w, in) to (batch, h, w, features)."""
        channels = maps.shape[-1]
        x = Style((9 * channels) ** -0.5, name="style")(maps, styles)
        if self.whole:
            shape: tuple[int, ...] = (3, 3, channels, self.features)
            x = conv(x, self.param("kernel", nn.initializers.normal(1.0), shape, jnp.float32))
        else:
            shape = (3, 3, channels)
            x = depthwise(
                x, self.param("depthwise", nn.initializers.normal(1.0), shape, jnp.float32)
            )
            shape = (channels, self.features)
            x = x @ self.param("pointwise", nn.initializers.normal(1.0), shape, jnp.float32)
        noise = self.param("noise", nn.initializers.zeros, maps.shape[1:3], jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        x = x + constant(noise)[None, :, :, None] + bias[None, None, None]
        return nn.leaky_relu(x, SLOPE)


class Block(nn.Module):
    """Doubles the resolution, then convolves twice.

    Attributes:
      features: channels of the output.
    """

    features: int

    @nn.compact
    def __call__(
        self, maps: Maps, styles: Styles
    ) -> Float[Array, "batch 2*height 2*width features"]:
        """Maps (batch, h, w, in) to (batch, 2h, 2w, features)."""
        x = inverse_haar(Style(name="up")(maps, styles))
        x = StyledConv(self.features, name="conv1")(x, styles)
        return StyledConv(self.features, name="conv2")(x, styles)


class Mapping(nn.Module):
    """Turns latents z into w.

    Attributes:
      num_layers: how many there are.
    """

    num_layers: int = 8

    @nn.compact
    def __call__(self, latents: Latents) -> Styles:
        """Maps (batch, latent_size) to (batch, latent_size); only a latent's direction matters."""
        x = pixel_norm(latents)
        for i in range(self.num_layers):
            x = nn.Dense(latents.shape[1], name=f"dense{i}")(x)
            x = MAPPING_GAIN * nn.leaky_relu(x, SLOPE)
        return x


class Synthesis(nn.Module):
    """Turns w into images.

    Attributes:
      resolution: height and width of the images in pixels: 8, 16, 32, ...
      channels: 1 for grey, 3 for RGB.
      width: channels of the maps, as for `map_widths`.
    """

    resolution: int = 1024
    channels: int = 3
    width: int | Sequence[int] = 64

    @nn.compact
    def __call__(self, styles: Styles) -> Images:
        """Maps (batch, latent_size) to (batch, resolution, resolution, channels), about [-1, 1]."""
        first, *widths = map_widths(self.resolution, self.width)
        shape = (SMALLEST, SMALLEST, first)
        start = self.param("constant", nn.initializers.normal(1.0), shape, jnp.float32)
        x = jnp.broadcast_to(start[None], (len(styles), *shape))
        x = StyledConv(first, whole=True, name="conv")(x, styles)
        for i, features in enumerate(widths):
            x = Block(features, name=f"block{i}")(x, styles)
        x = Style(x.shape[-1] ** -0.5, name="style")(x, styles)
        return inverse_haar(nn.Dense(BANDS * self.channels, name="to_image")(x))


class Generator(nn.Module):
    """Turns latents into images; `mapping` and `synthesis` are its two networks.

    Attributes:
      resolution: height and width of the images in pixels: 8, 16, 32, ...
      channels: 1 for grey, 3 for RGB.
      width: channels of the maps, as for `map_widths`.
      latent_size: length of a latent z, drawn from N(0, I), and of w.
      num_mapping_layers: how many layers the mapping has.
      truncation: how far w goes from the mean of all w unless a call says otherwise, in (0, 1].
    """

    resolution: int = 1024
    channels: int = 3
    width: int | Sequence[int] = 64
    latent_size: int = 512
    num_mapping_layers: int = 8
    truncation: float = PUBLISHED_TRUNCATION

    def setup(self) -> None:
        """Makes the networks."""
        self.mapping = Mapping(self.num_mapping_layers)
        self.synthesis = Synthesis(self.resolution, self.channels, self.width)
        self.mean_w = self.param("mean_w", nn.initializers.zeros, (self.latent_size,), jnp.float32)

    def __call__(self, latents: Latents, truncation: float | None = None) -> Images:
        """Maps (batch, latent_size) to (batch, resolution, resolution, channels), about [-1, 1].

        Args:
          latents: (batch, latent_size).
          truncation: 1 leaves w as it is; None is the attribute's.
        """
        return self.synthesise(self.to_w(latents, truncation=truncation))

    @property
    def length_of_w(self) -> int:
        """The length of w."""
        return self.latent_size

    @property
    def num_ws(self) -> int:
        """How many w there are: one, of all layers."""
        return 1

    def to_w(
        self, latents: Latents, labels: None = None, truncation: float | None = None
    ) -> Styles:
        """Maps (batch, latent_size) to w, as long; there are no labels."""
        del labels
        wanted = self.truncation if truncation is None else truncation
        mean = constant(self.mean_w)[None]
        return mean + wanted * (self.mapping(latents) - mean)

    def synthesise(self, w: Styles) -> Images:
        """Maps w to images."""
        return self.synthesis(w)
