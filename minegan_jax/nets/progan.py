"""ProGAN (Karras et al., ICLR 2018): networks that grow from 4x4 pixels, for any resolution.

Every layer draws its weights from N(0, 1) and scales them when it runs ("equalised learning
rate", section 4.1). The generator normalises each pixel's features (section 4.2); the critic sees
how much the images of a group differ (minibatch standard deviation, section 3).

Scores therefore depend on the other images of a minibatch, unless its groups are of one image; and
so does the slope of their sum, which the gradient penalty of the authors' code is of. Where devices
share a minibatch, groups are those of all its images.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from minegan_jax.errors import InputError
from minegan_jax.nets.convolution import Convolution, conv, conv_of_doubled
from minegan_jax.nets.precision import to_float32
from minegan_jax.nets.resampling import average_pool, upsample
from minegan_jax.types import Images, Latents, Scores

RESOLUTIONS = (4, 8, 16, 32, 64, 128, 256, 512, 1024)  # in pixels
SMALLEST = RESOLUTIONS[0]
MOST_FEATURES = 512
ACTIVE_GAIN = 2.0**0.5  # of the layers with an activation behind them (He et al., 2015)
SLOPE = 0.2  # of the leaky ReLU below zero
EPSILON = 1e-8

Maps = Float[Array, "batch height width features"]
Statistic = Float[Array, "batch"]
# Computes a statistic of maps of a whole batch, of which a device has a part; see `as_given`.
OverBatch = Callable[[Callable[[Maps], Statistic], Maps], Statistic]


def feature_maps(resolution: int) -> int:
    """Returns how many feature maps lead to images of this resolution: 4 pixels take 1, 8 take 2.

    Raises:
      InputError: not 4, 8, 16, ... or 1024 pixels.
    """
    if resolution not in RESOLUTIONS:
        known = ", ".join(map(str, RESOLUTIONS))
        raise InputError(f"ProGAN: expected a resolution of {known} pixels, found {resolution}")
    return RESOLUTIONS.index(resolution) + 1


def feature_widths(resolution: int, width: int | Sequence[int]) -> tuple[int, ...]:
    """Returns the channels of the feature maps, the one of 4x4 pixels first.

    Args:
      resolution: of the largest map in pixels.
      width: all of them; or that of the largest map alone: each smaller map then has twice as
        many, up to 512.

    Raises:
      InputError: another resolution, or not one width for each map.
    """
    num_maps = feature_maps(resolution)
    if isinstance(width, int):
        return tuple(min(width << i, MOST_FEATURES) for i in reversed(range(num_maps)))
    if len(width) != num_maps:
        raise InputError(
            f"ProGAN: {resolution} pixels need {num_maps} widths, found {len(width)}: {width}"
        )
    return tuple(width)


def as_given(compute: Callable[[Maps], Statistic], maps: Maps) -> Statistic:
    """Computes a statistic of maps that are all of a batch."""
    return compute(maps)


def strided_minibatch_stddev(maps: Maps, group: int) -> Statistic:
    """Measures how the images of a group differ, as the authors' code does.

    A group is every (batch / group)-th image. A smaller batch is one group; a single image gets
    the square root of 1e-8.

    Raises:
      InputError: the batch is not a multiple of the group.
    """
    batch = len(maps)
    group = min(group, batch)
    if batch % group:
        raise InputError(
            f"a minibatch standard deviation over groups of {group} images needs a multiple of"
            f" that, found {batch} images"
        )
    # (groups, height, width, channels)
    deviations = jnp.sqrt(maps.reshape(group, -1, *maps.shape[1:]).var(axis=0) + EPSILON)
    return jnp.tile(deviations.mean(axis=(1, 2, 3)), group)


def consecutive_minibatch_stddev(maps: Maps, group: int) -> Statistic:
    """Measures how the images of a group differ, as the GAN zoo's code does.

    A group is consecutive images, and its variance is the unbiased one. A batch that is not a
    multiple of the group is one group; a single image gets zero.
    """
    batch = len(maps)
    group = batch if batch % group else group
    if group == 1:
        return jnp.zeros(batch, maps.dtype)
    # (groups, height, width, channels)
    variances = maps.reshape(-1, group, *maps.shape[1:]).var(axis=1, ddof=1)
    return jnp.repeat(jnp.sqrt(variances + EPSILON).mean(axis=(1, 2, 3)), group)


class Variant(NamedTuple):
    """Where the networks that were published under this name differ."""

    first_gain: float  # of the generator's first layer
    linear_gain: float  # of the layers without an activation: to RGB, and the last of the critic
    scaled_biases: bool  # biases are scaled like the weights
    first_bias_per_pixel: bool  # the generator's first layer has one bias per pixel and channel
    minibatch_stddev: Callable[..., Statistic]  # of (maps, group)


VARIANTS = {
    "karras2018": Variant(ACTIVE_GAIN / 4.0, 1.0, False, False, strided_minibatch_stddev),
    "gan_zoo": Variant(ACTIVE_GAIN, ACTIVE_GAIN, True, True, consecutive_minibatch_stddev),
}


def find_variant(name: str) -> Variant:
    """Returns a variant by its name.

    Raises:
      InputError: there is none.
    """
    if name not in VARIANTS:
        raise InputError(f"ProGAN: unknown variant {name!r}: expected {' or '.join(VARIANTS)}")
    return VARIANTS[name]


def pixel_norm(x: Float[Array, "*shape features"]) -> Float[Array, "*shape features"]:
    """Scales the features of each pixel to a mean square of 1 (section 4.2)."""
    return x * jax.lax.rsqrt(jnp.square(x).mean(axis=-1, keepdims=True) + EPSILON)


def fade_in(old: Maps, new: Maps, fade: ArrayLike | None) -> Maps:
    """Mixes two paths: a fade of 0 gives the old one, 1 or None the new one (fig. 2)."""
    return new if fade is None else old + fade * (new - old)


def activate(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Applies the leaky ReLU."""
    return nn.leaky_relu(x, SLOPE)


class EqualisedConv(nn.Module):
    """A convolution with SAME padding whose weights are scaled by gain / sqrt(fan-in).

    Attributes:
      features: channels of the output.
      window: rows and columns of the kernel.
      gain: standard deviation of the output over that of the input.
      scaled_bias: scales the bias too.
      convolve: of maps and kernel; `conv`, or one that doubles or halves the resolution as well.
    """

    features: int
    window: int = 3
    gain: float = ACTIVE_GAIN
    scaled_bias: bool = False
    convolve: Convolution = conv

    @nn.compact
    def __call__(self, x: Maps) -> Float[Array, "batch _ _ outputs"]:
        """Maps (batch, h, w, in) to (batch, h, w, features), if `convolve` keeps the size."""
        shape = (self.window, self.window, x.shape[-1], self.features)
        scale = self.gain / (self.window**2 * x.shape[-1]) ** 0.5
        kernel = self.param("kernel", nn.initializers.normal(1.0), shape, jnp.float32) * scale
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        bias = bias * scale if self.scaled_bias else bias
        return self.convolve(x, kernel) + bias[None, None, None]


class EqualisedDense(nn.Module):
    """A fully connected layer whose weights are scaled by gain / sqrt(fan-in).

    Attributes:
      features: length of the output.
      num_biases: how many outputs in a row have their own bias; the next ones have these again.
      gain: standard deviation of the output over that of the input.
      scaled_bias: scales the bias too.
    """

    features: int
    num_biases: int
    gain: float = ACTIVE_GAIN
    scaled_bias: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "batch inputs"]) -> Float[Array, "batch outputs"]:
        """Maps (batch, inputs) to (batch, features)."""
        scale = self.gain / x.shape[-1] ** 0.5
        shape = (x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.normal(1.0), shape, jnp.float32) * scale
        bias = self.param("bias", nn.initializers.zeros, (self.num_biases,), jnp.float32)
        bias = bias * scale if self.scaled_bias else bias
        bias = jnp.tile(bias, self.features // self.num_biases)
        return x @ kernel + bias[None]


class Generator(nn.Module):
    """Turns latents into images, from 4x4 pixels upwards (table 2).

    Attributes:
      resolution: height and width of the images in pixels: 4, 8, ... 1024.
      channels: 1 for grey, 3 for RGB.
      width: channels of the feature maps, as for `feature_widths`.
      latent_size: length of a latent, drawn from N(0, I); only its direction matters.
      latent_norms: how often latents are normalised; the second time changes them by about 1e-8.
      variant: a key of `VARIANTS`.
    """

    resolution: int = 32
    channels: int = 3
    width: int | Sequence[int] = 32
    latent_size: int = 64
    latent_norms: int = 1
    variant: str = "karras2018"

    @nn.compact
    def __call__(
        self, latents: Latents, *, resolution: int | None = None, fade: ArrayLike | None = None
    ) -> Images:
        """Maps (batch, latent_size) to (batch, resolution, resolution, channels).

        Args:
          latents: as drawn.
          resolution: of the images in pixels, while growing; None is the full one.
          fade: weight in [0, 1] of the last layers against those before; None is 1.

        Returns:
          Images that were trained towards [-1, 1]; nothing bounds them.
        """
        variant = find_variant(self.variant)
        scaled = variant.scaled_biases
        grown = resolution or self.resolution
        widths = feature_widths(self.resolution, self.width)

        def layer(x: Array, features: int, name: str, convolve: Convolution = conv) -> Array:
            equalised = EqualisedConv(features, scaled_bias=scaled, convolve=convolve, name=name)
            return pixel_norm(activate(equalised(x)))

        def to_rgb(x: Array, size: int) -> Array:
            gain, name = variant.linear_gain, f"to_rgb_{size}"
            return EqualisedConv(self.channels, 1, gain, scaled, name=name)(x)

        size, num_biases = SMALLEST, SMALLEST**2 if variant.first_bias_per_pixel else 1
        first = EqualisedDense(
            size**2 * widths[0], num_biases * widths[0], variant.first_gain, scaled, name="dense_4"
        )
        for _ in range(self.latent_norms):
            latents = pixel_norm(latents)
        x = first(latents).reshape(-1, size, size, widths[0])  # (batch, height, width, channels)
        x = layer(pixel_norm(activate(x)), widths[0], "conv_4")
        images = to_rgb(x, size)
        for features in widths[1 : feature_maps(grown)]:
            size = 2 * size
            x = layer(x, features, f"first_{size}", conv_of_doubled)
            x = layer(x, features, f"second_{size}")
            images = fade_in(upsample(images), to_rgb(x, size), fade if size == grown else None)
        return images


class Critic(nn.Module):
    """Scores images, down to 4x4 pixels (table 2).

    Attributes:
      resolution: height and width of grown images in pixels: 4, 8, ... 1024.
      channels: 1 for grey, 3 for RGB.
      width: channels of the feature maps, as for `feature_widths`.
      num_hidden: units of the last hidden layer; None: as many as the smallest map has channels.
      minibatch_stddev_group: images whose differences the critic sees, itself included. 1: none
        but itself, so that each score is of a single image. 0: the critic has no such input.
      variant: a key of `VARIANTS`.
    """

    resolution: int = 32
    channels: int = 3
    width: int | Sequence[int] = 32
    num_hidden: int | None = None
    minibatch_stddev_group: int = 4
    variant: str = "karras2018"

    @nn.compact
    def __call__(
        self,
        images: Images,
        *,
        fade: ArrayLike | None = None,
        alone: bool = False,
        over_batch: OverBatch = as_given,
    ) -> Scores:
        """Maps (batch, size, size, channels) in [-1, 1] to (batch,).

        Args:
          images: of the full resolution; of less while growing.
          fade: weight in [0, 1] of the first layers against those after; None is 1.
          alone: whether each image is a group of its own.
          over_batch: computes a statistic of the images' maps where they are a part of a batch.
        """
        variant = find_variant(self.variant)
        scaled = variant.scaled_biases
        widths = feature_widths(self.resolution, self.width)

        def convolve(x: Array, features: int, name: str, window: int = 3) -> Array:
            return activate(EqualisedConv(features, window, scaled_bias=scaled, name=name)(x))

        size = images.shape[1]
        last = feature_maps(size) - 1
        x = convolve(images, widths[last], f"from_rgb_{size}", 1)
        for i in range(last, 0, -1):
            x = convolve(x, widths[i], f"first_{size}")
            x = average_pool(convolve(x, widths[i - 1], f"second_{size}"))
            images, size = average_pool(images), size // 2
            seen = convolve(images, widths[i - 1], f"from_rgb_{size}", 1)
            x = fade_in(seen, x, fade if i == last else None)
        if self.minibatch_stddev_group:
            group = 1 if alone else self.minibatch_stddev_group
            stddev = partial(variant.minibatch_stddev, group=group)
            statistic = stddev(x) if group == 1 else over_batch(stddev, x)
            statistic = jnp.broadcast_to(statistic[:, None, None, None], (*x.shape[:3], 1))
            x = jnp.concatenate([x, statistic], axis=3)
        x = convolve(x, widths[0], "conv_4")
        num_hidden = self.num_hidden or widths[0]
        hidden = EqualisedDense(num_hidden, num_hidden, ACTIVE_GAIN, scaled, name="dense_4")
        score = EqualisedDense(1, 1, variant.linear_gain, scaled, name="score")
        return score(to_float32(activate(hidden(x.reshape(len(x), -1)))))[:, 0]
