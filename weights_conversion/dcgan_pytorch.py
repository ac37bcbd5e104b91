r"""DCGANs as PyTorch saves them: a stack of layers under any names, in the order of the file.

python -m weights_conversion.dcgan_pytorch --generator=netG.pth --critic=netD.pth --out=DIR

Kinds of layers, channels, kernels and batch normalisations are read off the arrays. What these do
not say has a flag, whose default is what PyTorch's DCGAN tutorial has; what was taken is in
`source.json`. Layers must run in the order in which the file has them.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from minegan_jax.errors import InputError
from minegan_jax.nets.dcgan_stack import (
    ACTIVATIONS,
    CONV,
    CONV_TRANSPOSE,
    DENSE,
    LEAKY_RELU,
    LINEAR,
    NO_NORM,
    OF_CHANNELS,
    OF_UNITS,
    RELU,
    TANH,
    Layer,
)

from . import dcgan_layers, reader, states
from .command import CLASS_NAMES, KEYS, Converted, Flag, main, named, network_keys
from .dcgan_layers import NO_LICENCE, Format, Found, NormNames, Stored
from .rules import conv, dense

NORM_ARRAYS = {"weight", "bias", "running_mean", "running_var"}
ACTIVATION = "of the {}'s hidden layers: one for all, or one for each, as linear,relu,relu"
STRIDES = "of the {}'s convolutions, as 1,2,2; else doubling or halving, but where 4x4 meets 1x1"
PADDINGS = "of the {}'s convolutions, as 0,1,1; else such that a stride of 2 doubles or halves"
FLAGS = {
    **dcgan_layers.SHARED_FLAGS,
    **KEYS,
    "activation": Flag(ACTIVATION.format("generator"), RELU),
    "output": Flag("what the generator ends in: tanh, sigmoid (images in [0, 1]), linear", TANH),
    "strides": Flag(STRIDES.format("generator")),
    "paddings": Flag(PADDINGS.format("generator")),
    "critic_activation": Flag(ACTIVATION.format("critic"), LEAKY_RELU),
    "critic_strides": Flag(STRIDES.format("critic")),
    "critic_paddings": Flag(PADDINGS.format("critic")),
    "slope": Flag("of leaky ReLUs below zero", 0.2),
    "epsilon": Flag("that batch normalisations add to variances", 1e-5),
    "num_classes": Flag("classes that the generator takes one-hot, behind the latent", 0),
    **CLASS_NAMES,
}


def conv_transpose(kernel: np.ndarray) -> np.ndarray:
    """Turns (inputs, outputs, rows, columns) into (rows, columns, inputs, outputs)."""
    return kernel.transpose(2, 3, 0, 1)


FORMAT = Format(dense=dense, conv=conv, conv_transpose=conv_transpose, channels_first=True)


class Choices(NamedTuple):
    """What the arrays of a network do not say."""

    activation: str
    output: str
    strides: str | None
    paddings: str | None
    slope: float
    epsilon: float


class Group(NamedTuple):
    """The arrays of a layer: of a linear map, and of the normalisation behind it."""

    name: str  # what the names of its arrays begin with
    shape: tuple[int, ...]  # of its kernel
    bias: bool
    norm: str | None = None  # what the names of its normalisation's arrays begin with

    @property
    def is_dense(self) -> bool:
        """Whether it is a dense layer."""
        return len(self.shape) == 2


def group(arrays: Mapping[str, np.ndarray], file: str) -> list[Group]:
    """Returns the layers of a file, in order.

    Raises:
      InputError: an array belongs to no layer of a DCGAN.
    """
    parts: dict[str, list[str]] = {}
    for name in arrays:
        prefix, _, end = name.rpartition(".")
        parts.setdefault(prefix, []).append(end)
    groups: list[Group] = []
    for prefix, ends in parts.items():
        kernel = arrays.get(_joined(prefix, "weight"))
        num_axes = 0 if kernel is None else kernel.ndim
        if kernel is not None and num_axes in (2, 4) and set(ends) <= {"weight", "bias"}:
            groups.append(Group(prefix, kernel.shape, "bias" in ends))
        elif num_axes < 2 and set(ends) <= NORM_ARRAYS and groups and not groups[-1].norm:
            groups[-1] = groups[-1]._replace(norm=prefix)
        else:
            raise InputError(
                f"{file}: {_joined(prefix, ends[0])}: expected dense layers, convolutions and"
                " batch normalisations behind them, in the order in which they run"
            )
        if groups[-1].shape[2:3] != groups[-1].shape[3:] or 0 in groups[-1].shape:
            raise InputError(f"{file}: {prefix}: expected a square kernel")
    if not groups:
        raise InputError(f"{file}: expected the layers of a DCGAN, found no arrays")
    return groups


def _joined(prefix: str, end: str) -> str:
    """Returns the name of an array."""
    return f"{prefix}.{end}" if prefix else end


def read_generator(arrays: Mapping[str, np.ndarray], choices: Choices, file: str) -> Found:
    """Reads a generator off its arrays.

    Raises:
      InputError: they are not those of a DCGAN's generator.
    """
    groups = group(arrays, file)
    kinds, inputs = [], groups[0].shape[1 if groups[0].is_dense else 0]
    sizes = [(0, 0)] * len(groups)
    for number, one in enumerate(groups):
        kinds.append(_kind(one, inputs, file))
        if one.is_dense:
            behind = groups[number + 1] if number + 1 < len(groups) else None
            sizes[number] = _maps(one, behind, file)
        else:
            sizes[number] = one.shape[1 if kinds[-1] == CONV_TRANSPOSE else 0], 1
        inputs = sizes[number][0]
    windows = _windows(groups, kinds, {0}, choices)
    return _found(groups, kinds, sizes, windows, choices, arrays)._replace(size=1, file=file)


def read_critic(arrays: Mapping[str, np.ndarray], choices: Choices, file: str) -> Found:
    """Reads a critic off its arrays; the resolution is what gives its last layer one number.

    Raises:
      InputError: they are not those of a DCGAN's critic.
    """
    groups = group(arrays, file)
    kinds = [DENSE if one.is_dense else CONV for one in groups]
    sizes = [(one.shape[0], 1) for one in groups]
    if sizes[-1][0] != 1:
        raise InputError(f"{file}: {groups[-1].name}: expected one score, found {sizes[-1][0]}")
    windows = _windows(groups, kinds, {len(groups) - 1}, choices)
    found = _found(groups, kinds, sizes, windows, choices, arrays)
    return found._replace(size=_seen_size(groups, found.layers, file), file=file)


def _kind(one: Group, inputs: int, file: str) -> str:
    """Returns the kind of a generator's layer; where both fit, convolutions are transposed."""
    kinds = {DENSE: one.is_dense and one.shape[1] == inputs}
    kinds[CONV_TRANSPOSE] = not one.is_dense and one.shape[0] == inputs
    kinds[CONV] = not one.is_dense and one.shape[1] == inputs
    fitting = [kind for kind, fits in kinds.items() if fits]
    if not fitting:
        raise InputError(f"{file}: {one.name}: a kernel of {one.shape} does not take {inputs} maps")
    return fitting[0]


def _maps(one: Group, behind: Group | None, file: str) -> tuple[int, int]:
    """Returns channels and size of the maps that a generator's dense layer makes.

    What is behind it says how many channels it takes; behind a last one is the image.
    """
    units = one.shape[0]
    if behind is not None and behind.is_dense:
        return units, 1
    for channels in behind.shape[:2] if behind else (1, 3):
        size = round((units / channels) ** 0.5)
        if units == channels * size**2:
            return channels, size
    raise InputError(f"{file}: {one.name}: expected units that make square maps, found {units}")


def _windows(
    groups: Sequence[Group], kinds: Sequence[str], at_end: set[int], choices: Choices
) -> list[tuple[int, int]]:
    """Returns stride and PyTorch's padding of each layer.

    Args:
      groups: the layers.
      kinds: of the layers.
      at_end: the number of the layer at which one pixel meets the whole kernel.
      choices: may state them.
    """
    numbers = [number for number, kind in enumerate(kinds) if kind != DENSE]
    resizes = CONV_TRANSPOSE if CONV_TRANSPOSE in kinds else CONV
    strides = _numbers("strides", choices.strides, len(numbers)) or [
        2 if kinds[number] == resizes and number not in at_end else 1 for number in numbers
    ]
    paddings = _numbers("paddings", choices.paddings, len(numbers)) or [
        0 if number in at_end else (groups[number].shape[2] - stride + 1) // 2
        for number, stride in zip(numbers, strides, strict=True)
    ]
    windows = [(1, 0)] * len(groups)
    for number, window in zip(numbers, zip(strides, paddings, strict=True), strict=True):
        windows[number] = window
    return windows


def _numbers(name: str, stated: str | None, count: int) -> list[int]:
    """Returns the numbers that a flag states, or none.

    Raises:
      InputError: they are not as many whole numbers as there are convolutions.
    """
    if stated is None:
        return []
    numbers = [int(part) for part in stated.split(",") if part.isdigit()]
    if len(numbers) != count or len(numbers) != stated.count(",") + 1:
        raise InputError(f"--{name}={stated}: expected {count} numbers, one for each convolution")
    return numbers


def _activations(count: int, choices: Choices) -> list[str]:
    """Returns the activations of all layers.

    Raises:
      InputError: there are no such activations, or not as many as there are hidden layers.
    """
    hidden = choices.activation.split(",")
    hidden = hidden * (count - 1) if len(hidden) == 1 else hidden
    activations = [*hidden, choices.output]
    unknown = set(activations) - set(ACTIVATIONS)
    if unknown or len(activations) != count:
        raise InputError(
            f"activation {choices.activation}, output {choices.output}: expected"
            f" {', '.join(ACTIVATIONS)}; one for all hidden layers, or one for each of {count - 1}"
        )
    return activations


def _found(
    groups: Sequence[Group],
    kinds: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    windows: Sequence[tuple[int, int]],
    choices: Choices,
    arrays: Mapping[str, np.ndarray],
) -> Found:
    """Returns a network of these layers, whose input and file are still to be said."""
    activations = _activations(len(groups), choices)
    parts = zip(groups, kinds, sizes, windows, activations, strict=True)
    return Found([_stored(*part, choices, arrays) for part in parts], arrays, 1, "")


def _stored(
    one: Group,
    kind: str,
    maps: tuple[int, int],
    window: tuple[int, int],
    activation: str,
    choices: Choices,
    arrays: Mapping[str, np.ndarray],
) -> Stored:
    """Returns one layer."""
    features, size = maps
    layer = Layer(
        kind,
        features,
        size=size,
        bias=one.bias,
        norm=_norm(one, arrays),
        epsilon=choices.epsilon,
        activation=activation,
        slope=choices.slope,
    )
    if kind != DENSE:
        layer = layer._replace(
            window=one.shape[2],
            stride=window[0],
            padding=_padding(kind, one.shape[2], *window),
        )
    bias = _joined(one.name, "bias") if one.bias else None
    names = None if one.norm is None else _norm_names(one.norm, arrays)
    return Stored(layer, _joined(one.name, "weight"), bias, names)


def _padding(kind: str, window: int, stride: int, padding: int) -> tuple[int, int]:
    """Returns zeros, or what is cut, before and after: PyTorch's `output_padding` brings back some.

    That is taken to be what makes the result `stride` times as large, if it is allowed to be.
    """
    brought_back = stride - window + 2 * padding
    if kind == CONV or not 0 <= brought_back < stride:
        return padding, padding
    return padding, padding - brought_back


def _norm(one: Group, arrays: Mapping[str, np.ndarray]) -> str:
    """Returns which numbers a normalisation standardises together."""
    if one.norm is None:
        return NO_NORM
    sizes = {arrays[name].size for name in _norm_names(one.norm, arrays) if name}
    return OF_UNITS if one.is_dense and sizes == {one.shape[0]} else OF_CHANNELS


def _norm_names(prefix: str, arrays: Mapping[str, np.ndarray]) -> NormNames:
    """Returns the names of a normalisation's arrays."""
    ends = ("weight", "bias", "running_mean", "running_var")
    names = (_joined(prefix, end) for end in ends)
    return NormNames(*(name if name in arrays else None for name in names))


def _seen_size(groups: Sequence[Group], layers: Sequence[Stored], file: str) -> int:
    """Returns the resolution of the images that a critic sees, from its last layer backwards."""
    size = 1
    for number in reversed(range(len(layers))):
        layer = layers[number].layer
        if layer.kind == DENSE:
            maps = layers[number - 1].layer.features if number else 1
            size = round((groups[number].shape[1] / maps) ** 0.5)
            continue
        least = (size - 1) * layer.stride + layer.window - sum(layer.padding)
        larger = size * layer.stride  # of which the stride may leave something over
        size = larger if least <= larger < least + layer.stride else least
    if size < 1:
        raise InputError(f"{file}: expected a critic of images, found one of {size} pixels")
    return size


def convert(
    generator: str | None = None,
    critic: str | None = None,
    prior: str = "normal",
    licence: str = NO_LICENCE,
    key: str | None = None,
    critic_key: str | None = None,
    activation: str = RELU,
    output: str = TANH,
    strides: str | None = None,
    paddings: str | None = None,
    critic_activation: str = LEAKY_RELU,
    critic_strides: str | None = None,
    critic_paddings: str | None = None,
    slope: float = 0.2,
    epsilon: float = 1e-5,
    num_classes: int = 0,
    class_names: str | None = None,
) -> Converted:
    """Converts a generator, a critic, or both; what the arguments mean is said in `FLAGS`.

    Raises:
      InputError: there is no file, or one is damaged or not a DCGAN.
    """
    files = {"generator": generator, "critic": critic}
    keys = network_keys(key, critic_key, both=bool(generator and critic))
    of_both = {"slope": slope, "epsilon": epsilon}
    choices = {
        "generator": Choices(activation, output, strides, paddings, **of_both),
        "critic": Choices(critic_activation, LINEAR, critic_strides, critic_paddings, **of_both),
    }
    found = {
        name: READ[name](_arrays(file, keys[name]), choices[name], file) if file else None
        for name, file in files.items()
    }
    converted = dcgan_layers.convert_networks(
        **found,
        layout=FORMAT,
        latent_prior=prior,
        num_classes=num_classes,
        licence=licence,
    )
    return named(converted, class_names)


READ = {"generator": read_generator, "critic": read_critic}


def _arrays(file: str, key: str | None) -> dict[str, np.ndarray]:
    """Returns the arrays of a file's network; the counters of batches mean nothing here."""
    arrays = states.find_unsigned(reader.read_torch(file), file=file, key=key)
    return {n: array for n, array in arrays.items() if not n.endswith("num_batches_tracked")}


if __name__ == "__main__":
    sys.exit(main(convert, FLAGS))
