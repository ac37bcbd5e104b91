r"""BigGAN-deep in the Hugging Face format, `pytorch_model.bin` and `config.json`: a generator.

python -m weights_conversion.biggan_deep_hf \
    --generator=pytorch_model.bin --config=config.json --out=DIR

`--truncation` is the truncation whose batch statistics are used unless `generate` is told another;
it does not change what is stored.
"""

import sys
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from minegan_jax.errors import InputError

from . import reader, states
from .command import CLASS_NAMES, Converted, Flag, fill, main, named
from .rules import Layout, Rule, conv, dense, shape_of

LICENCE = "the repository's is MIT; none is stated for the weights, trained on ImageNet"
FLAGS = {
    "generator": Flag("pytorch_model.bin"),
    "config": Flag("config.json, which lies beside it"),
    "truncation": Flag("whose statistics are used by default, over 0 and at most 1", 1.0),
    **CLASS_NAMES,
    "key": Flag(states.KEY),
}
SIGN = ("generator.gen_z.weight_orig",)  # an array by which the generator is found
KERNEL_SIZES = (1, 3, 3, 1)  # of a block's convolutions
PARTS = ("theta", "phi", "g", "o_conv")  # of self-attention


def convert(
    generator: str | None = None,
    config: str | None = None,
    truncation: float = 1.0,
    class_names: str | None = None,
    key: str | None = None,
) -> Converted:
    """Converts a generator; there is no critic.

    Args:
      generator: the file of weights.
      config: the JSON beside it.
      truncation: the default of the source, in (0, 1].
      class_names: the file of the classes' names.
      key: the generator's place in a file of several networks.

    Raises:
      InputError: a file is missing, damaged or not a BigGAN-deep.
    """
    if not generator or not config:
        raise InputError("expected both --generator and --config")
    if not 0.0 < truncation <= 1.0:
        raise InputError(f"truncation {truncation}: expected over 0 and at most 1")
    arrays = states.find(reader.read_torch(generator), SIGN, file=generator, key=key)
    settings = _blocks(reader.read_json(config), config)
    arguments = {**_arguments(arrays, settings, generator), "truncation": truncation}
    parts = {"generator": (arrays, rules(arguments), generator)}
    params = fill("biggan_deep", arguments, parts)
    converted = Converted("biggan_deep", arguments, params, (generator, config), LICENCE)
    return named(converted, class_names)


def _blocks(config: Mapping[str, Any], file: str) -> dict[str, Any]:
    """Reads what the shapes of the weights do not say."""
    layers, attention = config.get("layers"), config.get("attention_layer_position")
    fits = isinstance(layers, list) and all(
        isinstance(row, list) and len(row) == 3 and all(isinstance(n, int) for n in row)
        for row in layers
    )
    if not fits or not layers or not isinstance(attention, int):
        raise InputError(f"{file}: expected 'layers' and 'attention_layer_position'")
    epsilon = config.get("eps", 1e-4)
    if not isinstance(epsilon, float):
        raise InputError(f"{file}: expected a number 'eps', found {epsilon!r}")
    blocks = [[int(double), before, after] for double, before, after in layers]
    return {"blocks": blocks, "attention": attention, "epsilon": epsilon}


def _arguments(arrays: Mapping[str, Any], settings: Mapping[str, Any], file: str) -> dict[str, Any]:
    """Reads the generator's arguments off its arrays."""
    embedding_size, num_classes = shape_of(arrays, "embeddings.weight", 2, file)
    _, condition_size = shape_of(arrays, "generator.gen_z.weight_orig", 2, file)
    num_statistics, last = shape_of(arrays, "generator.bn.running_means", 2, file)
    return {
        "resolution": 4 * 2 ** sum(double for double, _, _ in settings["blocks"]),
        "channels": 3,
        "width": last // settings["blocks"][-1][2],
        "latent_size": condition_size - embedding_size,
        "num_classes": num_classes,
        "embedding_size": embedding_size,
        "num_statistics": num_statistics,
        **settings,
    }


def rules(arguments: Mapping[str, Any]) -> Iterable[Rule]:
    """Yields the rules of a generator with these arguments."""
    yield Rule("embeddings.weight", "embedding", dense)
    yield from _spectral("generator.gen_z", "linear", dense)
    place = 0  # attention is a layer among the blocks
    for i in range(len(arguments["blocks"])):
        if i == arguments["attention"]:
            yield from _attention(f"generator.layers.{place}")
            place += 1
        yield from _block(f"generator.layers.{place}", f"block{i}")
        place += 1
    yield from _statistics("generator.bn", "statistics")
    yield Rule("generator.bn.weight", "affine/gain")
    yield Rule("generator.bn.bias", "affine/bias")
    yield from _spectral("generator.conv_to_rgb", "to_image", conv, size=3)


def _block(array: str, weight: str) -> Iterable[Rule]:
    """Yields the rules of a block."""
    for i in range(len(KERNEL_SIZES)):
        yield from _statistics(f"{array}.bn_{i}", f"{weight}/norm{i}/statistics")
        for name, ours in (("scale", "gain"), ("offset", "bias")):
            norm = f"{weight}/norm{i}/{ours}"
            yield from _spectral(f"{array}.bn_{i}.{name}", norm, dense, bias=False)
        yield from _spectral(f"{array}.conv_{i}", f"{weight}/conv{i}", conv, size=KERNEL_SIZES[i])


def _attention(array: str) -> Iterable[Rule]:
    """Yields the rules of the self-attention."""
    yield Rule(f"{array}.gamma", "attention/gamma", lambda gamma: gamma.reshape(()))
    for name in PARTS:
        ours = f"attention/{name.removesuffix('_conv')}"
        yield from _spectral(f"{array}.snconv1x1_{name}", ours, conv, bias=False)


def _statistics(array: str, weight: str) -> Iterable[Rule]:
    """Yields the rules of statistics for a row of truncations."""
    yield Rule(f"{array}.running_means", f"{weight}/means")
    yield Rule(f"{array}.running_vars", f"{weight}/variances")


def _spectral(
    array: str, weight: str, layout: Layout, *, size: int = 1, bias: bool = True
) -> Iterable[Rule]:
    """Yields the rules of a layer with both vectors of its norm; `size` is its kernel's."""
    yield Rule(f"{array}.weight_orig", f"{weight}/kernel", layout)
    yield Rule(f"{array}.weight_u", f"{weight}/u")
    yield Rule(f"{array}.weight_v", f"{weight}/v", partial(_pixels_first, size=size))
    if bias:
        yield Rule(f"{array}.bias", f"{weight}/bias")


def _pixels_first(v: np.ndarray, *, size: int) -> np.ndarray:
    """Reorders a vector over (inputs, rows, columns) of a kernel to (rows, columns, inputs)."""
    return v.reshape(-1, size**2).transpose().reshape(v.shape)


if __name__ == "__main__":
    sys.exit(main(convert, FLAGS))
