"""NVIDIA's StyleGAN2 pickles of TensorFlow: the averaged generator Gs and the critic D.

python -m weights_conversion.stylegan2_tf --pickle=stylegan2-ffhq-config-f.pkl --out=DIR

Written by stylegan2, stylegan2-ada and code built on these, such as DiffAugment's. The source code
inside these files stays text: nothing of it runs.
"""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from minegan_jax.errors import InputError

from . import persistence, reader, unpickling
from .command import CLASS_NAMES, Converted, Flag, main, named
from .persistence import TensorFlowNetwork
from .progan_layers import ONLY, chosen
from .progan_tf import dense_after_maps
from .stylegan2_layers import (
    COMMON,
    TAPS,
    Format,
    NetworkFormat,
    Place,
    convert_networks,
    dense_places,
    group_size,
    largest_resolution,
    pixels_last,
    sizes,
)

LICENCE = "NVIDIA Source Code License, non-commercial, if NVIDIA's or built on its code"
FLAGS = {"pickle": Flag("stylegan2-*.pkl"), "only": Flag(ONLY), **COMMON, **CLASS_NAMES}
PLACES = {"generator": (2, "Gs"), "critic": (1, "D")}  # index, name
STYLEGAN2 = 4  # the version of a state from which on it is one
PROGRESSIVE = "_lod"  # in the names of layers that only grew
DROPPED = ("lod",)
GROUP = 4  # of version 4, where a file says nothing
RATES = {"generator": 0.01, "critic": 0.1}  # of mapping networks, where a file says nothing
# What the networks here take for granted, where a file says something.
SETTINGS: dict[str, Any] = {
    "nonlinearity": "lrelu",
    "mapping_nonlinearity": "lrelu",
    "normalize_latents": True,
}
# Settings that the arrays show, that are read below, or that do not change what weights mean.
KNOWN = {
    *("resolution", "num_channels", "latent_size", "dlatent_size", "label_size", "label_fmaps"),
    *("mapping_layers", "mapping_fmaps", "mapping_lrmul", "architecture", "use_noise"),
    *("fmap_base", "fmap_decay", "fmap_min", "fmap_max", "resample_kernel", "conv_clamp"),
    *("mbstd_group_size", "mbstd_num_features", "num_fp16_res", "freeze_layers", "dtype"),
    *("truncation_psi", "truncation_cutoff", "truncation_psi_val", "truncation_cutoff_val"),
    *("dlatent_avg_beta", "w_avg_beta", "style_mixing_prob", "structure", "randomize_noise"),
    *("dlatent_broadcast", "fused_modconv", "is_training", "is_validation", "return_dlatents"),
    *("mapping_func", "synthesis_func", "is_template_graph"),
}


def flipped(kernel: np.ndarray) -> np.ndarray:
    """Reverses rows and columns: the file's transposed convolutions count them from the end."""
    return kernel[::-1, ::-1]


def from_one(bias: np.ndarray) -> np.ndarray:
    """Adds the 1 around which the file's styles are."""
    return bias + np.float32(1.0)


def constant(array: np.ndarray) -> np.ndarray:
    """Turns (1, channels, rows, columns) into (rows, columns, channels)."""
    return pixels_last(array[0])


def only_map(array: np.ndarray) -> np.ndarray:
    """Turns (1, 1, rows, columns) into (rows, columns)."""
    return array[0, 0] if array.ndim == 4 else array


def generator_places(resolution: int, layers: int) -> dict[str, Place]:
    """Returns the places of a generator's weights."""
    places = {
        "embedding": Place("mapping/LabelEmbed/weight"),
        "embedding_bias": Place("mapping/LabelEmbed/bias"),
        "mapping/mean": Place("dlatent_avg"),
        "synthesis/constant": Place("synthesis/4x4/Const/const", constant),
        **dense_places("mapping/Dense{}/weight", "mapping/Dense{}/bias", range(layers)),
    }
    for size in sizes(resolution):
        block = f"synthesis/{size}x{size}"
        second = "conv_4" if size == 4 else f"second_{size}"
        last = 2 * size.bit_length() - 6  # of the noises; 0 for 4 pixels, 2 for 8
        places |= _styled(
            f"synthesis/{second}", f"{block}/{'Conv' if size == 4 else 'Conv1'}", last
        )
        places |= _styled(f"synthesis/to_rgb_{size}", f"{block}/ToRGB", last)
        first = f"synthesis/first_{size}"
        places |= _styled(first, f"{block}/Conv0_up", last - 1)
        places[f"{first}/kernel"] = Place(f"{block}/Conv0_up/weight", flipped)
        places[f"synthesis/shortcut_{size}/kernel"] = Place(f"{block}/Skip/weight")
    return places


def critic_places(resolution: int, layers: int) -> dict[str, Place]:
    """Returns the places of a critic's weights."""
    places = {
        "mapping/embedding": Place("LabelEmbed/weight"),
        "mapping/embedding_bias": Place("LabelEmbed/bias"),
        **dense_places("Mapping{}/weight", "Mapping{}/bias", range(layers)),
    }
    names = {"conv_4": "4x4/Conv", "dense_4": "4x4/Dense0", "score": "Output"}
    parts = {"from_rgb": "FromRGB", "first": "Conv0", "second": "Conv1_down", "shortcut": "Skip"}
    for size in sizes(resolution):
        names |= {f"{ours}_{size}": f"{size}x{size}/{theirs}" for ours, theirs in parts.items()}
    for ours, theirs in names.items():
        places[f"{ours}/kernel"] = Place(f"{theirs}/weight")
        places[f"{ours}/bias"] = Place(f"{theirs}/bias")
    places["dense_4/kernel"] = Place("4x4/Dense0/weight", dense_after_maps)
    return places


def _styled(ours: str, theirs: str, noise: int) -> dict[str, Place]:
    """Returns the places of a modulated layer's weights, of which one noise has a number."""
    return {
        f"{ours}/kernel": Place(f"{theirs}/weight"),
        f"{ours}/bias": Place(f"{theirs}/bias"),
        f"{ours}/style/kernel": Place(f"{theirs}/mod_weight"),
        f"{ours}/style/bias": Place(f"{theirs}/mod_bias", from_one),
        f"{ours}/noise": Place(f"synthesis/noise{noise}", only_map),
        f"{ours}/noise_strength": Place(f"{theirs}/noise_strength"),
    }


resolution_of = largest_resolution(r"(?:synthesis/)?(\d{1,5})x\1/")
FORMAT = Format(
    NetworkFormat(resolution_of, "mapping/Dense{}/".format, generator_places),
    NetworkFormat(resolution_of, "Mapping{}/".format, critic_places),
    demodulation="scaled",
)


def read_network(saved: Any, network: str, file: str) -> tuple[dict[str, Any], dict[str, Any], int]:
    """Returns the variables, the settings and the version of one network of a pickle.

    Raises:
      InputError: it has no such network, or one that is no StyleGAN2.
    """
    index, name = PLACES[network]
    if isinstance(saved, dict):
        raise InputError(f"{file}: a dictionary: `weights_conversion.stylegan2_nvidia` converts it")
    parts = saved if isinstance(saved, tuple | list) else ()
    if any(isinstance(p, unpickling.TensorFlowNetwork | unpickling.TheanoNetwork) for p in parts):
        raise InputError(f"{file}: a ProGAN: `weights_conversion.progan_tf` converts it")
    if len(parts) != len("GDS") or not isinstance(parts[index], TensorFlowNetwork):
        raise InputError(f"{file}: expected the three networks G, D and Gs")
    place = f"{file}: {name}"
    state = _state(parts[index], place)
    version = state.get("version")
    if not isinstance(version, int) or version < STYLEGAN2:
        raise InputError(f"{place}: version {version}: a StyleGAN1, expected a StyleGAN2")
    variables, settings = _variables(state, place), dict(state["static_kwargs"])
    components = state.get("components") or {}
    if not isinstance(components, dict):
        raise InputError(f"{place}: its components are no dictionary")
    for key, component in components.items():
        inner = _state(component, f"{place}: {key}")
        settings = {**inner["static_kwargs"], **settings}
        for variable, array in _variables(inner, f"{place}: {key}").items():
            variables[f"{key}/{variable}"] = array
    return variables, settings, version


def _state(network: Any, place: str) -> dict[str, Any]:
    """Returns the state of a network or of a component."""
    state = network.state if isinstance(network, TensorFlowNetwork) else None
    if (
        not isinstance(state, dict)
        or not isinstance(state.get("static_kwargs"), dict)
        or not isinstance(state.get("variables"), list)
    ):
        raise InputError(f"{place}: has no static_kwargs and variables")
    return state


def _variables(state: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Returns the variables of a network or of a component by name."""
    pairs = state["variables"]
    if not all(isinstance(p, tuple) and len(p) == 2 and isinstance(p[0], str) for p in pairs):
        raise InputError(f"{place}: its variables are no pairs of a name and an array")
    variables = dict(pairs)
    if len(variables) != len(pairs):
        raise InputError(f"{place} has several variables of one name")
    return variables


def check_network(
    variables: Mapping[str, Any], settings: Mapping[str, Any], version: int, place: str
) -> None:
    """Makes sure that a network works as the networks here.

    Raises:
      InputError: it does not.
    """
    for name, expected in SETTINGS.items():
        if (found := settings.get(name, expected)) != expected:
            raise InputError(f"{place}: {name} is {found!r}, expected {expected!r}")
    taps = settings.get("resample_kernel") or TAPS
    if not isinstance(taps, list | tuple) or [*taps] != [*TAPS]:
        raise InputError(f"{place}: resample_kernel is {taps!r}, expected [1, 3, 3, 1]")
    for name, found in settings.items():
        if name not in KNOWN and name not in SETTINGS and found:
            raise InputError(f"{place}: {name} is {found!r}, which the networks here do not have")
    if version == STYLEGAN2 and settings.get("label_size"):
        raise InputError(
            f"{place}: label_size is {settings['label_size']!r}, expected 0: labels work otherwise"
            " in version 4"
        )
    for name in variables:
        if PROGRESSIVE in name:
            raise InputError(
                f"{place}: {name}: a network that grows, expected configuration E or F"
            )


def group_of(settings: Mapping[str, Any], version: int, place: str) -> int:
    """Returns how many images the critic compares.

    Raises:
      InputError: the file says something else.
    """
    default = GROUP if version == STYLEGAN2 else None
    return group_size(settings.get("mbstd_group_size", default), "mbstd_group_size", place)


def number(settings: Mapping[str, Any], name: str, default: float | None, place: str) -> Any:
    """Returns a setting that is a number over 0, or None where that is what a file that says
    nothing means.

    Raises:
      InputError: it is something else.
    """
    found = settings.get(name, default)
    if found is None and default is None:
        return None
    if not isinstance(found, int | float) or not found > 0:
        raise InputError(f"{place}: {name} is {found!r}, expected a number over 0")
    return float(found)


def convert(
    pickle: str | None = None,
    only: str | None = None,
    minibatch_stddev_group: int = 0,
    truncation: float = 1.0,
    class_names: str | None = None,
) -> Converted:
    """Converts generator and critic.

    Args:
      pickle: the file.
      only: `generator` or `critic`; None is both.
      minibatch_stddev_group: images that the critic compares; 0 is what the file says.
      truncation: the default of the source, in (0, 1].
      class_names: the file of the classes' names.

    Raises:
      InputError: the file is damaged, or is no StyleGAN2.
    """
    if not pickle:
        raise InputError("expected --pickle")
    saved = reader.read_pickle(pickle, persistence.NAMES)
    arrays, ours = {}, {}
    for network in chosen(only):
        variables, settings, version = read_network(saved, network, pickle)
        place, start = f"{pickle}: {PLACES[network][1]}", "critic_" if network == "critic" else ""
        check_network(variables, settings, version, place)
        arrays[network] = (variables, place)
        ours[f"{start}clamp"] = number(settings, "conv_clamp", None, place)
        ours[f"{start}mapping_rate"] = number(settings, "mapping_lrmul", RATES[network], place)
        if network == "critic":
            ours["minibatch_stddev_group"] = group_of(settings, version, place)
    if minibatch_stddev_group:
        ours["minibatch_stddev_group"] = minibatch_stddev_group
    converted = convert_networks(
        FORMAT,
        arrays,
        ours,
        dropped=lambda name: name in DROPPED,
        truncation=truncation,
        file=pickle,
        licence=LICENCE,
    )
    return named(converted, class_names)


if __name__ == "__main__":
    sys.exit(main(convert, FLAGS))
