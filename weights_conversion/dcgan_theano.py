r"""DCGANs of Radford et al.'s own code, in Theano: joblib's dumps, an `.npy` file for each array.

python -m weights_conversion.dcgan_theano --generator=200_gen_params.jl \
    --critic=200_discrim_params.jl --out=DIR

The dump itself is a pickle that lists the arrays beside it, `200_gen_params.jl_01.npy` and so on;
it is not opened. Its networks take the statistics of their batch, always, so no file has any: they
are accumulated here. `source.json` has how the layers are; they are the same in all of that code.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minegan_jax.errors import InputError
from minegan_jax.nets.dcgan_stack import (
    CONV,
    CONV_TRANSPOSE,
    DENSE,
    LEAKY_RELU,
    OF_CHANNELS,
    OF_UNITS,
    RELU,
    TANH,
    Layer,
)

from . import dcgan_layers, reader
from .command import Converted, main
from .dcgan_layers import NO_LICENCE, Format, Found, NormNames, Stored
from .rules import as_is, shape_of

EPSILON = 1e-8  # added to variances
STRIDE = 2  # of all convolutions, whose zeros around maps are half a kernel
FLAGS = dcgan_layers.SHARED_FLAGS
Arrays = Mapping[str, np.ndarray]


def conv(kernel: np.ndarray) -> np.ndarray:
    """Turns a true convolution's (outputs, inputs, rows, columns) into a correlation's layout."""
    return kernel[:, :, ::-1, ::-1].transpose(2, 3, 1, 0)


def conv_transpose(kernel: np.ndarray) -> np.ndarray:
    """Turns the kernel (inputs, outputs, rows, columns) of a true convolution's gradient."""
    return kernel[:, :, ::-1, ::-1].transpose(2, 3, 0, 1)


FORMAT = Format(dense=as_is, conv=conv, conv_transpose=conv_transpose, channels_first=True)


def files_of(dump: str) -> dict[str, str]:
    """Returns the files of the arrays beside a dump, by their numbers, in order.

    Raises:
      InputError: there are none.
    """
    path = Path(dump)
    numbered = re.compile(re.escape(path.name) + r"_(\d+)\.npy")
    matches = ((numbered.fullmatch(file.name), file) for file in path.parent.glob("*.npy"))
    found = {match[1]: str(file) for match, file in matches if match}
    if not found:
        first = f"{path.name}_01.npy"
        raise InputError(f"{dump}: expected arrays beside it, such as {first}, found none")
    return {number: found[number] for number in sorted(found, key=int)}


def read(dump: str) -> dict[str, np.ndarray]:
    """Reads the arrays beside a dump by their numbers, in order.

    Raises:
      InputError: there are none, or one is damaged.
    """
    return {number: reader.read_npy(file) for number, file in files_of(dump).items()}


class Group(NamedTuple):
    """The arrays of a layer, by their numbers."""

    kernel: str
    norm: Sequence[str] = ()  # gain and bias

    def stored(self, layer: Layer, norm: str = OF_CHANNELS) -> Stored:
        """Returns the layer, normalised if it has a gain."""
        if not self.norm:
            return Stored(layer, self.kernel)
        layer = layer._replace(norm=norm, epsilon=EPSILON)
        gain, bias = self.norm
        return Stored(layer, self.kernel, norm=NormNames(gain, bias, None, None))


def group(arrays: Arrays, dump: str) -> list[Group]:
    """Returns the layers of a dump: a kernel each, and a gain and a bias where it is normalised.

    Raises:
      InputError: the arrays are not such.
    """
    groups: list[Group] = []
    for number, array in arrays.items():
        if array.ndim in (2, 4):
            groups.append(Group(number))
        elif array.ndim == 1 and groups and len(groups[-1].norm) < 2:
            groups[-1] = groups[-1]._replace(norm=(*groups[-1].norm, number))
    in_groups = sum(1 + len(one.norm) for one in groups)
    if in_groups != len(arrays) or any(len(one.norm) == 1 for one in groups) or len(groups) < 2:
        raise InputError(f"{dump}: expected kernels, and a gain and a bias behind most of them")
    return groups


def read_generator(dump: str) -> Found:
    """Reads a generator: a dense layer, then transposed convolutions.

    Raises:
      InputError: the arrays are not its.
    """
    arrays = read(dump)
    first, *rest = group(arrays, dump)
    channels = shape_of(arrays, rest[0].kernel, 4, dump)[0]
    size = round((shape_of(arrays, first.kernel, 2, dump)[1] / channels) ** 0.5)
    layers = [first.stored(Layer(DENSE, channels, size=size, activation=RELU), OF_UNITS)]
    for one in rest:
        features, window = shape_of(arrays, one.kernel, 4, dump)[1:3]
        before = window // 2
        cut = (before, window - STRIDE - before)
        layer = Layer(CONV_TRANSPOSE, features, window, STRIDE, cut, activation=RELU)
        layers.append(one.stored(layer))
    layers[-1] = layers[-1]._replace(layer=layers[-1].layer._replace(activation=TANH))
    return Found(layers, arrays, 1, dump, tuple(files_of(dump).values()))


def read_critic(dump: str) -> Found:
    """Reads a critic: convolutions, then a dense layer, of which the sigmoid is left out.

    Raises:
      InputError: the arrays are not its.
    """
    arrays = read(dump)
    *convs, last = group(arrays, dump)
    layers = []
    for one in convs:
        features, _, window, _ = shape_of(arrays, one.kernel, 4, dump)
        padding = (window // 2, window // 2)
        layer = Layer(CONV, features, window, STRIDE, padding, activation=LEAKY_RELU)
        layers.append(one.stored(layer))
    units = shape_of(arrays, last.kernel, 2, dump)[0]
    size = round((units / layers[-1].layer.features) ** 0.5)
    layers.append(last.stored(Layer(DENSE, 1)))
    return Found(layers, arrays, size << len(convs), dump, tuple(files_of(dump).values()))


def convert(
    generator: str | None = None,
    critic: str | None = None,
    prior: str = "normal",
    licence: str = NO_LICENCE,
) -> Converted:
    """Converts a generator, or both; a critic's statistics are those of images generated here.

    Args:
      generator: its dump.
      critic: its dump.
      prior: `normal` or `uniform`, that latents are drawn from.
      licence: what is known of it.

    Raises:
      InputError: there is no dump, or its arrays are damaged or not a DCGAN's.
    """
    return dcgan_layers.convert_networks(
        read_generator(generator) if generator else None,
        read_critic(critic) if critic else None,
        FORMAT,
        latent_prior=prior,
        licence=licence,
    )


if __name__ == "__main__":
    sys.exit(main(convert, FLAGS))
