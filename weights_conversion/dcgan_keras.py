r"""DCGANs as Keras saves them, `.h5`: `Sequential` models of a generator, a critic, or both.

python -m weights_conversion.dcgan_keras --generator=generator.h5 --critic=critic.h5 --out=DIR

The file's configuration says how its layers are. It needs h5py: `pip install ".[keras]"`.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from minegan_jax.errors import InputError
from minegan_jax.nets.dcgan_stack import (
    ACTIVATIONS,
    CONV,
    CONV_TRANSPOSE,
    DENSE,
    LEAKY_RELU,
    LINEAR,
    OF_CHANNELS,
    OF_UNITS,
    RELU,
    SIGMOID,
    Layer,
    result_size,
)

from . import dcgan_layers
from .command import CLASS_NAMES, Converted, Flag, main, named
from .dcgan_layers import NO_LICENCE, Format, Found, NormNames, Stored
from .keras_h5 import read_model
from .rules import as_is

FLAGS = {
    **dcgan_layers.SHARED_FLAGS,
    "num_classes": Flag("classes that the generator takes one-hot, behind the latent", 0),
    **CLASS_NAMES,
}
Config = Mapping[str, Any]


def conv_transpose(kernel: np.ndarray) -> np.ndarray:
    """Turns (rows, columns, outputs, inputs) into (rows, columns, inputs, outputs)."""
    return kernel.swapaxes(2, 3)


FORMAT = Format(dense=as_is, conv=as_is, conv_transpose=conv_transpose, channels_first=False)


class Misfit(ValueError):
    """A layer that no DCGAN has; the message says what was expected."""


class Stack:
    """The layers that were read so far.

    Attributes:
      layers: which.
      size: pixels of the maps that the last one makes.
      reshaped: whether maps were made of the units of a dense layer.
    """

    def __init__(self, size: int) -> None:
        self.layers: list[Stored] = []
        self.size = size
        self.reshaped = False

    def add(self, layer: Layer, name: str, config: Config) -> None:
        """Adds a linear layer with what it has inside: a bias and an activation."""
        if config.get("data_format", "channels_last") != "channels_last":
            raise Misfit("maps with channels last")
        if config.get("groups", 1) != 1 or list(config.get("dilation_rate", (1, 1))) != [1, 1]:
            raise Misfit("convolutions without groups and dilation")
        bias = bool(config["use_bias"])
        self.layers.append(
            Stored(layer._replace(bias=bias), f"{name}/kernel", f"{name}/bias" if bias else None)
        )
        self.size, self.reshaped = result_size(layer, self.size), False
        self.activate(config["activation"])

    def change(self, **fields: Any) -> None:
        """Changes the last layer."""
        if not self.layers:
            raise Misfit("a dense layer or a convolution first")
        last = self.layers[-1]
        self.layers[-1] = last._replace(layer=last.layer._replace(**fields))

    def activate(self, activation: Any, **fields: Any) -> None:
        """Puts an activation behind the last layer."""
        if activation not in ACTIVATIONS or isinstance(fields.get("slope"), str):
            raise Misfit(f"an activation of {', '.join(ACTIVATIONS)}, found {str(activation)[:40]}")
        if activation == LINEAR:
            return
        if self.layers and self.layers[-1].layer.activation != LINEAR:
            raise Misfit("one activation behind a layer")
        self.change(activation=activation, **fields)

    def normalise(self, name: str, config: Config) -> None:
        """Puts a batch normalisation behind the last layer."""
        if not self.layers or self.layers[-1].norm:
            raise Misfit("one batch normalisation behind a dense layer or convolution")
        layer = self.layers[-1].layer
        of_units = layer.kind == DENSE and not self.reshaped
        self.change(
            norm=OF_UNITS if of_units else OF_CHANNELS,
            epsilon=float(config["epsilon"]),
            norm_first=layer.activation == LINEAR,
        )
        fields = {"gamma": config["scale"], "beta": config["center"]}
        fields |= {"moving_mean": True, "moving_variance": True}
        names = (f"{name}/{field}" if there else None for field, there in fields.items())
        self.layers[-1] = self.layers[-1]._replace(norm=NormNames(*names))

    def reshape(self, shape: list[int]) -> None:
        """Makes maps of the units of a dense layer; of a latent, one pixel."""
        if not self.layers and list(shape[:2]) == [1, 1]:
            return
        if len(shape) != 3 or shape[0] != shape[1] or self.layers[-1].layer.kind != DENSE:
            raise Misfit("square maps with channels last, out of a dense layer")
        self.change(size=shape[0], features=shape[2])
        self.size, self.reshaped = shape[0], True


def add_dense(stack: Stack, name: str, config: Config) -> None:
    """Adds a dense layer."""
    stack.add(Layer(DENSE, config["units"]), name, config)


def add_conv(stack: Stack, name: str, config: Config) -> None:
    """Adds a convolution; SAME depends on the size of the maps."""
    window, stride = _square(config["kernel_size"]), _square(config["strides"])
    missing = max((-(-stack.size // stride) - 1) * stride + window - stack.size, 0)
    layer = Layer(CONV, config["filters"], window, stride, _halves(missing, config))
    stack.add(layer, name, config)


def add_conv_transpose(stack: Stack, name: str, config: Config) -> None:
    """Adds a transposed convolution; SAME makes maps as many times as large as the stride."""
    window, stride = _square(config["kernel_size"]), _square(config["strides"])
    if config.get("output_padding") is not None or window < stride:
        raise Misfit("transposed convolutions without output padding, kernels not below strides")
    cut = _halves(window - stride, config)
    stack.add(Layer(CONV_TRANSPOSE, config["filters"], window, stride, cut), name, config)


def _halves(total: int, config: Config) -> tuple[int, int]:
    """Returns the padding, or the cropping, before and after."""
    if config["padding"] not in ("same", "valid"):
        raise Misfit(f"padding same or valid, found {str(config['padding'])[:40]}")
    total = total if config["padding"] == "same" else 0
    return total // 2, total - total // 2


def _square(sizes: Any) -> int:
    """Returns the size of rows and columns."""
    rows, columns = sizes
    if rows != columns or type(rows) is not int or rows < 1:
        raise Misfit(f"kernels and strides as wide as high, found {sizes}")
    return rows


def _slope(config: Config) -> float:
    """Returns the slope of a leaky ReLU, whose name has changed."""
    return float(config["negative_slope"] if "negative_slope" in config else config["alpha"])


def skip(stack: Stack, name: str, config: Config) -> None:
    """Passes by what changes nothing when images are generated or scored."""
    del stack, name, config


READERS: dict[str, Callable[[Stack, str, Config], None]] = {
    "Dense": add_dense,
    "Conv2D": add_conv,
    "Conv2DTranspose": add_conv_transpose,
    "BatchNormalization": lambda stack, name, config: stack.normalise(name, config),
    "Activation": lambda stack, _, config: stack.activate(config["activation"]),
    "ReLU": lambda stack, *_: stack.activate(RELU),
    "LeakyReLU": lambda stack, _, config: stack.activate(LEAKY_RELU, slope=_slope(config)),
    "Reshape": lambda stack, _, config: stack.reshape(config["target_shape"]),
    **dict.fromkeys(("InputLayer", "Flatten", "Dropout", "GaussianNoise"), skip),
}


def read(file: str, *, is_critic: bool) -> Found:
    """Reads a network.

    Raises:
      InputError: the file is damaged, or its layers are not those of a DCGAN.
    """
    model = read_model(file)
    size = _seen_size(model.layers, file) if is_critic else 1
    stack = Stack(size)
    for number, layer in enumerate(model.layers):
        kind, config = layer["class_name"], layer["config"]
        if kind not in READERS:
            raise InputError(f"{file}: expected layers of {', '.join(READERS)}, found {kind[:40]}")
        try:
            READERS[kind](stack, str(config.get("name")), config)
        except Misfit as error:
            raise InputError(f"{file}: layer {number}, a {kind}: expected {error}") from error
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{file}: layer {number}, a {kind}: damaged: {error!r}") from error
    if not stack.layers:
        raise InputError(f"{file}: expected the layers of a DCGAN, found none")
    if is_critic and stack.layers[-1].layer.activation == SIGMOID:
        stack.change(activation=LINEAR)  # scores are logits
    missing = [s.kernel for s in stack.layers if s.kernel not in model.arrays]
    if missing:
        raise InputError(f"{file}: missing: {missing[0]}")
    return Found(stack.layers, model.arrays, size, file)


def _seen_size(layers: list[dict[str, Any]], file: str) -> int:
    """Returns the resolution of the images that a critic takes."""
    config = layers[0]["config"] if layers else {}
    shape = config.get("batch_input_shape") or config.get("batch_shape")
    if (
        isinstance(shape, list)
        and len(shape) == 4
        and (type(shape[1]) is int and 0 < shape[1] == shape[2])
    ):
        return shape[1]
    raise InputError(f"{file}: expected a critic of square images, found inputs of {shape}")


def convert(
    generator: str | None = None,
    critic: str | None = None,
    prior: str = "normal",
    licence: str = NO_LICENCE,
    num_classes: int = 0,
    class_names: str | None = None,
) -> Converted:
    """Converts a generator, a critic, or both; what the arguments mean is said in `FLAGS`.

    Raises:
      InputError: there is no file, or one is damaged or not a DCGAN.
    """
    converted = dcgan_layers.convert_networks(
        read(generator, is_critic=False) if generator else None,
        read(critic, is_critic=True) if critic else None,
        FORMAT,
        latent_prior=prior,
        num_classes=num_classes,
        licence=licence,
    )
    return named(converted, class_names)


if __name__ == "__main__":
    sys.exit(main(convert, FLAGS))
