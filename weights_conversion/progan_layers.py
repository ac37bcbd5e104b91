"""What the published ProGAN formats share: the same layers, under other names and in other layouts.

A format names the file's layer for each of ours; sizes are read off the biases, so that a weight
of a wrong shape is itself the one that an error names.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from minegan_jax.errors import InputError
from minegan_jax.nets.progan import RESOLUTIONS

from . import export, states
from .command import Converted, Network, convert_arrays
from .rules import Layout, Rule, as_is, shape_of

NOTHING_FADES = np.zeros((), np.float32)  # what is dropped says how far a layer has faded in
LATENT_SIZE = 512  # as published, for a critic without its generator
NETWORKS = ("generator", "critic")
ONLY = "generator or critic; both if left out"

Arrays = Mapping[str, Any]
Names = Callable[[int], dict[str, str]]  # of the number of resolutions: our layers to the file's


class Format(NamedTuple):
    """How one format writes a generator and a critic."""

    variant: str  # of nets.progan
    kernel: str  # the end of a kernel's name
    bias: str  # the end of a bias's name
    inputs: int  # the axis of a kernel that counts its inputs
    conv: Layout  # of a kernel of convolution
    layouts: Mapping[str, Mapping[str, Layout]]  # of other weights, by network
    names: Mapping[str, Names]  # by network
    rgb: Mapping[str, str]  # by network, how the names of its layers to or from RGB begin
    # By network, names by one of which its arrays are found in a file of several, see `states`.
    signs: Mapping[str, states.Sign] = MappingProxyType({})
    latent_norms: int = 1  # how often the code behind the file normalises latents


def num_resolutions(form: Format, network: str, arrays: Arrays, place: str) -> int:
    """Counts the resolutions of a network's layers to or from RGB."""
    start = form.rgb[network]
    found = sum(name.startswith(start) and name.endswith(form.bias) for name in arrays)
    if not 0 < found <= len(RESOLUTIONS):
        raise InputError(f"{place}: expected {start}* for 4 to 1024 pixels, found {found} of them")
    return found


def generator_arguments(form: Format, arrays: Arrays, place: str) -> dict[str, Any]:
    """Reads a generator's arguments off its arrays; `place` is for messages."""
    count = num_resolutions(form, "generator", arrays, place)
    names, sizes = form.names["generator"](count), RESOLUTIONS[:count]
    last = ["conv_4", *(f"second_{size}" for size in sizes[1:])]
    kernel = names["dense_4"] + form.kernel
    shape = shape_of(arrays, kernel, np.ndim(arrays.get(kernel, 0)), place)
    return {
        "resolution": sizes[-1],
        "channels": _biases(form, arrays, names[f"to_rgb_{sizes[-1]}"], place),
        "width": [_biases(form, arrays, names[layer], place) for layer in last],
        "latent_size": shape[form.inputs],
        "latent_norms": form.latent_norms,
        "variant": form.variant,
    }


def critic_arguments(form: Format, arrays: Arrays, place: str, *, group: int) -> dict[str, Any]:
    """Reads a critic's arguments off its arrays.

    Args:
      form: of the file.
      arrays: by name.
      place: of the arrays, for messages.
      group: images of a minibatch standard deviation, if the critic has that input.
    """
    count = num_resolutions(form, "critic", arrays, place)
    names, sizes = form.names["critic"](count), RESOLUTIONS[:count]
    widths = [_biases(form, arrays, names[f"from_rgb_{size}"], place) for size in sizes]
    seen = shape_of(arrays, names["conv_4"] + form.kernel, 4, place)[form.inputs]
    first = shape_of(arrays, names[f"from_rgb_{sizes[-1]}"] + form.kernel, 4, place)
    return {
        "resolution": sizes[-1],
        "channels": first[form.inputs],
        "critic_width": widths,
        "num_hidden": _biases(form, arrays, names["dense_4"], place),
        "minibatch_stddev_group": 0 if seen == widths[0] else group,
        "variant": form.variant,
    }


def _biases(form: Format, arrays: Arrays, layer: str, place: str) -> int:
    """Counts the biases of a layer."""
    return shape_of(arrays, layer + form.bias, 1, place)[0]


def network_rules(form: Format, network: str, count: int) -> Iterable[Rule]:
    """Yields the rules of a network of so many resolutions."""
    for ours, theirs in form.names[network](count).items():
        for weight, end, usual in (("kernel", form.kernel, form.conv), ("bias", form.bias, as_is)):
            path = f"{ours}/{weight}"
            yield Rule(theirs + end, path, form.layouts[network].get(path, usual))


def chosen(only: str | None) -> tuple[str, ...]:
    """Returns the networks that a command was asked for.

    Raises:
      InputError: there is no such network.
    """
    if only is not None and only not in NETWORKS:
        raise InputError(f"--only={only}: expected generator or critic")
    return NETWORKS if only is None else (only,)


def find_networks(
    form: Format,
    saved: Any,
    usual: Mapping[str, str],
    *,
    file: str,
    only: str | None,
    keys: Mapping[str, str | None],
) -> dict[str, tuple[Arrays, str]]:
    """Finds the arrays of the networks in what a file holds, and their places for messages.

    Args:
      form: of the file.
      saved: what it holds.
      usual: the place of each network in files of this format.
      file: its name.
      only: the network that a command was asked for; None is both.
      keys: the places that a user asks for.

    Raises:
      InputError: a network is not there, or is there more than once.
    """
    arrays: dict[str, tuple[Arrays, str]] = {}
    for network in chosen(only):
        key, sign = keys[network], form.signs[network]
        found = states.find(saved, sign, file=file, key=key, usual=usual[network])
        arrays[network] = (found, f"{file}: {key or usual[network]}")
    return arrays


def networks_of(form: Format, *, group: int, dropped: tuple[str, ...]) -> dict[str, Network]:
    """Returns how a file's arrays become generator and critic; arguments as `convert_networks`."""

    def rules(network: str, arguments: Mapping[str, Any]) -> Iterable[Rule]:
        yield from (Rule(name, None, value=NOTHING_FADES) for name in dropped)
        yield from network_rules(form, network, RESOLUTIONS.index(arguments["resolution"]) + 1)

    return {
        "generator": Network(
            lambda named, place: generator_arguments(form, named, place),
            lambda arguments: rules("generator", arguments),
        ),
        "critic": Network(
            lambda named, place: critic_arguments(form, named, place, group=group),
            lambda arguments: rules("critic", arguments),
        ),
    }


def form_of(
    form: Format,
    files: Mapping[str, tuple[str, ...]],
    *,
    dropped: tuple[str, ...] = (),
    **options: Any,
) -> export.Form:
    """Returns how a format's files hold the networks of a source.

    Args:
      form: the format.
      files: by flag, the networks in one.
      dropped: as for `convert_networks`.
      **options: what else `export.Form` has.
    """

    def networks(arguments: Mapping[str, Any]) -> Mapping[str, Network]:
        group = arguments["minibatch_stddev_group"]
        return networks_of(form, group=group, dropped=dropped)

    variant = (form.variant,)
    fixed = {"generator": {"variant": variant}, "critic": {"critic_variant": variant}}
    return export.Form("progan", networks, files, **{"fixed": lambda _: fixed, **options})


def convert_networks(
    form: Format,
    arrays: Mapping[str, tuple[Arrays, str]],
    *,
    group: int,
    dropped: tuple[str, ...] = (),
    file: str,
    licence: str,
) -> Converted:
    """Converts the arrays of one file.

    Args:
      form: of the file.
      arrays: of the generator, the critic or both, and their place in the file, for messages.
      group: images of a minibatch standard deviation.
      dropped: arrays of each network that are read, checked by the caller, and not kept.
      file: that they came from.
      licence: what is known of it.

    Raises:
      InputError: arrays are missing, left over or of a wrong shape.
    """
    networks = networks_of(form, group=group, dropped=dropped)
    return convert_arrays(
        "progan",
        networks,
        arrays,
        published=lambda _: {"latent_size": LATENT_SIZE},
        files=(file,),
        licence=licence,
    )
