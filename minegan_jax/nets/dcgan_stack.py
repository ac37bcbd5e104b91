"""DCGANs as people published them (Radford et al., ICLR 2016): stacks of layers, listed one by one.

Each layer is linear (dense, convolution, transposed convolution), then normalised by stored batch
statistics and activated, in either order. What differs between published DCGANs is in the list;
without one, the networks are those of PyTorch's DCGAN tutorial, at any width and resolution.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from minegan_jax.errors import InputError
from minegan_jax.nets.conditioning import class_vectors, with_class_maps
from minegan_jax.nets.layers import any_conv, any_conv_transpose
from minegan_jax.nets.precision import to_float32
from minegan_jax.nets.prior import NORMAL, prior_sample
from minegan_jax.nets.statistics import Affine, StoredNorm
from minegan_jax.types import Conditions, Images, Latents, Scores

DENSE, CONV, CONV_TRANSPOSE = "dense", "conv", "conv_transpose"
KINDS = (DENSE, CONV, CONV_TRANSPOSE)
LINEAR, RELU, LEAKY_RELU, TANH, SIGMOID = "linear", "relu", "leaky_relu", "tanh", "sigmoid"
ACTIVATIONS = (LINEAR, RELU, LEAKY_RELU, TANH, SIGMOID)
NO_NORM, OF_CHANNELS, OF_UNITS = "none", "channels", "units"
NORMS = (NO_NORM, OF_CHANNELS, OF_UNITS)
SMALLEST = 4  # pixels of the tutorial's smallest map, at powers of two

Maps = Float[Array, "batch height width channels"]


class Layer(NamedTuple):
    """A layer of a stack, as a source's description lists it."""

    kind: str  # of `KINDS`
    features: int  # channels of the output
    window: int = 1  # rows and columns of a convolution's kernel
    stride: int = 1
    # Of a convolution, zeros before and after rows and columns; of a transposed one, what is cut
    # off the full result there.
    padding: Sequence[int] = (0, 0)
    size: int = 1  # height and width of the maps that a dense layer makes
    bias: bool = False
    # Standardised by a mean and a variance for each channel, or for each unit of a dense layer.
    norm: str = NO_NORM
    epsilon: float = 1e-5  # added to the variance
    activation: str = LINEAR
    slope: float = 0.2  # of the leaky ReLU below zero
    norm_first: bool = True  # whether the activation follows the normalisation


def as_layers(described: Sequence[Mapping[str, Any]]) -> tuple[Layer, ...]:
    """Returns the layers that a description lists.

    Raises:
      InputError: one has an unknown field, lacks one or has a value that no layer has.
    """
    return tuple(_as_layer(number, fields) for number, fields in enumerate(described))


def _as_layer(number: int, fields: Mapping[str, Any]) -> Layer:
    """Returns one layer."""
    try:
        layer = Layer(**fields)
    except TypeError as error:
        expected = ", ".join(Layer._fields)
        raise InputError(f"layer {number}: expected fields out of {expected}: {error}") from error
    for name, choices in (("kind", KINDS), ("activation", ACTIVATIONS), ("norm", NORMS)):
        if (found := getattr(layer, name)) not in choices:
            raise InputError(f"layer {number}: {name} {found!r}: expected {', '.join(choices)}")
    if layer.norm == OF_UNITS and layer.kind != DENSE:
        raise InputError(f"layer {number}: norm {OF_UNITS!r}: expected a dense layer")
    least = {"features": 1, "window": 1, "stride": 1, "size": 1}
    if any(getattr(layer, name) < value for name, value in least.items()):
        raise InputError(f"layer {number}: expected {', '.join(least)} of 1 or more")
    if len(layer.padding) != 2 or min(layer.padding) < 0:
        raise InputError(
            f"layer {number}: padding {layer.padding}: expected two numbers, 0 or more"
        )
    return layer


def described(layers: Sequence[Layer]) -> list[dict[str, Any]]:
    """Returns the layers as `source.json` has them, each with its own fields; see `as_layers`."""
    return [
        {
            name: list(value) if name == "padding" else value
            for name, value in layer._asdict().items()
            if name not in _idle(layer)
        }
        for layer in layers
    ]


def _idle(layer: Layer) -> set[str]:
    """Returns the fields that mean nothing for a layer."""
    idle = {"window", "stride", "padding"} if layer.kind == DENSE else {"size"}
    idle |= {"epsilon", "norm_first"} if layer.norm == NO_NORM else set()
    return idle if layer.activation == LEAKY_RELU else idle | {"slope"}


def result_size(layer: Layer, size: int) -> int:
    """Returns the height and width that a layer makes of maps of `size` pixels."""
    if layer.kind == DENSE:
        return layer.size
    if layer.kind == CONV:
        return (size + sum(layer.padding) - layer.window) // layer.stride + 1
    return (size - 1) * layer.stride + layer.window - sum(layer.padding)


def map_sizes(resolution: int) -> tuple[int, ...]:
    """Returns the sizes of the tutorial's maps, halved until fewer than 8 pixels are left.

    The smallest comes first: 64 gives (4, 8, 16, 32, 64), and 28 gives (7, 14, 28).
    """
    sizes = [resolution]
    while sizes[0] >= 2 * SMALLEST:
        sizes.insert(0, sizes[0] // 2)
    return tuple(sizes)


def tutorial_generator(resolution: int, channels: int, width: int) -> tuple[Layer, ...]:
    """Returns the generator of PyTorch's DCGAN tutorial.

    Args:
      resolution: of the images in pixels.
      channels: of the images.
      width: channels of the last hidden map; each smaller one has twice as many.
    """
    smallest, *sizes = map_sizes(resolution)
    widths = [*(width << i for i in reversed(range(len(sizes)))), channels]
    hidden: dict[str, Any] = {"norm": OF_CHANNELS, "activation": RELU}
    layers = [Layer(CONV_TRANSPOSE, widths[0], window=smallest, **hidden)]
    for size, features in zip(sizes, widths[1:], strict=True):
        cut = (1, 1 - size % 2)  # an odd size keeps one row more
        layers.append(Layer(CONV_TRANSPOSE, features, 4, 2, cut, **hidden))
    return (*layers[:-1], layers[-1]._replace(norm=NO_NORM, activation=TANH))


def tutorial_critic(resolution: int, width: int) -> tuple[Layer, ...]:
    """Returns the critic of PyTorch's DCGAN tutorial, whose first layer is not normalised.

    Args:
      resolution: of the images in pixels.
      width: channels of the first hidden map; each smaller one has twice as many.
    """
    smallest, *sizes = map_sizes(resolution)
    hidden = (
        Layer(
            *(CONV, width << i, 4, 2, (1, 1)),
            norm=OF_CHANNELS if i else NO_NORM,
            activation=LEAKY_RELU,
        )
        for i in range(len(sizes))
    )
    return (*hidden, Layer(CONV, 1, window=smallest))


class Linear(nn.Module):
    """The linear part of a layer: a product, with a bias where it has one.

    A dense layer's kernel is (inputs, size * size * features), its inputs and outputs in the order
    height, width, channels, and it has a bias for each unit. A convolution's is (rows, columns,
    inputs, features); a transposed one's holds what a pixel adds to the rows and columns from its
    place on. These have a bias for each channel.

    Attributes:
      layer: which.
    """

    layer: Layer

    @nn.compact
    def __call__(self, maps: Maps) -> Float[Array, "batch _ _ outputs"]:
        """Maps (batch, h, w, in) to (batch, h', w', features), or (batch, 1, 1, units)."""
        layer, inputs = self.layer, maps.shape[-1]
        if layer.kind == DENSE:
            maps = maps.reshape(len(maps), 1, 1, -1)
            shape: tuple[int, ...] = maps.shape[-1], layer.size**2 * layer.features
        else:
            shape = layer.window, layer.window, inputs, layer.features
        kernel = self.param("kernel", nn.initializers.normal(0.02), shape, jnp.float32)
        x = _product(maps, kernel, layer)
        if layer.bias:
            bias = self.param("bias", nn.initializers.zeros, x.shape[-1:], jnp.float32)
            x += bias[None, None, None]
        return x


def _product(maps: Maps, kernel: Array, layer: Layer) -> Array:
    """Multiplies maps with a layer's kernel."""
    if layer.kind == DENSE:
        return maps @ kernel
    pads = ((layer.padding[0], layer.padding[1]),) * 2
    one_pixel, whole = maps.shape[1:3] == (1, 1), maps.shape[1:3] == kernel.shape[:2]
    if layer.kind == CONV and whole and pads == ((0, 0),) * 2:  # one matrix product, to one pixel
        return maps.reshape(len(maps), 1, 1, -1) @ kernel.reshape(-1, layer.features)
    if layer.kind == CONV:
        return any_conv(maps, kernel, stride=layer.stride, pads=pads)
    if one_pixel and pads == ((0, 0),) * 2:  # one matrix product, from one pixel
        return jnp.einsum("bi,rcio->brco", maps[:, 0, 0], kernel)
    return any_conv_transpose(maps, kernel, stride=layer.stride, cut=pads)


class Norm(nn.Module):
    """Standardises by stored batch statistics, then takes a gain and a bias.

    Attributes:
      epsilon: added to the variance.
    """

    epsilon: float

    @nn.compact
    def __call__(self, maps: Maps) -> Maps:
        """Keeps the shape, (batch, height, width, channels)."""
        return Affine(name="affine")(StoredNorm(self.epsilon, name="statistics")(maps))


def activate(maps: Maps, layer: Layer) -> Maps:
    """Applies a layer's activation."""
    if layer.activation == LEAKY_RELU:
        return nn.leaky_relu(maps, layer.slope)
    activations: dict[str, Callable[..., Array]] = {
        **{RELU: nn.relu, TANH: jnp.tanh, SIGMOID: nn.sigmoid, LINEAR: lambda x: x}
    }
    return activations[layer.activation](maps)


def run_layer(layer: Layer, number: int, maps: Maps) -> Float[Array, "batch _ _ features"]:
    """Computes a layer inside a compact module, whose parts are `layer0`, `norm0` and so on."""
    x = Linear(layer, name=f"layer{number}")(maps)
    norm = Norm(layer.epsilon, name=f"norm{number}") if layer.norm != NO_NORM else None
    shape = (len(x), layer.size, layer.size, layer.features)
    if layer.kind == DENSE and layer.norm != OF_UNITS:
        x = x.reshape(shape)
    if norm and layer.norm_first:
        x = norm(x)
    x = activate(x, layer)
    if norm and not layer.norm_first:
        x = norm(x)
    return x.reshape(shape) if layer.kind == DENSE else x


class Generator(nn.Module):
    """Turns latents into images.

    Attributes:
      resolution: height and width of the images in pixels.
      channels: 1 for grey, 3 for RGB.
      latent_size: length of a latent, drawn from N(0, I).
      width: channels of the last hidden map where no layers are listed.
      generator_layers: as `described`; None is the tutorial's.
      num_classes: how many there are, one-hot behind the latent; 0 if it takes none.
      prior: that it was trained with, of `nets.prior.PRIORS`; latents are mapped to it.
      image_range: the values of black and white in what the last layer gives.
    """

    resolution: int = 64
    channels: int = 3
    latent_size: int = 100
    width: int = 64
    generator_layers: Sequence[Mapping[str, Any]] | None = None
    num_classes: int = 0
    prior: str = NORMAL
    image_range: Sequence[float] = (-1.0, 1.0)

    @nn.compact
    def __call__(self, latents: Latents, labels: Conditions | None = None) -> Images:
        """Maps (batch, latent_size) to (batch, resolution, resolution, channels) in [-1, 1].

        Args:
          latents: (batch, latent_size), standard Gaussian noise whatever the prior.
          labels: class numbers, (batch,), or weights of the classes, (batch, num_classes); None
            is an equal share of each.
        """
        x = prior_sample(latents, self.prior)
        if self.num_classes:
            vectors = class_vectors(jnp.eye(self.num_classes), labels, len(latents))
            x = jnp.concatenate([x, vectors.astype(x.dtype)], axis=1)
        x = x[:, None, None]
        for number, layer in enumerate(self._layers()):
            x = run_layer(layer, number, x)
        expected = (self.resolution, self.resolution, self.channels)
        if x.shape[1:] != expected:
            raise InputError(f"the layers make images of {x.shape[1:]}, expected {expected}")
        low, high = self.image_range
        return x if (low, high) == (-1.0, 1.0) else (x - low) * (2.0 / (high - low)) - 1.0

    def _layers(self) -> tuple[Layer, ...]:
        """Returns the layers."""
        if self.generator_layers is not None:
            return as_layers(self.generator_layers)
        return tutorial_generator(self.resolution, self.channels, self.width)


class Critic(nn.Module):
    """Scores images; a score is the logit, before a last sigmoid.

    Attributes:
      resolution: height and width of the images in pixels.
      channels: 1 for grey, 3 for RGB.
      width: channels of the first hidden map where no layers are listed.
      layers: as `described`; None is the tutorial's.
      num_classes: how many there are, as maps beside the image; 0 if it takes none.
      image_range: the values of black and white that the first layer expects.
    """

    resolution: int = 64
    channels: int = 3
    width: int = 64
    layers: Sequence[Mapping[str, Any]] | None = None
    num_classes: int = 0
    image_range: Sequence[float] = (-1.0, 1.0)

    @nn.compact
    def __call__(self, images: Images, labels: Int[Array, "batch"] | None = None) -> Scores:
        """Maps (batch, resolution, resolution, channels) in [-1, 1] to (batch,).

        Args:
          images: (batch, resolution, resolution, channels).
          labels: class numbers, (batch,); None drops the label term.
        """
        low, high = self.image_range
        x = images if (low, high) == (-1.0, 1.0) else low + (images + 1.0) * ((high - low) / 2.0)
        if self.num_classes:
            x = with_class_maps(x, labels, self.num_classes)
        *hidden, last = self._layers()
        for number, layer in enumerate(hidden):
            x = run_layer(layer, number, x)
        x = run_layer(last, len(hidden), to_float32(x))
        if x.shape[1:] != (1, 1, 1):
            raise InputError(f"the critic's layers make maps of {x.shape[1:]}, expected one number")
        return x[:, 0, 0, 0]

    def _layers(self) -> tuple[Layer, ...]:
        """Returns the layers."""
        if self.layers is not None:
            return as_layers(self.layers)
        return tutorial_critic(self.resolution, self.width)
