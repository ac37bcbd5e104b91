"""The layers of StyleGAN2 (Karras et al., CVPR 2020): sizes, equalised and modulated layers.

Weights are drawn from N(0, 1) and scaled when they run, as ProGAN's; activations are leaky ReLUs
times sqrt(2), which keeps the scale of what passes.
"""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from minegan_jax.errors import InputError
from minegan_jax.nets.convolution import Convolution, Kernel, Maps, conv
from minegan_jax.nets.precision import to_float32
from minegan_jax.nets.progan import ACTIVE_GAIN, EPSILON, MOST_FEATURES, RESOLUTIONS, SLOPE
from minegan_jax.nets.spectral import constant

Style = Float[Array, "batch inputs"]  # a factor for each channel of an image's maps
W = Float[Array, "batch w"]  # the intermediate latent of each image
ARCHITECTURES = ("skip", "resnet", "orig")  # figure 7: skip connections, residual, or neither
DEMODULATIONS = ("stored", "scaled")
HALF = 0.5**0.5  # of both branches of a residual block


def feature_widths(resolution: int, width: int | Sequence[int]) -> dict[int, int]:
    """Returns the channels of the feature maps by their resolution in pixels, 4 first.

    Args:
      resolution: of the images in pixels: 8, 16, ... 1024.
      width: all of them, 4 pixels first; or that of the largest map alone: each smaller map then
        has twice as many, up to 512.

    Raises:
      InputError: another resolution, or not one width for each map.
    """
    if resolution not in RESOLUTIONS[1:]:
        known = ", ".join(map(str, RESOLUTIONS[1:]))
        raise InputError(f"StyleGAN2: expected a resolution of {known} pixels, found {resolution}")
    sizes = RESOLUTIONS[: RESOLUTIONS.index(resolution) + 1]
    if isinstance(width, int):
        width = [min(width * resolution // size, MOST_FEATURES) for size in sizes]
    if len(width) != len(sizes):
        raise InputError(
            f"StyleGAN2: {resolution} pixels need {len(sizes)} widths, found {len(width)}: {width}"
        )
    return dict(zip(sizes, width, strict=True))


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Makes sure that an argument is one of its choices.

    Raises:
      InputError: it is not.
    """
    if value not in choices:
        raise InputError(f"StyleGAN2: {name} {value!r}: expected {' or '.join(choices)}")


def activate(
    x: Float[Array, "*shape"], *, scale: float = 1.0, clamp: float | None = None
) -> Float[Array, "*shape"]:
    """Applies the leaky ReLU, times sqrt(2) and `scale`, and clamps to +- `clamp` times `scale`."""
    return clamped(nn.leaky_relu(x, SLOPE) * (ACTIVE_GAIN * scale), clamp and clamp * scale)


def clamped(x: Float[Array, "*shape"], clamp: float | None) -> Float[Array, "*shape"]:
    """Clamps to +- `clamp`; None leaves all as it is."""
    return x if clamp is None else jnp.clip(x, -clamp, clamp)


def modulated_conv(
    maps: Maps,
    kernel: Kernel,
    style: Style,
    *,
    demodulation: str,
    convolve: Convolution = conv,
) -> Float[Array, "batch _ _ outputs"]:
    """Convolves each image by its own kernel, whose outputs have a length of 1 (section 2.2).

    An image's kernel is the stored one times its style along the inputs. Here the maps are scaled
    instead, before by the style and after by the lengths: the same, without a kernel per image.

    Args:
      maps: (batch, height, width, inputs).
      kernel: as stored, neither scaled nor modulated.
      style: (batch, inputs).
      demodulation: the squares to whose sum 1e-8 is added, those of the weights as `stored`
        (NVIDIA's PyTorch code), or `scaled` by 1 / sqrt(fan-in) (TensorFlow, rosinality).
      convolve: `conv`, or one that doubles the resolution as well.
    """
    epsilon = EPSILON * (kernel[..., 0].size if demodulation == "scaled" else 1)
    squares = to_float32(style) ** 2 @ (to_float32(kernel) ** 2).sum(axis=(0, 1))
    lengths = jax.lax.rsqrt(squares + epsilon).astype(maps.dtype)
    return convolve(maps * style[:, None, None], kernel) * lengths[:, None, None]


class Dense(nn.Module):
    """A fully connected layer whose weights are scaled by rate / sqrt(inputs), its bias by rate.

    Attributes:
      features: length of the output.
      rate: multiplies the learning rate; weights start as larger by as much.
      first_bias: what the bias starts with.
    """

    features: int
    rate: float = 1.0
    first_bias: float = 0.0

    @nn.compact
    def __call__(self, x: Float[Array, "batch inputs"]) -> Float[Array, "batch outputs"]:
        """Maps (batch, inputs) to (batch, features)."""
        start = nn.initializers.normal(1.0 / self.rate)
        kernel = self.param("kernel", start, (x.shape[-1], self.features), jnp.float32)
        bias_start = nn.initializers.constant(self.first_bias)
        bias = self.param("bias", bias_start, (self.features,), jnp.float32)
        return x @ (kernel * (self.rate / x.shape[-1] ** 0.5)) + (bias * self.rate)[None]


class Shortcut(nn.Module):
    """A 1x1 convolution without bias, scaled by 1 / sqrt(inputs) and by that of a residual branch.

    Attributes:
      features: channels of the output.
    """

    features: int

    @nn.compact
    def __call__(self, maps: Maps) -> Float[Array, "batch height width outputs"]:
        """Maps (batch, h, w, in) to (batch, h, w, features)."""
        inputs = maps.shape[-1]
        shape = (1, 1, inputs, self.features)
        kernel = self.param("kernel", nn.initializers.normal(1.0), shape, jnp.float32)
        return conv(maps, kernel * (HALF / inputs**0.5))


class StyledConv(nn.Module):
    """A layer of the generator: modulated convolution, noise, bias and activation (figure 2c).

    Attributes:
      features: channels of the output.
      demodulation: as for `modulated_conv`.
      convolve: of maps and kernel; `conv`, or one that doubles the resolution as well.
      scale: multiplies the output.
      clamp: of the output; None leaves it as it is.
      use_noise: whether the layer has noise: one map of N(0, 1) for all images and channels, which
        no gradient moves, and its strength.
    """

    features: int
    demodulation: str
    convolve: Convolution = conv
    scale: float = 1.0
    clamp: float | None = None
    use_noise: bool = True

    @nn.compact
    def __call__(self, maps: Maps, w: W, *, add_noise: bool) -> Float[Array, "batch _ _ outputs"]:
        """Maps (batch, h, w, in) to (batch, h, w, features), if `convolve` keeps the size."""
        inputs = maps.shape[-1]
        shape = (3, 3, inputs, self.features)
        kernel = self.param("kernel", nn.initializers.normal(1.0), shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        style = Dense(inputs, first_bias=1.0, name="style")(w)
        x = modulated_conv(
            maps, kernel, style, demodulation=self.demodulation, convolve=self.convolve
        )
        if self.use_noise:
            noise = self.param("noise", nn.initializers.normal(1.0), x.shape[1:3], jnp.float32)
            strength = self.param("noise_strength", nn.initializers.zeros, (), jnp.float32)
            x = x + (constant(noise) * strength)[None, :, :, None] if add_noise else x
        return activate(x + bias[None, None, None], scale=self.scale, clamp=self.clamp)


class ToRGB(nn.Module):
    """A modulated 1x1 convolution to colours, without demodulation and activation.

    Attributes:
      channels: of the images.
      clamp: of the output; None leaves it as it is.
    """

    channels: int
    clamp: float | None = None

    @nn.compact
    def __call__(self, maps: Maps, w: W) -> Float[Array, "batch height width channels"]:
        """Maps (batch, h, w, in) to (batch, h, w, channels)."""
        inputs = maps.shape[-1]
        shape = (1, 1, inputs, self.channels)
        kernel = self.param("kernel", nn.initializers.normal(1.0), shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.channels,), jnp.float32)
        style = Dense(inputs, first_bias=1.0, name="style")(w) / inputs**0.5
        return clamped(
            conv(maps * style[:, None, None], kernel) + bias[None, None, None], self.clamp
        )
