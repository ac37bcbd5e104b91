"""BigGAN-PyTorch's `G_ema.pth` (or `G.pth`) and `D.pth`: generator, critic or both.

python -m weights_conversion.biggan_pytorch --generator=G_ema.pth --critic=D.pth --out=DIR

Width, resolution, classes and attention are read from the names and shapes in the files. Networks
trained without `--hier` or `--G_shared` are rewritten, see `biggan_simpler`.
"""

import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from minegan_jax.errors import InputError
from minegan_jax.nets.biggan import CRITIC_WIDTHS, GENERATOR_WIDTHS, NUM_HALVINGS

from . import export, reader
from .biggan_simpler import as_published, rewritten
from .command import (
    CLASS_NAMES,
    KEYS,
    Converted,
    Flag,
    Network,
    convert_files,
    main,
    named,
    network_keys,
)
from .rules import (
    Layout,
    Rule,
    before_maps,
    conv,
    dense,
    flat,
    maps_last,
    shape_of,
    undone_by,
)

Arrays = Mapping[str, Any]
SINGULAR_VALUE = np.ones(1, np.float32)  # that training notes; the code starts it so
PUBLISHED = (32, 64, 128, 256, 512)  # resolutions in pixels
LICENCE = "the repository's is MIT; none is stated for its weights, trained on ImageNet"
FLAGS = {
    "generator": Flag("G_ema.pth or G.pth"),
    "critic": Flag("D.pth"),
    **KEYS,
    **CLASS_NAMES,
}


@undone_by(lambda size: (1, size))
def row_before_maps(row: np.ndarray) -> np.ndarray:
    """Turns (1, channels * 16) into (16 * channels,)."""
    return maps_last(flat(row))


def generator_arguments(arrays: Arrays, file: str) -> dict[str, Any]:
    """Reads the generator's arguments off its arrays; `file` is for messages.

    Raises:
      InputError: an array is missing, or they are not those of a BigGAN.
    """
    num_classes, embedding_size = shape_of(arrays, "shared.weight", 2, file)
    num_blocks = _num_blocks(arrays)
    resolution = _resolution(arrays, 4 << num_blocks, file)
    _, chunk = shape_of(arrays, "linear.weight", 2, file)
    channels, last, _, _ = shape_of(arrays, "output_layer.2.weight", 4, file)
    return {
        "resolution": resolution,
        "channels": channels,
        "width": last // GENERATOR_WIDTHS[resolution][-1],
        "latent_size": chunk * (num_blocks + 1),
        "num_classes": num_classes,
        "embedding_size": embedding_size,
        "attention": _attention(arrays),
    }


def critic_arguments(arrays: Arrays, file: str) -> dict[str, Any]:
    """Reads the critic's arguments off its arrays; `file` is for messages.

    Raises:
      InputError: an array is missing, or they are not those of a BigGAN.
    """
    resolution = _resolution(arrays, 4 << max(_num_blocks(arrays) - 1, 0), file)
    first, channels, _, _ = shape_of(arrays, "blocks.0.0.conv1.weight", 4, file)
    num_classes, _ = shape_of(arrays, "embed.weight", 2, file)
    return {
        "resolution": resolution,
        "channels": channels,
        "critic_width": first // CRITIC_WIDTHS[resolution][0],
        "num_classes": num_classes,
        "critic_attention": _attention(arrays),
    }


def published_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments that a critic's file does not tell, as in the published generators."""
    num_chunks = len(GENERATOR_WIDTHS[arguments["resolution"]])
    return {"latent_size": num_chunks * (120 // num_chunks)}


def _num_blocks(arrays: Arrays) -> int:
    """Counts the blocks."""
    return sum(name.endswith(".0.conv1.weight") for name in arrays)


def _resolution(arrays: Arrays, resolution: int, file: str) -> int:
    """Makes sure that there is such a network."""
    if not _num_blocks(arrays):
        raise InputError(f"{file}: expected blocks.0.0.conv1.weight and more blocks, found none")
    if resolution not in PUBLISHED:
        *most, last = PUBLISHED
        known = f"{', '.join(map(str, most))} or {last}"
        raise InputError(f"{file}: a BigGAN of {resolution} pixels: expected {known}")
    if not any(name.endswith(".u0") for name in arrays):
        raise InputError(
            f"{file}: expected a spectrally normalised network, as --G_param=SN and --D_param=SN"
            " train, found no vectors u0"
        )
    return resolution


def _attention(arrays: Arrays) -> list[int]:
    """Returns the blocks that attention follows."""
    return [i for i in range(_num_blocks(arrays)) if f"blocks.{i}.1.gamma" in arrays]


def generator_rules(arguments: Mapping[str, Any]) -> Iterable[Rule]:
    """Yields the rules of a generator with these arguments."""
    yield Rule("shared.weight", "embedding")
    yield Rule("linear.weight", "linear/kernel", before_maps)
    yield Rule("linear.bias", "linear/bias", maps_last)
    yield Rule("linear.u0", "linear/u", row_before_maps)
    yield Rule("linear.sv0", None, value=SINGULAR_VALUE)
    for i in range(len(GENERATOR_WIDTHS[arguments["resolution"]]) - 1):
        array, weight = f"blocks.{i}.0", f"block{i}"
        yield from _spectral(f"{array}.conv1", f"{weight}/conv1")
        yield from _spectral(f"{array}.conv2", f"{weight}/conv2")
        yield from _spectral(f"{array}.conv_sc", f"{weight}/shortcut")
        yield from _conditional_norm(f"{array}.bn1", f"{weight}/norm1")
        yield from _conditional_norm(f"{array}.bn2", f"{weight}/norm2")
        if i in arguments["attention"]:
            yield from _attention_rules(f"blocks.{i}.1", f"attention{i}")
    yield Rule("output_layer.0.gain", "affine/gain")
    yield Rule("output_layer.0.bias", "affine/bias")
    yield from _statistics("output_layer.0", "statistics")
    yield from _spectral("output_layer.2", "to_image")


def critic_rules(arguments: Mapping[str, Any]) -> Iterable[Rule]:
    """Yields the rules of a critic with these arguments."""
    widths = (0, *CRITIC_WIDTHS[arguments["resolution"]])
    for i in range(len(widths) - 1):
        array, weight = f"blocks.{i}.0", f"block{i}"
        yield from _spectral(f"{array}.conv1", f"{weight}/conv1")
        yield from _spectral(f"{array}.conv2", f"{weight}/conv2")
        if i < NUM_HALVINGS[arguments["resolution"]] or widths[i] != widths[i + 1]:
            yield from _spectral(f"{array}.conv_sc", f"{weight}/shortcut")
        if i in arguments["critic_attention"]:
            yield from _attention_rules(f"blocks.{i}.1", f"attention{i}")
    yield from _spectral("linear", "linear", dense)
    yield Rule("embed.weight", "embedding/vectors")
    yield Rule("embed.u0", "embedding/u", flat)
    yield Rule("embed.sv0", None, value=SINGULAR_VALUE)


def _spectral(
    array: str, weight: str, layout: Layout = conv, *, bias: bool = True
) -> Iterable[Rule]:
    """Yields the rules of a spectrally normalised layer; the stored singular value is a log."""
    yield Rule(f"{array}.weight", f"{weight}/kernel", layout)
    if bias:
        yield Rule(f"{array}.bias", f"{weight}/bias")
    yield Rule(f"{array}.u0", f"{weight}/u", flat)
    yield Rule(f"{array}.sv0", None, value=SINGULAR_VALUE)


def _statistics(array: str, weight: str) -> Iterable[Rule]:
    """Yields the rules of stored statistics."""
    yield Rule(f"{array}.stored_mean", f"{weight}/mean")
    yield Rule(f"{array}.stored_var", f"{weight}/variance")


def _conditional_norm(array: str, weight: str) -> Iterable[Rule]:
    """Yields the rules of a conditional normalisation."""
    yield from _statistics(array, f"{weight}/statistics")
    yield from _spectral(f"{array}.gain", f"{weight}/gain", dense, bias=False)
    yield from _spectral(f"{array}.bias", f"{weight}/bias", dense, bias=False)


def _attention_rules(array: str, weight: str) -> Iterable[Rule]:
    """Yields the rules of a self-attention."""
    yield Rule(f"{array}.gamma", f"{weight}/gamma")
    for name in ("theta", "phi", "g", "o"):
        yield from _spectral(f"{array}.{name}", f"{weight}/{name}", bias=False)


NETWORKS = {
    "generator": Network(
        generator_arguments,
        generator_rules,
        sign=("output_layer.0.gain",),
        prepare=as_published,
        notes=rewritten,
    ),
    "critic": Network(critic_arguments, critic_rules, sign=("embed.weight",)),
}

FILES = {"generator": ("generator",), "critic": ("critic",)}  # networks, by flag
BACK = export.back(
    export.Form("biggan", lambda _: NETWORKS, FILES),
    {"generator": FLAGS["generator"], "critic": FLAGS["critic"]},
)


def convert(
    generator: str | None = None,
    critic: str | None = None,
    class_names: str | None = None,
    key: str | None = None,
    critic_key: str | None = None,
) -> Converted:
    """Converts the file of a generator, of a critic, or both.

    Args:
      generator: its file.
      critic: its file.
      class_names: the file of the classes' names.
      key: the place of the generator, or of a critic alone, in a file of several networks.
      critic_key: that of a critic beside a generator.

    Raises:
      InputError: there is no file, or one is damaged or not a BigGAN.
    """
    files = {"generator": generator, "critic": critic}
    converted = convert_files(
        "biggan",
        NETWORKS,
        files,
        keys=network_keys(key, critic_key, both=bool(generator and critic)),
        published=published_arguments,
        read=reader.read_torch,
        licence=LICENCE,
    )
    return named(converted, class_names)


if __name__ == "__main__":
    sys.exit(main(convert, FLAGS, back=BACK))
