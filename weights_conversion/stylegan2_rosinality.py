"""StyleGAN2 of rosinality/stylegan2-pytorch: the averaged generator g_ema and the critic d.

python -m weights_conversion.stylegan2_rosinality --checkpoint=550000.pt --out=DIR

Its training, its conversion from TensorFlow and the few-shot code built on it write such files;
some lack the noise, the mean w or the critic.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from minegan_jax.errors import InputError

from . import export, reader, states
from .command import Converted, Flag, main
from .progan_layers import ONLY, chosen
from .rules import after_maps, conv, dense, undone_by
from .stylegan2_layers import (
    COMMON,
    FILTER,
    Format,
    NetworkFormat,
    Place,
    convert_networks,
    dense_places,
    form_of,
    pixels_last,
    sizes,
)

LICENCE = "the repository's is MIT; none is stated for its weights"
FLAGS = {
    "checkpoint": Flag("*.pt"),
    "only": Flag(ONLY),
    "key": Flag("where the generator is; g_ema, the averaged one, if left out"),
    "mapping_rate": Flag(
        "learning rate multiplier of the mapping network, which no file says", 0.01
    ),
    **COMMON,
}
USUAL = {"generator": "g_ema", "critic": "d"}  # keys of the file
SIGNS = {"generator": ("input.input",), "critic": ("final_conv.0.weight",)}
DOUBLING = np.float32(4.0)  # the sum of a filter that doubles the resolution; of others, 1
MEAN = "latent_avg"
GROUP = 4  # images that the critic compares, which no file says
NUM_DRAWS = 2**14  # of w, for a mean that the file lacks: it is off by 1/128 of their spread
FIXED = {  # what these networks do not choose
    "generator": {
        "architecture": ("skip",),
        "clamp": (None,),
        "demodulation": ("scaled",),
        "num_classes": (0,),
        "use_noise": (True,),
    },
    "critic": {
        "critic_architecture": ("resnet",),
        "critic_clamp": (None,),
        "num_classes": (0,),
        "minibatch_stddev_features": (1,),
    },
}
OTHERS = {  # an array that only these have
    "StyleGAN1": ("progression.0.conv1.input", "progression.0.conv1.0.conv.weight_orig"),
    "lucidrains/stylegan2-pytorch": ("G.initial_block",),
}


@undone_by(lambda *shape: (1, *shape))
def one(array: np.ndarray) -> np.ndarray:
    """Drops a first axis of length 1.

    Raises:
      ValueError: it is another.
    """
    if array.ndim < 1 or len(array) != 1:
        raise ValueError("a first axis of another length")
    return array[0]


@undone_by(lambda rows, columns, inputs, outputs: (1, outputs, inputs, rows, columns))
def styled_conv(kernel: np.ndarray) -> np.ndarray:
    """Turns (1, outputs, inputs, rows, columns) into (rows, columns, inputs, outputs)."""
    return conv(one(kernel))


@undone_by(lambda rows, columns, channels: (1, channels, rows, columns))
def first_constant(array: np.ndarray) -> np.ndarray:
    """Turns (1, channels, rows, columns) into (rows, columns, channels)."""
    return pixels_last(one(array))


@undone_by(lambda rows, columns: (1, 1, rows, columns))
def only_map(array: np.ndarray) -> np.ndarray:
    """Turns (1, 1, rows, columns) into (rows, columns)."""
    return one(one(array))


@undone_by(lambda channels: (1, channels, 1, 1))
def colours(bias: np.ndarray) -> np.ndarray:
    """Turns (1, channels, 1, 1) into (channels,)."""
    return one(bias).reshape(-1)


def generator_places(resolution: int, layers: int) -> dict[str, Place]:
    """Returns the places of a generator's weights."""
    places = dense_places("{}weight", "{}bias", map(mapping_layer, range(layers)), dense)
    places |= {"synthesis/constant": Place("input.input", first_constant)}
    places |= _styled("synthesis/conv_4", "conv1") | _to_rgb("synthesis/to_rgb_4", "to_rgb1")
    larger = list(enumerate(sizes(resolution)[1:]))
    for i, size in larger:
        places |= _styled(f"synthesis/first_{size}", f"convs.{2 * i}", filtered=True)
        places |= _styled(f"synthesis/second_{size}", f"convs.{2 * i + 1}")
    for i, size in larger:
        places |= _to_rgb(f"synthesis/to_rgb_{size}", f"to_rgbs.{i}", filtered=True)
    places |= {"synthesis/conv_4/noise": Place(noise_name(0), only_map)}
    for i, size in larger:
        for j, layer in enumerate(("first", "second"), start=1):
            noise = Place(noise_name(2 * i + j), only_map)
            places[f"synthesis/{layer}_{size}/noise"] = noise
    return places | {"mapping/mean": Place(MEAN)}


def critic_places(resolution: int, layers: int) -> dict[str, Place]:
    """Returns the places of a critic's weights."""
    del layers  # these files have no classes
    places = {
        f"from_rgb_{resolution}/kernel": Place("convs.0.0.weight", conv),
        f"from_rgb_{resolution}/bias": Place("convs.0.1.bias"),
    }
    for j, size in enumerate(reversed(sizes(resolution)[1:]), start=1):
        block = f"convs.{j}"
        places |= {
            f"first_{size}/kernel": Place(f"{block}.conv1.0.weight", conv),
            f"first_{size}/bias": Place(f"{block}.conv1.1.bias"),
            f"second_{size}/filter": Place(f"{block}.conv2.0.kernel", value=FILTER),
            f"second_{size}/kernel": Place(f"{block}.conv2.1.weight", conv),
            f"second_{size}/bias": Place(f"{block}.conv2.2.bias"),
            f"shortcut_{size}/filter": Place(f"{block}.skip.0.kernel", value=FILTER),
            f"shortcut_{size}/kernel": Place(f"{block}.skip.1.weight", conv),
        }
    return places | {
        "conv_4/kernel": Place("final_conv.0.weight", conv),
        "conv_4/bias": Place("final_conv.1.bias"),
        "dense_4/kernel": Place("final_linear.0.weight", after_maps),
        "dense_4/bias": Place("final_linear.0.bias"),
        "score/kernel": Place("final_linear.1.weight", dense),
        "score/bias": Place("final_linear.1.bias"),
    }


def _styled(ours: str, theirs: str, *, filtered: bool = False) -> dict[str, Place]:
    """Returns the places of a layer's weights but its noise; one that doubles has a filter."""
    return {
        f"{ours}/kernel": Place(f"{theirs}.conv.weight", styled_conv),
        **(_doubling_filter(ours, f"{theirs}.conv.blur") if filtered else {}),
        **_style(ours, theirs),
        f"{ours}/noise_strength": Place(f"{theirs}.noise.weight", one),
        f"{ours}/bias": Place(f"{theirs}.activate.bias"),
    }


def _to_rgb(ours: str, theirs: str, *, filtered: bool = False) -> dict[str, Place]:
    """Returns the places of the weights of a layer to RGB; one that adds to a smaller image's has
    a filter.
    """
    return {
        f"{ours}/bias": Place(f"{theirs}.bias", colours),
        **(_doubling_filter(ours, f"{theirs}.upsample") if filtered else {}),
        f"{ours}/kernel": Place(f"{theirs}.conv.weight", styled_conv),
        **_style(ours, theirs),
    }


def _style(ours: str, theirs: str) -> dict[str, Place]:
    """Returns the places of the weights that turn w into a layer's styles."""
    return {
        f"{ours}/style/kernel": Place(f"{theirs}.conv.modulation.weight", dense),
        f"{ours}/style/bias": Place(f"{theirs}.conv.modulation.bias"),
    }


def _doubling_filter(ours: str, theirs: str) -> dict[str, Place]:
    """Returns the place of a filter that doubles the resolution."""
    return {f"{ours}/filter": Place(f"{theirs}.kernel", value=DOUBLING * FILTER)}


def noise_name(number: int) -> str:
    """Returns the name of a noise: one for 4 pixels, two for each other resolution."""
    return f"noises.noise_{number}"


def mapping_layer(number: int) -> str:
    """Returns the prefix of a mapping layer's names; the first one there normalises."""
    return f"style.{number + 1}."


def generator_resolution(names: Iterable[str]) -> int:
    """Returns the resolution of a generator by its names: each layer to RGB but one doubles it."""
    return 4 << _count(r"to_rgbs\.(\d{1,4})\.", names)


def critic_resolution(names: Iterable[str]) -> int:
    """Returns the resolution of a critic by its names: each block halves it."""
    return 4 << max(_count(r"convs\.(\d{1,4})\.", names) - 1, 0)


def _count(pattern: str, names: Iterable[str]) -> int:
    """Counts the different numbers in names."""
    found = (re.match(pattern, name) for name in names)
    return min(len({each[1] for each in found if each}), 32)


FORMAT = Format(
    NetworkFormat(generator_resolution, mapping_layer, generator_places),
    NetworkFormat(critic_resolution, mapping_layer, critic_places),
    demodulation="scaled",
)


def check_kind(saved: Any, file: str) -> None:
    """Makes sure that a file is not that of another network, by the arrays in it.

    Raises:
      InputError: it is.
    """
    for whose, sign in OTHERS.items():
        if states.holds(saved, sign):
            raise InputError(f"{file}: a {whose}, another network: expected rosinality's StyleGAN2")


def check_filters(arrays: Mapping[str, Any], total: np.float32, place: str) -> None:
    """Makes sure that the filters are those of the networks here.

    Args:
      arrays: of a network.
      total: the sum of a filter: 1, or 4 where it doubles the resolution.
      place: for messages.

    Raises:
      InputError: one is not.
    """
    taps = total * FILTER
    for name, array in arrays.items():
        if is_filter(name) and not (array.shape == taps.shape and np.allclose(array, taps)):
            raise InputError(f"{place}: {name}: expected the taps 1, 3, 3, 1 of both axes")


def is_filter(name: str) -> bool:
    """Says whether an array is a low-pass filter, by its name."""
    return name.endswith(".kernel")


def completed(
    arrays: states.Arrays, mean: Any, rate: float, place: str
) -> tuple[states.Arrays, tuple[str, ...]]:
    """Adds to a generator's arrays the mean w and the noise, and says which of these are ours."""
    notes = []
    arrays = {MEAN: mean} | arrays if isinstance(mean, np.ndarray) else dict(arrays)
    size = generator_resolution(arrays)
    noises = {
        noise_name(number): (4 << (number + 1) // 2) for number in range(2 * len(sizes(size)) - 1)
    }
    if not any(name in arrays for name in noises):
        rng = np.random.default_rng(0)
        drawn = {name: rng.normal(size=(1, 1, n, n)).astype("f4") for name, n in noises.items()}
        arrays |= drawn
        notes.append("the file has no noise: its maps are drawn from N(0, 1) with seed 0")
    if MEAN not in arrays:
        arrays[MEAN] = mean_w(arrays, rate, place)
        notes.append(f"the file has no mean w: it is that of {NUM_DRAWS} draws with seed 0")
    return arrays, tuple(notes)


def mean_w(arrays: Mapping[str, Any], rate: float, place: str) -> np.ndarray:
    """Estimates the mean of the mapping network's outputs.

    Raises:
      InputError: it is none.
    """
    layers: list[tuple[Any, Any]] = []
    while f"{mapping_layer(len(layers))}weight" in arrays:
        start = mapping_layer(len(layers))
        layers.append((arrays[f"{start}weight"], arrays.get(f"{start}bias")))
    total: Any = 0.0
    rng = np.random.default_rng(0)
    try:
        for _ in range(8):
            size = NUM_DRAWS // 8, layers[0][0].shape[1]
            x = rng.normal(size=size).astype("f4")
            x /= np.sqrt(np.square(x).mean(axis=1, keepdims=True) + 1e-8)
            for kernel, bias in layers:
                x = x @ (kernel.T * np.float32(rate / x.shape[1] ** 0.5)) + bias * np.float32(rate)
                x = np.maximum(x, np.float32(0.2) * x) * np.float32(2.0**0.5)
            total = total + x.mean(axis=0, dtype=np.float64) / 8
    except (IndexError, ValueError, TypeError) as error:
        raise InputError(f"{place}: {mapping_layer(0)}*: expected a mapping network") from error
    return np.asarray(total, np.float32)


def content(arrays: Mapping[str, states.Arrays], _: Any) -> dict[str, Any]:
    """Returns a file's content for these networks; the EMA stands for both generators."""
    found: dict[str, Any] = {}
    generator = dict(arrays.get("generator", {}))
    mean = generator.pop(MEAN, None)
    if generator:
        found["g"] = generator
    if "critic" in arrays:
        found["d"] = arrays["critic"]
    if generator:
        found |= {"g_ema": generator, MEAN: mean}
    return found


BACK = export.back(
    form_of(
        FORMAT, {"checkpoint": ("generator", "critic")}, content=content, fixed=lambda _: FIXED
    ),
    {"checkpoint": FLAGS["checkpoint"]},
)


def convert(
    checkpoint: str | None = None,
    only: str | None = None,
    key: str | None = None,
    mapping_rate: float = 0.01,
    minibatch_stddev_group: int = 0,
    truncation: float = 1.0,
) -> Converted:
    """Converts generator and critic; the critic may be missing.

    Args:
      checkpoint: the file.
      only: `generator` or `critic`; None is both.
      key: the place of the generator, if it is not the usual one.
      mapping_rate: learning rate multiplier of the mapping network.
      minibatch_stddev_group: images that the critic compares; 0 is 4, which the code has.
      truncation: the default of the source, in (0, 1].

    Raises:
      InputError: the file is damaged, or is no StyleGAN2 of rosinality's.
    """
    if not checkpoint:
        raise InputError("expected --checkpoint")
    if not mapping_rate > 0.0:
        raise InputError(f"--mapping_rate={mapping_rate}: expected a number over 0")
    saved = reader.read_torch(checkpoint)
    check_kind(saved, checkpoint)
    wanted = [
        network
        for network in chosen(only)
        if network == "generator" or only or states.holds(saved, SIGNS[network])
    ]
    arrays: dict[str, tuple[states.Arrays, str]] = {}
    notes: tuple[str, ...] = ()
    for network in wanted:
        asked = key if network == "generator" else None
        place = f"{checkpoint}: {asked or USUAL[network]}"
        found = states.find(saved, SIGNS[network], file=checkpoint, key=asked, usual=USUAL[network])
        check_filters(found, DOUBLING if network == "generator" else np.float32(1.0), place)
        if network == "generator":
            found, notes = completed(found, saved.get(MEAN), mapping_rate, place)
        arrays[network] = (found, place)
    return convert_networks(
        FORMAT,
        arrays,
        {
            "mapping_rate": mapping_rate,
            "minibatch_stddev_group": minibatch_stddev_group or GROUP,
        },
        dropped=is_filter,
        truncation=truncation,
        file=checkpoint,
        licence=LICENCE,
        notes=notes,
    )


if __name__ == "__main__":
    sys.exit(main(convert, FLAGS, back=BACK))
