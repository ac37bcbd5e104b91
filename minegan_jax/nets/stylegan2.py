"""StyleGAN2's generator (Karras et al., CVPR 2020): a mapping network z -> w, a synthesis network.

Each layer of the synthesis network takes a w; usually it is the same for all. Published settings
that differ from file to file are attributes. What is random in training is constant here: the noise
of each layer is one map among the weights, so that an image depends on weights and latent alone.
"""

import functools
from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from minegan_jax.errors import InputError
from minegan_jax.nets.conditioning import class_vectors
from minegan_jax.nets.filtering import double, doubling_conv
from minegan_jax.nets.progan import pixel_norm
from minegan_jax.nets.spectral import constant
from minegan_jax.nets.stylegan2_layers import (
    ARCHITECTURES,
    DEMODULATIONS,
    HALF,
    Dense,
    Shortcut,
    StyledConv,
    ToRGB,
    W,
    activate,
    check_choice,
    feature_widths,
)
from minegan_jax.types import Conditions, Images, Latents

NOISE_MODES = ("const", "none")

Ws = Float[Array, "batch layers w"]  # a w for each layer


def num_ws(resolution: int) -> int:
    """Returns how many layers take a w: two for each resolution, 4 pixels included."""
    return 2 * len(feature_widths(resolution, 1))


def normalised(
    latents: Latents, vectors: Float[Array, "batch label"] | None
) -> Float[Array, "batch _"]:
    """Scales latents and class vectors, each by itself, to a mean square of 1, and joins them."""
    parts = [latents] if vectors is None else [latents, vectors]
    return jnp.concatenate([pixel_norm(part) for part in parts], axis=1)


class MappingLayers(nn.Module):
    """Fully connected layers, the last of which is activated as well.

    Attributes:
      features: outputs of each.
      rate: multiplies the learning rate.
    """

    features: Sequence[int]
    rate: float

    @nn.compact
    def __call__(self, x: Float[Array, "batch inputs"]) -> Float[Array, "batch outputs"]:
        """Maps (batch, inputs) to (batch, the last of features)."""
        for i, features in enumerate(self.features):
            x = activate(Dense(features, self.rate, name=f"dense_{i}")(x))
        return x


class Mapping(nn.Module):
    """The mapping network, and the mean of its outputs, towards which they can be truncated.

    Attributes:
      features: outputs of each layer.
      rate: multiplies the learning rate.
    """

    features: Sequence[int]
    rate: float

    @nn.compact
    def __call__(self, x: Float[Array, "batch inputs"], truncation: float) -> W:
        """Maps normalised inputs, (batch, inputs), to w, (batch, w)."""
        w = MappingLayers(self.features, self.rate, name="layers")(x)
        # A fresh one's is that of the first latents.
        mean = constant(self.param("mean", lambda _: w.mean(axis=0)))[None]
        return w if truncation == 1.0 else mean + truncation * (w - mean)


class Synthesis(nn.Module):
    """The synthesis network, from a constant map of 4x4 pixels upwards.

    Attributes:
      resolution: as for `Generator`, like all of them.
    """

    resolution: int
    channels: int
    width: int | Sequence[int]
    architecture: str
    demodulation: str
    clamp: float | None
    use_noise: bool

    @nn.compact
    def __call__(self, ws: Ws, *, add_noise: bool) -> Images:
        """Maps (batch, layers, w) to (batch, resolution, resolution, channels)."""
        widths = feature_widths(self.resolution, self.width)
        layer = functools.partial(
            StyledConv, demodulation=self.demodulation, clamp=self.clamp, use_noise=self.use_noise
        )
        residual = self.architecture == "resnet"
        shape = (4, 4, widths[4])
        start = self.param("constant", nn.initializers.normal(1.0), shape, jnp.float32)
        x = jnp.broadcast_to(start[None], (len(ws), *shape))
        x = layer(widths[4], name="conv_4")(x, ws[:, 0], add_noise=add_noise)
        shown = []
        for i, (size, features) in enumerate(widths.items()):
            if size > 4:
                below = x
                up = layer(features, convolve=doubling_conv, name=f"first_{size}")
                x = up(below, ws[:, 2 * i - 1], add_noise=add_noise)
                keep = layer(features, scale=HALF if residual else 1.0, name=f"second_{size}")
                x = keep(x, ws[:, 2 * i], add_noise=add_noise)
                # A 1x1 convolution and a filter commute.
                x = (
                    x + double(Shortcut(features, name=f"shortcut_{size}")(below))
                    if residual
                    else x
                )
            if self.architecture == "skip" or size == self.resolution:
                to_rgb = ToRGB(self.channels, self.clamp, name=f"to_rgb_{size}")
                shown.append(to_rgb(x, ws[:, 2 * i + 1]))
        return functools.reduce(lambda smaller, larger: double(smaller) + larger, shown)


class Generator(nn.Module):
    """Turns latents, and classes if there are any, into images.

    Attributes:
      resolution: height and width of the images in pixels: 8, 16, ... 1024.
      channels: 1 for grey, 3 for RGB.
      width: channels of the feature maps, as for `feature_widths`.
      latent_size: length of a latent z, drawn from N(0, I); only its direction matters.
      w_size: length of w; None: that of a latent.
      num_classes: how many there are; 0: the network takes no labels.
      label_size: length of a class's vector; None: that of w.
      mapping_layers: of the mapping network, 1 or more; 8 in the paper, 2 in some later trainings.
      mapping_width: outputs of all of these but the last; None: the length of w.
      mapping_rate: multiplies the learning rate of the mapping network.
      architecture: `skip` adds up images of all resolutions, `resnet` has residual blocks, `orig`
        neither.
      demodulation: as for `modulated_conv`.
      clamp: of each layer's output; None leaves it as it is.
      use_noise: whether layers have noise.
      noise_mode: `const` adds it, `none` does not, unless a call says otherwise.
      truncation: how far from their mean w are taken unless a call says otherwise, in (0, 1].
    """

    resolution: int = 32
    channels: int = 3
    width: int | Sequence[int] = 32
    latent_size: int = 64
    w_size: int | None = None
    num_classes: int = 0
    label_size: int | None = None
    mapping_layers: int = 8
    mapping_width: int | None = None
    mapping_rate: float = 0.01
    architecture: str = "skip"
    demodulation: str = "stored"
    clamp: float | None = None
    use_noise: bool = True
    noise_mode: str = "const"
    truncation: float = 1.0

    @property
    def num_ws(self) -> int:
        """How many layers take a w."""
        return num_ws(self.resolution)

    @property
    def length_of_w(self) -> int:
        """Length of w."""
        return self.w_size or self.latent_size

    @property
    def embedding_size(self) -> int:
        """Length of a class's vector; 0 without classes."""
        return (self.label_size or self.length_of_w) if self.num_classes else 0

    def setup(self) -> None:
        """Makes the two networks, and the classes' vectors beside them."""
        check_choice("architecture", self.architecture, ARCHITECTURES)
        check_choice("demodulation", self.demodulation, DEMODULATIONS)
        if self.mapping_layers < 1:
            raise InputError(f"StyleGAN2: mapping_layers {self.mapping_layers}: expected 1 or more")
        if self.num_classes:
            shape = self.num_classes, self.embedding_size
            self.embedding = self.param(
                "embedding", nn.initializers.normal(1.0), shape, jnp.float32
            )
            self.embedding_bias = self.param(
                "embedding_bias", nn.initializers.zeros, shape[1:], jnp.float32
            )
        inner = self.mapping_width or self.length_of_w
        self.mapping = Mapping(
            [inner] * (self.mapping_layers - 1) + [self.length_of_w], self.mapping_rate
        )
        self.synthesis = Synthesis(
            self.resolution,
            self.channels,
            self.width,
            self.architecture,
            self.demodulation,
            self.clamp,
            self.use_noise,
        )

    def __call__(
        self,
        latents: Latents,
        labels: Conditions | None = None,
        truncation: float | None = None,
        noise_mode: str | None = None,
    ) -> Images:
        """Maps (batch, latent_size) to (batch, resolution, resolution, channels).

        Args:
          latents: (batch, latent_size).
          labels: class numbers, (batch,), or class vectors, (batch, embedding_size); None is the
            mean of all classes' vectors.
          truncation: in (0, 1]; None is the attribute's.
          noise_mode: `const` or `none`; None is the attribute's.

        Returns:
          Images that were trained towards [-1, 1]; nothing bounds them.
        """
        return self.synthesise(self.to_w(latents, labels, truncation), noise_mode)

    def to_w(
        self,
        latents: Latents,
        labels: Conditions | None = None,
        truncation: float | None = None,
    ) -> W:
        """Maps (batch, latent_size) to w, (batch, w_size); arguments as for `__call__`."""
        wanted = self.truncation if truncation is None else truncation
        if not 0.0 < wanted <= 1.0:
            raise InputError(f"truncation {wanted}: expected over 0 and at most 1")
        vectors = None
        if self.num_classes:
            chosen = class_vectors(self.embedding, labels, len(latents))
            vectors = chosen / self.num_classes**0.5 + self.embedding_bias[None]
        return self.mapping(normalised(latents, vectors), wanted)

    def synthesise(self, w: W | Ws, noise_mode: str | None = None) -> Images:
        """Maps w to images.

        Args:
          w: (batch, w_size), or one for each layer, (batch, num_ws(resolution), w_size).
          noise_mode: `const` or `none`; None is the attribute's.

        Raises:
          InputError: not one for each layer.
        """
        mode = self.noise_mode if noise_mode is None else noise_mode
        check_choice("noise_mode", mode, NOISE_MODES)
        count = num_ws(self.resolution)
        ws = jnp.broadcast_to(w[:, None], (len(w), count, w.shape[-1])) if w.ndim == 2 else w
        if ws.shape[1] != count:
            raise InputError(f"w: expected one for each of {count} layers, found {ws.shape[1]}")
        return self.synthesis(ws, add_noise=mode == "const")
