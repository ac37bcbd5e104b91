r"""SNGAN with a projection critic, as Chainer saves it: generator, critic or both.

python -m weights_conversion.sngan_chainer --generator=ResNetGenerator_850000.npz \
    --critic=SNResNetProjectionDiscriminator_850000.npz --out=DIR

A trainer's snapshot, `snapshot_iter_*`, is a file of both. Widths, classes and channels are read
off the shapes; the resolution, off the number of blocks.
"""

import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from minegan_jax.errors import InputError
from minegan_jax.nets.sngan import critic_widths, generator_widths

from . import export, reader
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
    as_is,
    before_maps,
    conv,
    dense,
    flat,
    maps_last,
    shape_of,
    undone_by,
)

Arrays = Mapping[str, Any]
# Of a critic with so many blocks: its resolution in pixels, and how many blocks halve it.
CRITICS = {4: (32, 2), 5: (64, 5), 6: (128, 5)}
PIXELS = 4 * 4  # of the generator's first map
MODELS = "updater/model:"  # in a trainer's snapshot, what the names of networks begin with
NUM_BATCHES = np.zeros((), np.int64)  # behind stored statistics; the code starts it so
LATENT_SIZE = 128  # as published, for a critic without its generator
LICENCE = "the repository's is MIT; none is stated for the weights, trained on ImageNet"
FLAGS = {
    "generator": Flag("ResNetGenerator_*.npz"),
    "critic": Flag("SNResNetProjectionDiscriminator_*.npz"),
    **KEYS,
    **CLASS_NAMES,
}


@undone_by(lambda classes, channels: (classes * channels,))
def the_only_class(row: np.ndarray) -> np.ndarray:
    """Turns (channels,) into (1, channels), as for one class."""
    return row[None]


def generator_arguments(arrays: Arrays, file: str) -> dict[str, Any]:
    """Reads the generator's arguments off its arrays; `file` is for messages."""
    last = 2 + _num_blocks(arrays)  # its first layer is 1, its first block 2
    widths = [shape_of(arrays, "l1/b", 1, file)[0] // PIXELS]
    widths += [shape_of(arrays, f"block{i}/c2/b", 1, file)[0] for i in range(2, last)]
    conditional = "block2/b1/gammas/W" in arrays
    return {
        "resolution": 4 << (last - 2),
        "channels": shape_of(arrays, f"{_to_image(last)}/b", 1, file)[0],
        "width": widths,
        "latent_size": shape_of(arrays, "l1/W", 2, file)[1],
        "num_classes": shape_of(arrays, "block2/b1/gammas/W", 2, file)[0] if conditional else 0,
    }


def critic_arguments(arrays: Arrays, file: str) -> dict[str, Any]:
    """Reads the critic's arguments off its arrays; `file` is for messages."""
    num_blocks = _num_blocks(arrays)
    if num_blocks not in CRITICS:
        raise InputError(f"{file}: expected a critic of 4, 5 or 6 blocks, found {num_blocks}")
    resolution, num_halvings = CRITICS[num_blocks]
    blocks = range(1, num_blocks + 1)
    return {
        "resolution": resolution,
        "channels": shape_of(arrays, "block1/c1/W", 4, file)[1],
        "critic_width": [shape_of(arrays, f"block{i}/c2/b", 1, file)[0] for i in blocks],
        "num_classes": shape_of(arrays, "l_y/W", 2, file)[0] if "l_y/W" in arrays else 0,
        "num_halvings": num_halvings,
        "score_bias": f"l{num_blocks + 1}/b" in arrays,
    }


def _num_blocks(arrays: Arrays) -> int:
    """Counts the blocks."""
    return sum(name.startswith("block") and name.endswith("/c2/b") for name in arrays)


def _to_image(last: int) -> str:
    """Returns the generator's last layer, which has another name in the network for 32 pixels."""
    return f"c{last}" if last == 5 else f"l{last}"


def generator_rules(arguments: Mapping[str, Any]) -> Iterable[Rule]:
    """Yields the rules of a generator with these arguments."""
    yield Rule("l1/W", "linear/kernel", before_maps)
    yield Rule("l1/b", "linear/bias", maps_last)
    last = len(generator_widths(arguments["resolution"], arguments["width"])) + 1
    for i in range(2, last):
        block = f"block{i - 2}"
        for array, weight in (("c1", "conv1"), ("c2", "conv2"), ("c_sc", "shortcut")):
            yield from _layer(f"block{i}/{array}", f"{block}/{weight}")
        for array, weight in (("b1", "norm1"), ("b2", "norm2")):
            yield from _statistics(f"block{i}/{array}", f"{block}/{weight}/statistics")
            yield from _gains(f"block{i}/{array}", f"{block}/{weight}", arguments["num_classes"])
    yield from _statistics(f"b{last}", "statistics")
    yield Rule(f"b{last}/gamma", "affine/gain")
    yield Rule(f"b{last}/beta", "affine/bias")
    yield from _layer(_to_image(last), "to_image")


def critic_rules(arguments: Mapping[str, Any]) -> Iterable[Rule]:
    """Yields the rules of a critic with these arguments."""
    widths = critic_widths(arguments["resolution"], arguments["critic_width"])
    halvings = arguments["num_halvings"]
    halvings = len(widths) - 1 if halvings is None else halvings
    for i, width in enumerate(widths):
        yield from _spectral(f"block{i + 1}/c1", f"block{i}/conv1")
        yield from _spectral(f"block{i + 1}/c2", f"block{i}/conv2")
        if i < halvings or width != widths[i - 1]:
            yield from _spectral(f"block{i + 1}/c_sc", f"block{i}/shortcut")
    last = len(widths) + 1
    yield from _spectral(f"l{last}", "linear", dense, bias=arguments["score_bias"])
    if arguments["num_classes"]:
        yield Rule("l_y/W", "embedding/vectors")
        yield Rule("l_y/u", "embedding/u", flat)


def _layer(array: str, weight: str, layout: Layout = conv) -> Iterable[Rule]:
    """Yields the rules of a layer with a bias."""
    yield Rule(f"{array}/W", f"{weight}/kernel", layout)
    yield Rule(f"{array}/b", f"{weight}/bias")


def _spectral(
    array: str, weight: str, layout: Layout = conv, *, bias: bool = True
) -> Iterable[Rule]:
    """Yields the rules of a spectrally normalised layer."""
    yield Rule(f"{array}/W", f"{weight}/kernel", layout)
    yield Rule(f"{array}/u", f"{weight}/u", flat)
    if bias:
        yield Rule(f"{array}/b", f"{weight}/bias")


def _statistics(array: str, weight: str) -> Iterable[Rule]:
    """Yields the rules of stored statistics; how many batches they come from is not kept."""
    yield Rule(f"{array}/avg_mean", f"{weight}/mean")
    yield Rule(f"{array}/avg_var", f"{weight}/variance")
    yield Rule(f"{array}/N", None, value=NUM_BATCHES)


def _gains(array: str, weight: str, num_classes: int) -> Iterable[Rule]:
    """Yields the rules of gains and biases: of each class, or one of each."""
    end, layout = ("s/W", as_is) if num_classes else ("", the_only_class)
    yield Rule(f"{array}/gamma{end}", f"{weight}/gain", layout)
    yield Rule(f"{array}/beta{end}", f"{weight}/bias", layout)


NETWORKS = {
    "generator": Network(generator_arguments, generator_rules, sign=("l1/W",)),
    "critic": Network(critic_arguments, critic_rules, sign=("block1/c1/u",)),
}


def fixed(arguments: Mapping[str, Any]) -> export.Fixed:
    """Returns how many blocks of a critic of this size halve its maps; no array says so."""
    count = len(critic_widths(arguments["resolution"], arguments["critic_width"]))
    _, halvings = CRITICS.get(count, (None, None))
    by_default = (None,) if halvings in (None, count - 1) else ()
    return {"critic": {"num_halvings": (halvings, *by_default)}}


FILES = {"generator": ("generator",), "critic": ("critic",)}  # networks, by flag
BACK = export.back(
    export.Form("sngan", lambda _: NETWORKS, FILES, fixed=fixed, endings=(export.NPZ,)),
    {"generator": FLAGS["generator"], "critic": FLAGS["critic"]},
)


def read(file: str) -> dict[str, np.ndarray]:
    """Reads the arrays of a file by name; of a trainer's snapshot, those of its networks.

    Raises:
      InputError: it is no such file or is damaged.
    """
    snapshot = any(name.startswith(MODELS) for name in reader.names_of_npz(file))
    return reader.read_npz(file, MODELS if snapshot else "")


def convert(
    generator: str | None = None,
    critic: str | None = None,
    class_names: str | None = None,
    key: str | None = None,
    critic_key: str | None = None,
) -> Converted:
    """Converts the file of a generator, of a critic, or both.

    Args:
      generator: its file, or a snapshot.
      critic: its file, or a snapshot.
      class_names: the file of the classes' names.
      key: the place of the generator, or of a critic alone, in a file of several networks.
      critic_key: that of a critic beside a generator.

    Raises:
      InputError: there is no file, or one is damaged or not an SNGAN.
    """
    converted = convert_files(
        "sngan",
        NETWORKS,
        {"generator": generator, "critic": critic},
        keys=network_keys(key, critic_key, both=bool(generator and critic)),
        published=lambda _: {"latent_size": LATENT_SIZE},
        read=read,
        licence=LICENCE,
    )
    return named(converted, class_names)


if __name__ == "__main__":
    sys.exit(main(convert, FLAGS, back=BACK))
