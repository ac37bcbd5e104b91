"""NVIDIA's StyleGAN2 pickles of PyTorch: the averaged generator G_ema and the critic D.

python -m weights_conversion.stylegan2_nvidia --pickle=stylegan2-ffhq-256x256.pkl --out=DIR

Written by stylegan2-ada-pytorch, by stylegan3 for its StyleGAN2, and by forks that keep the same
networks. The source code inside these files stays text: nothing of it runs.
"""

import re
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from minegan_jax.errors import InputError

from . import export, persistence, reader
from .command import CLASS_NAMES, Converted, Flag, main, named
from .persistence import Network
from .progan_layers import ONLY, chosen
from .rules import after_maps, conv, dense
from .stylegan2_layers import (
    COMMON,
    FILTER,
    Format,
    NetworkFormat,
    Place,
    convert_networks,
    dense_places,
    form_of,
    group_size,
    largest_resolution,
    pixels_last,
    sizes,
)
from .unpickling import Damaged

LICENCE = "NVIDIA Source Code License, non-commercial"
FLAGS = {
    "pickle": Flag("network-snapshot-*.pkl or a published one"),
    "only": Flag(ONLY),
    "key": Flag("the generator in the file; G_ema, the averaged one, if left out"),
    **COMMON,
    **CLASS_NAMES,
}
USUAL = {"generator": "G_ema", "critic": "D"}  # keys of the file
FILTER_NAME = "resample_filter"  # the end of the name of a low-pass filter
LINEAR = ("affine", "embed", "out", "skip")  # layers without an activation
UNCLAMPED = ("skip", "b4.fromrgb")  # ends of the names of layers without a clamp
OTHERS = {  # what the names of arrays and of classes hold that are another's
    "embed_proj": "StyleGAN-XL",
    "SynthesisInput": "StyleGAN3",
    "synthesis.input.": "StyleGAN3",
}


def generator_places(resolution: int, layers: int) -> dict[str, Place]:
    """Returns the places of a generator's weights."""
    places = {"synthesis/constant": Place("synthesis.b4.const", pixels_last)}
    for size in sizes(resolution):
        block, second = f"synthesis.b{size}", "conv_4" if size == 4 else f"second_{size}"
        places |= _filter(f"synthesis/{second}", block, "block_filter")
        places |= _styled(f"synthesis/first_{size}", f"{block}.conv0")
        places |= _styled(f"synthesis/{second}", f"{block}.conv1")
        places |= _styled(f"synthesis/to_rgb_{size}", f"{block}.torgb", filtered=False)
        places |= _conv(f"synthesis/shortcut_{size}", f"{block}.skip")
    return places | {
        "mapping/mean": Place("mapping.w_avg"),
        "embedding": Place("mapping.embed.weight", dense),
        "embedding_bias": Place("mapping.embed.bias"),
        **dense_places("mapping.fc{}.weight", "mapping.fc{}.bias", range(layers), dense),
    }


def critic_places(resolution: int, layers: int) -> dict[str, Place]:
    """Returns the places of a critic's weights."""
    names = {"from_rgb": "fromrgb", "first": "conv0", "second": "conv1", "shortcut": "skip"}
    places: dict[str, Place] = {}
    for size in reversed(sizes(resolution)[1:]):
        places |= _filter(f"first_{size}", f"b{size}", "block_filter")
        for ours, theirs in names.items():
            places |= _conv(f"{ours}_{size}", f"b{size}.{theirs}")
    return places | {
        "mapping/embedding": Place("mapping.embed.weight", dense),
        "mapping/embedding_bias": Place("mapping.embed.bias"),
        **dense_places("mapping.fc{}.weight", "mapping.fc{}.bias", range(layers), dense),
        **_conv("from_rgb_4", "b4.fromrgb"),
        **_conv("conv_4", "b4.conv"),
        "dense_4/kernel": Place("b4.fc.weight", after_maps),
        "dense_4/bias": Place("b4.fc.bias"),
        "score/kernel": Place("b4.out.weight", dense),
        "score/bias": Place("b4.out.bias"),
    }


def _conv(ours: str, theirs: str) -> dict[str, Place]:
    """Returns the places of a convolution's weights; a filter comes with every one."""
    return {
        f"{ours}/kernel": Place(f"{theirs}.weight", conv),
        f"{ours}/bias": Place(f"{theirs}.bias"),
        **_filter(ours, theirs),
    }


def _filter(ours: str, theirs: str, name: str = "filter") -> dict[str, Place]:
    """Returns the place of a low-pass filter that comes with a layer of ours."""
    return {f"{ours}/{name}": Place(f"{theirs}.{FILTER_NAME}", value=FILTER)}


def _styled(ours: str, theirs: str, *, filtered: bool = True) -> dict[str, Place]:
    """Returns the places of a modulated layer's weights."""
    return {
        f"{ours}/kernel": Place(f"{theirs}.weight", conv),
        f"{ours}/noise_strength": Place(f"{theirs}.noise_strength"),
        f"{ours}/bias": Place(f"{theirs}.bias"),
        **(_filter(ours, theirs) if filtered else {}),
        f"{ours}/noise": Place(f"{theirs}.noise_const"),
        f"{ours}/style/kernel": Place(f"{theirs}.affine.weight", dense),
        f"{ours}/style/bias": Place(f"{theirs}.affine.bias"),
    }


resolution_of = largest_resolution(r"(?:synthesis\.)?b(\d{1,5})\.")
FORMAT = Format(
    NetworkFormat(resolution_of, "mapping.fc{}.".format, generator_places),
    NetworkFormat(resolution_of, "mapping.fc{}.".format, critic_places),
    demodulation="stored",
)


def read_networks(saved: Any, keys: Mapping[str, str], file: str) -> dict[str, Network]:
    """Returns the wanted networks of a file.

    Raises:
      InputError: one is not there, or is another network than those here.
    """
    if isinstance(saved, tuple | list):
        raise InputError(
            f"{file}: a TensorFlow pickle: `weights_conversion.stylegan2_tf` converts it"
        )
    if not isinstance(saved, dict):
        raise InputError(f"{file}: expected a dictionary with G_ema and D")
    networks = {}
    for network, key in keys.items():
        if not isinstance(saved.get(key), persistence.Module):
            known = [str(k)[:40] for k, v in saved.items() if isinstance(v, persistence.Module)]
            raise InputError(f"{file}: expected {key}, found {', '.join(known) or 'no network'}")
        try:
            networks[network] = persistence.flatten(saved[key])
        except Damaged as error:
            raise InputError(f"{file}: damaged: {key}: {error}") from error
        check_kind(networks[network], f"{file}: {key}")
    return networks


def check_kind(network: Network, place: str) -> None:
    """Makes sure that a network is a StyleGAN2, by the names in it.

    Raises:
      InputError: it is not.
    """
    names = [*network.arrays, *network.classes.values()]
    for sign, whose in OTHERS.items():
        if any(sign in name for name in names):
            raise InputError(f"{place}: a {whose}, expected a StyleGAN2")


def check_settings(network: Network, place: str) -> None:
    """Makes sure that filters and activations are those of the networks here.

    Raises:
      InputError: one is not.
    """
    for name, array in network.arrays.items():
        if is_filter(name) and not (array.shape == FILTER.shape and np.allclose(array, FILTER)):
            raise InputError(f"{place}: {name}: expected the taps 1, 3, 3, 1 of both axes")
    for name, settings in network.settings.items():
        layer = name.rpartition(".")[2]
        expected = "linear" if layer in LINEAR else "lrelu"
        if settings.get("activation", expected) != expected:
            raise InputError(
                f"{place}: {name}: activation is {settings['activation']!r}, expected {expected!r}"
            )
        # A fully connected layer's rate; that of the mapping network is a setting of ours.
        rate = settings.get("bias_gain", 1)
        if rate != 1 and not re.fullmatch(r"mapping\.fc\d+", name):
            raise InputError(f"{place}: {name}: bias_gain is {rate!r}, expected 1")


def is_filter(name: str) -> bool:
    """Says whether an array is a low-pass filter, by its name."""
    return name.rpartition(".")[2] == FILTER_NAME


def clamp_of(network: Network, place: str) -> float | None:
    """Returns the bound of all layers' outputs.

    Raises:
      InputError: they differ.
    """
    clamps = {
        name: settings["conv_clamp"]
        for name, settings in network.settings.items()
        if "conv_clamp" in settings and not f".{name}".endswith(tuple(f".{u}" for u in UNCLAMPED))
    }
    if len(set(clamps.values())) != 1:
        found = ", ".join(f"{name} {clamp}" for name, clamp in list(clamps.items())[:4])
        raise InputError(f"{place}: conv_clamp: expected the same of all layers, found {found}")
    (clamp,) = set(clamps.values())
    if clamp is not None and not (isinstance(clamp, int | float) and clamp > 0):
        raise InputError(f"{place}: conv_clamp is {clamp!r}, expected a number over 0 or None")
    return None if clamp is None else float(clamp)


def rate_of(network: Network, place: str) -> dict[str, float]:
    """Returns the learning rate multiplier of the mapping network, if there is one.

    Raises:
      InputError: the layers do not say one number over 0.
    """
    rates = {
        settings.get("bias_gain")
        for name, settings in network.settings.items()
        if re.fullmatch(r"mapping\.fc\d+", name)
    }
    if not rates:
        return {}
    rate = rates.pop()
    if rates or not isinstance(rate, int | float) or not rate > 0:
        raise InputError(f"{place}: mapping: expected one bias_gain over 0, found {rate!r}")
    return {"mapping_rate": float(rate)}


def group_of(network: Network, place: str) -> dict[str, int]:
    """Returns how many images the critic compares, if it compares any.

    Raises:
      InputError: the file says something else.
    """
    settings = network.settings.get("b4.mbstd")
    if settings is None:
        return {}
    group = group_size(settings.get("group_size"), "group_size", f"{place}: b4.mbstd")
    return {"minibatch_stddev_group": group}


# A pickle holds the source code of its networks, which no source has: their arrays alone.
BACK = export.back(
    form_of(
        FORMAT,
        {"generator": ("generator",), "critic": ("critic",)},
        fixed=lambda _: {"generator": {"demodulation": (FORMAT.demodulation,)}},
    ),
    {"generator": Flag("the arrays of G_ema"), "critic": Flag("the arrays of D")},
)


def convert(
    pickle: str | None = None,
    only: str | None = None,
    key: str | None = None,
    minibatch_stddev_group: int = 0,
    truncation: float = 1.0,
    class_names: str | None = None,
) -> Converted:
    """Converts generator and critic.

    Args:
      pickle: the file.
      only: `generator` or `critic`; None is both.
      key: the generator's in the file, if it is not G_ema.
      minibatch_stddev_group: images that the critic compares; 0 is what the file says.
      truncation: the default of the source, in (0, 1].
      class_names: the file of the classes' names.

    Raises:
      InputError: the file is damaged, or is no StyleGAN2.
    """
    if not pickle:
        raise InputError("expected --pickle")
    keys = {**USUAL, "generator": key or USUAL["generator"]}
    keys = {network: keys[network] for network in chosen(only)}
    networks = read_networks(reader.read_pickle(pickle, persistence.NAMES), keys, pickle)
    settings: dict[str, Any] = {}
    for name, network in networks.items():
        place, start = f"{pickle}: {keys[name]}", "critic_" if name == "critic" else ""
        check_settings(network, place)
        settings[f"{start}clamp"] = clamp_of(network, place)
        settings |= {f"{start}{k}": v for k, v in rate_of(network, place).items()}
        settings |= group_of(network, place) if name == "critic" else {}
    if minibatch_stddev_group:
        settings["minibatch_stddev_group"] = minibatch_stddev_group
    converted = convert_networks(
        FORMAT,
        {name: (each.arrays, f"{pickle}: {keys[name]}") for name, each in networks.items()},
        settings,
        dropped=is_filter,
        truncation=truncation,
        file=pickle,
        licence=LICENCE,
    )
    return named(converted, class_names)


if __name__ == "__main__":
    sys.exit(main(convert, FLAGS, back=BACK))
