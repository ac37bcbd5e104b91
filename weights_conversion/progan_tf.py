"""The official ProGAN pickles, `karras2018iclr-*.pkl`: the averaged generator Gs and the critic D.

python -m weights_conversion.progan_tf --pickle=karras2018iclr-lsun-car-256x256.pkl --out=DIR

Fused layers are what the official code trains by default. A generator with them is the same
function and is converted; a critic with them is another than the one here, and is refused.

The source code inside these files stays text: nothing of it runs.
"""

import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from minegan_jax.errors import InputError
from minegan_jax.nets.progan import RESOLUTIONS

from . import export, reader
from .command import Converted, Flag, main
from .progan_layers import ONLY, Format, chosen, convert_networks, form_of
from .rules import after_maps, as_is, maps_last, undone_by
from .unpickling import TensorFlowNetwork, TheanoNetwork

PLACES = {"generator": (2, "Gs", "G_paper"), "critic": (1, "D", "D_paper")}  # index, name, builder
LICENCE = "CC BY-NC 4.0"
DROPPED = ("lod",)
FLAGS = {
    "pickle": Flag("karras2018iclr-*.pkl"),
    "only": Flag(ONLY),
    "minibatch_stddev_group": Flag("images that the critic compares; 0: what the file says", 0),
}
# Layers of 4x4 pixels: ours and the file's, in order.
FIRST = ("dense", "conv"), ("Dense", "Conv")  # of a generator
LAST = ("conv", "dense"), ("Conv", "Dense0")  # of a critic
FUSED = "Conv0_up"  # the name of a generator's fused layers
DEFAULT_GROUP = 4  # of the official code, where a file says nothing
# What the networks here take for granted, where a file says something.
SETTINGS = {
    "label_size": 0,
    "use_wscale": True,
    "use_pixelnorm": True,
    "pixelnorm_epsilon": 1e-8,
    "use_leakyrelu": True,
    "normalize_latents": True,
    "tanh_at_end": False,
}


@undone_by(lambda *shape: shape)
def dense_after_maps(kernel: np.ndarray) -> np.ndarray:
    """Turns (channels * 16, outputs) into (16 * channels, outputs)."""
    return after_maps(kernel.transpose())


@undone_by(lambda rows, columns, inputs, outputs: (rows, columns, outputs, inputs))
def first_after_doubling(kernel: np.ndarray) -> np.ndarray:
    """Turns the kernel of a fused layer into that of a convolution of doubled maps.

    A fused layer spreads each pixel over its surroundings, so (rows, columns, outputs, inputs) has
    the opposite order of rows and columns.
    """
    return kernel[::-1, ::-1].transpose(0, 1, 3, 2)


def generator_names(count: int, *, first: str) -> dict[str, str]:
    """Returns the file's layers of a generator, by ours.

    Args:
      count: of resolutions.
      first: the name of a resolution's first layer, which says whether it is fused.
    """
    names: dict[str, str] = {}
    for i in range(count):
        size = 4 << i
        ours, theirs = FIRST if i == 0 else (("first", "second"), (first, "Conv1"))
        names |= {
            f"{our}_{size}": f"{size}x{size}/{layer}"
            for our, layer in zip(ours, theirs, strict=True)
        }
        names[f"to_rgb_{size}"] = f"ToRGB_lod{count - 1 - i}"
    return names


def critic_names(count: int) -> dict[str, str]:
    """Returns the file's layers of a critic of so many resolutions, by ours."""
    names: dict[str, str] = {}
    for i in range(count):
        size = 4 << (count - 1 - i)
        ours, theirs = LAST if size == 4 else (("first", "second"), ("Conv0", "Conv1"))
        names[f"from_rgb_{size}"] = f"FromRGB_lod{i}"
        names |= {
            f"{our}_{size}": f"{size}x{size}/{layer}"
            for our, layer in zip(ours, theirs, strict=True)
        }
    return names | {"score": "4x4/Dense1"}


def format_of(*, fused: bool) -> Format:
    """Returns the format; `fused` says whether the generator's layers are."""
    firsts = [f"first_{size}/kernel" for size in RESOLUTIONS] if fused else []
    return Format(
        variant="karras2018",
        kernel="/weight",
        bias="/bias",
        inputs=-2,
        conv=as_is,
        layouts={
            "generator": {
                "dense_4/kernel": maps_last,
                **dict.fromkeys(firsts, first_after_doubling),
            },
            "critic": {"dense_4/kernel": dense_after_maps},
        },
        names={
            "generator": partial(generator_names, first=FUSED if fused else "Conv0"),
            "critic": critic_names,
        },
        rgb={"generator": "ToRGB_lod", "critic": "FromRGB_lod"},
    )


def read_network(saved: Any, network: str, file: str) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Returns the variables and the settings of one network of a pickle.

    Raises:
      InputError: it has no such network, or one that works otherwise.
    """
    index, name, builder = PLACES[network]
    parts = saved if isinstance(saved, tuple | list) else ()
    if any(isinstance(part, TheanoNetwork) for part in parts):
        raise InputError(f"{file}: a Theano pickle, expected the TensorFlow one of the same name")
    state = parts[index].state if len(parts) == len("GDS") else None
    if not isinstance(state, dict) or not isinstance(parts[index], TensorFlowNetwork):
        raise InputError(f"{file}: expected the three networks G, D and Gs")
    if state.get("build_func_name") != builder:
        raise InputError(f"{file}: {name} is a {state.get('build_func_name')}, expected {builder}")
    settings, pairs = state.get("static_kwargs"), state.get("variables")
    if not isinstance(settings, dict) or not isinstance(pairs, list):
        raise InputError(f"{file}: {name} has no static_kwargs and variables")
    variables = dict(pairs)
    if len(variables) != len(pairs):
        raise InputError(f"{file}: {name} has several variables of one name")
    return variables, settings


def is_fused(variables: Mapping[str, Any]) -> bool:
    """Says whether layers that change the resolution do so in one with their convolution."""
    return any("_up/" in name or "_down/" in name for name in variables)


def check_network(variables: Mapping[str, Any], settings: Mapping[str, Any], place: str) -> None:
    """Makes sure that a network works as the networks here.

    Raises:
      InputError: it does not, or was saved while fading in.
    """
    for name, expected in SETTINGS.items():
        if (found := settings.get(name, expected) or 0) != expected:
            raise InputError(f"{place}: {name} is {found!r}, expected {expected!r}")
    if not isinstance(settings.get("mbstd_group_size", 0), int):
        raise InputError(f"{place}: mbstd_group_size should be a number of images")
    fused = is_fused(variables)
    if (found := settings.get("fused_scale", fused)) != fused:
        raise InputError(
            f"{place}: fused_scale is {found!r}, expected {fused} by its layers' names"
        )
    if fused and "4x4/Dense1/weight" in variables:
        raise InputError(
            f"{place}: fused_scale is True, expected False: this critic averages before it"
            " activates; --only=generator converts the generator"
        )
    if not np.array_equal(variables.get("lod", np.nan), 0.0):
        raise InputError(
            f"{place}: lod is {variables.get('lod', 'none')}, expected 0: saved while fading in"
        )


# A pickle holds the source code of its networks, which no source has: their variables alone.
BACK = export.back(
    form_of(
        format_of(fused=False),
        {"generator": ("generator",), "critic": ("critic",)},
        dropped=DROPPED,
        endings=(export.NPZ,),
    ),
    {"generator": Flag("the variables of Gs"), "critic": Flag("the variables of D")},
)


def convert(
    pickle: str | None = None, only: str | None = None, minibatch_stddev_group: int = 0
) -> Converted:
    """Converts generator and critic.

    Args:
      pickle: the file.
      only: `generator` or `critic`; None is both.
      minibatch_stddev_group: images that the critic compares; 0 is what the file says.

    Raises:
      InputError: the file is damaged, is no ProGAN, or was saved while fading in.
    """
    if not pickle:
        raise InputError("expected --pickle")
    saved = reader.read_pickle(pickle)
    arrays, group = {}, minibatch_stddev_group
    for network in chosen(only):
        variables, settings = read_network(saved, network, pickle)
        place = f"{pickle}: {PLACES[network][1]}"
        check_network(variables, settings, place)
        arrays[network] = (variables, place)
        group = group or settings.get("mbstd_group_size", 0)
    return convert_networks(
        format_of(fused=any(is_fused(variables) for variables, _ in arrays.values())),
        arrays,
        group=group or DEFAULT_GROUP,
        dropped=DROPPED,
        file=pickle,
        licence=LICENCE,
    )


if __name__ == "__main__":
    sys.exit(main(convert, FLAGS, back=BACK))
