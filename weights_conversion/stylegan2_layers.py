"""What the published StyleGAN2 formats share: the same weights, under other names and layouts.

A format says for each weight of ours which array of the file it is. Sizes are read off the biases
as far as these tell, so that a weight of a wrong shape is itself the one that an error names.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from minegan_jax import trees
from minegan_jax.errors import InputError
from minegan_jax.nets.progan import RESOLUTIONS

from . import export
from .command import Converted, Flag, Network, convert_arrays, shapes_of
from .rules import Layout, Rule, as_is, undone_by

Arrays = Mapping[str, Any]

FAMILY = "stylegan2"
LATENT_SIZE = 512  # as published, for a critic without its generator
MOST_LAYERS = 64  # of a mapping network; published ones have at most 8
# Larger than any batch: a critic that compares all of one.
WHOLE_BATCH = 1 << 20
TAPS = (1.0, 3.0, 3.0, 1.0)  # of the filter that the networks here have
COMMON = {
    "minibatch_stddev_group": Flag("images that the critic compares; 0: what the file says", 0),
    "truncation": Flag("how far from their mean w are taken by default, over 0, at most 1", 1.0),
}
FILTER = np.asarray(np.outer(TAPS, TAPS) / 64, np.float32)  # as the files have it, in both axes


class Place(NamedTuple):
    """Where a weight is in a file, or a low-pass filter, which our networks do not store."""

    array: str
    layout: Layout = as_is
    value: np.ndarray | None = None  # of a filter


class NetworkFormat(NamedTuple):
    """How one format writes a generator or a critic."""

    resolution: Callable[[Iterable[str]], int]  # of the names of its arrays; 0: none of them fits
    mapping_layer: Callable[[int], str]  # from 0: what the names of a mapping layer begin with
    # Of the resolution and the mapping layers: the places of weights by their paths, in the file's
    # order. Those of filters have paths beside the kernel of a layer with which they come.
    places: Callable[[int, int], dict[str, Place]]


class Format(NamedTuple):
    """How one format writes both networks."""

    generator: NetworkFormat
    critic: NetworkFormat
    demodulation: str  # of nets.stylegan2_layers


def largest_resolution(pattern: str) -> Callable[[Iterable[str]], int]:
    """Returns a function that finds the largest resolution in names that begin so; 0: none.

    Args:
      pattern: a regular expression whose first group is a resolution.
    """

    def resolution_of(names: Iterable[str]) -> int:
        found = (re.match(pattern, name) for name in names)
        return max((int(each[1]) for each in found if each), default=0)

    return resolution_of


def group_size(group: Any, name: str, place: str) -> int:
    """Returns how many images a critic compares; None stands for all of a batch.

    Raises:
      InputError: it is no number of images; `name` is what the file calls it.
    """
    if group is not None and not (isinstance(group, int) and group > 0):
        raise InputError(f"{place}: {name} is {group!r}, expected a number of images")
    return WHOLE_BATCH if group is None else group


class Found(NamedTuple):
    """A network's arrays, with the places of its weights."""

    arrays: Arrays
    places: Mapping[str, Place]
    resolution: int
    mapping_layers: int
    place: str  # for messages

    def has(self, path: str) -> bool:
        """Says whether there is an array for a weight."""
        return path in self.places and self.places[path].array in self.arrays

    def shape(self, path: str, num_axes: int) -> tuple[int, ...]:
        """Returns the shape of a weight.

        Raises:
          InputError: there is no array for it, or one of other axes.
        """
        name, layout, _ = self.places[path]
        if name not in self.arrays:
            raise InputError(f"{self.place}: missing: {name}")
        array = self.arrays[name]
        try:
            shape = layout(array).shape if isinstance(array, np.ndarray) else ()
        except ValueError:
            shape = ()
        if len(shape) != num_axes or 0 in shape:
            raise InputError(
                f"{self.place}: {name}: expected an array for {path} of {num_axes} axes, found"
                f" {np.shape(array)}"
            )
        return shape


@undone_by(lambda rows, columns, channels: (channels, rows, columns))
def pixels_last(array: np.ndarray) -> np.ndarray:
    """Turns (channels, rows, columns) into (rows, columns, channels)."""
    return array.transpose(1, 2, 0)


def sizes(resolution: int) -> list[int]:
    """Returns the resolutions of a network's maps, 4 first."""
    return [4 << i for i in range(resolution.bit_length() - 2)]


def dense_places(
    kernel: str, bias: str, layers: Iterable[int | str], layout: Layout = as_is
) -> dict[str, Place]:
    """Returns the places of the mapping network's layers.

    Args:
      kernel: the name of a kernel's array, `{}` for what `layers` says of it.
      bias: the name of a bias's array likewise.
      layers: what the names of each layer have.
      layout: of a kernel.
    """
    places = {}
    for i, layer in enumerate(layers):
        places[f"mapping/layers/dense_{i}/kernel"] = Place(kernel.format(layer), layout)
        places[f"mapping/layers/dense_{i}/bias"] = Place(bias.format(layer))
    return places


def find(form: NetworkFormat, arrays: Arrays, place: str) -> Found:
    """Finds out how large a network is.

    Raises:
      InputError: it is no StyleGAN2.
    """
    resolution = form.resolution(arrays)
    if resolution not in RESOLUTIONS[1:]:
        known = f"{RESOLUTIONS[1]} to {RESOLUTIONS[-1]}"
        names = ", ".join(str(name)[:40] for name in list(arrays)[:3]) or "none"
        raise InputError(
            f"{place}: expected the layers of a StyleGAN2 of {known} pixels, found {resolution}"
            f" pixels, in arrays such as {names}"
        )
    layers = 0
    while any(name.startswith(form.mapping_layer(layers)) for name in arrays):
        layers += 1
        if layers > MOST_LAYERS:
            raise InputError(f"{place}: expected at most {MOST_LAYERS} mapping layers, found more")
    return Found(arrays, form.places(resolution, layers), resolution, layers, place)


def generator_arguments(found: Found) -> dict[str, Any]:
    """Reads a generator's arguments off its arrays."""
    size = found.resolution
    first, features = found.shape("mapping/layers/dense_0/kernel", 2)
    classes, label_size = found.shape("embedding", 2) if found.has("embedding") else (0, 0)
    w_size, _ = found.shape("synthesis/conv_4/style/kernel", 2)
    if first <= label_size:
        name = found.places["mapping/layers/dense_0/kernel"].array
        raise InputError(
            f"{found.place}: {name} takes {first} numbers, expected more than {label_size}"
        )
    return {
        "resolution": size,
        "channels": found.shape(f"synthesis/to_rgb_{size}/bias", 1)[0],
        "width": _widths(found, "synthesis/conv_4/bias", "synthesis/second_{}/bias"),
        "latent_size": first - label_size,
        "w_size": w_size,
        "num_classes": classes,
        **({"label_size": label_size} if classes else {}),
        "mapping_layers": found.mapping_layers,
        "mapping_width": features if found.mapping_layers > 1 else w_size,
        "architecture": architecture(found, "synthesis/", "to_rgb_4"),
        "use_noise": found.has("synthesis/conv_4/noise_strength"),
    }


def critic_arguments(found: Found) -> dict[str, Any]:
    """Reads a critic's arguments off its arrays, but for the group that it compares."""
    size = found.resolution
    classes, label_size = (
        found.shape("mapping/embedding", 2) if found.has("mapping/embedding") else (0, 0)
    )
    _, _, seen, outputs = found.shape("conv_4/kernel", 4)
    return {
        "resolution": size,
        "channels": found.shape(f"from_rgb_{size}/kernel", 4)[2],
        "critic_width": _widths(found, "conv_4/bias", "first_{}/bias"),
        "num_hidden": found.shape("dense_4/bias", 1)[0],
        "num_classes": classes,
        **({"critic_label_size": label_size} if classes else {}),
        "critic_mapping_layers": found.mapping_layers,
        "critic_architecture": architecture(found, "", "from_rgb_4"),
        "minibatch_stddev_features": max(seen - outputs, 0) or 1,
        **({} if seen > outputs else {"minibatch_stddev_group": 0}),
    }


READ = {"generator": generator_arguments, "critic": critic_arguments}


def architecture(found: Found, where: str, shown_at_4: str) -> str:
    """Tells skip connections, residual blocks and neither apart.

    Args:
      found: the network.
      where: what the paths of its layers begin with.
      shown_at_4: the layer to or from RGB that only skip connections need.
    """
    if found.has(f"{where}shortcut_8/kernel"):
        return "resnet"
    return "skip" if found.has(f"{where}{shown_at_4}/kernel") else "orig"


def _widths(found: Found, smallest: str, larger: str) -> list[int]:
    """Reads the channels of all maps off biases, that of 4 pixels first."""
    paths = (smallest, *map(larger.format, sizes(found.resolution)[1:]))
    return [found.shape(path, 1)[0] for path in paths]


def rules_back(form: Format, name: str, arguments: Mapping[str, Any]) -> Iterable[Rule]:
    """Yields the rules of a network with these arguments, all of them, in the order of its file."""
    layers = arguments["mapping_layers" if name == "generator" else "critic_mapping_layers"]
    shapes = trees.named_shapes(shapes_of(FAMILY, arguments)[name])
    network = {"generator": form.generator, "critic": form.critic}[name]
    for path, place in network.places(arguments["resolution"], layers).items():
        layer = path.rpartition("/")[0]
        if path in shapes:
            yield Rule(place.array, path, place.layout)
        elif place.value is not None and f"{layer}/kernel" in shapes:
            yield Rule(place.array, None, value=place.value)


def network_back(form: Format, name: str) -> Network:
    """Returns how a source's generator or critic is written in a format."""
    network = {"generator": form.generator, "critic": form.critic}[name]
    return Network(
        lambda arrays, place: READ[name](find(network, arrays, place)),
        partial(rules_back, form, name),
    )


def form_of(form: Format, files: Mapping[str, tuple[str, ...]], **options: Any) -> export.Form:
    """Returns how a format's files hold the networks of a source.

    Args:
      form: the format.
      files: by flag, the networks in one.
      **options: what else `export.Form` has.
    """
    networks = {name: network_back(form, name) for name in READ}
    return export.Form(FAMILY, lambda _: networks, files, **options)


def convert_networks(
    form: Format,
    arrays: Mapping[str, tuple[Arrays, str]],
    settings: Mapping[str, Any],
    *,
    dropped: Callable[[str], bool],
    truncation: float,
    file: str,
    licence: str,
    notes: tuple[str, ...] = (),
) -> Converted:
    """Converts the arrays of one file.

    Args:
      form: of the file.
      arrays: of the generator, the critic or both, and their place in the file, for messages.
      settings: arguments that the arrays do not tell.
      dropped: whether an array is checked by the caller, and not kept, by its name.
      truncation: the default of the source.
      file: that they came from.
      licence: what is known of it.
      notes: what a user should know of this conversion.

    Raises:
      InputError: arrays are missing, left over or of a wrong shape.
    """
    if not 0.0 < truncation <= 1.0:
        raise InputError(f"truncation {truncation}: expected over 0 and at most 1")
    formats = {"generator": form.generator, "critic": form.critic}
    found = {name: find(formats[name], *each) for name, each in arrays.items()}

    def network(name: str) -> Network:
        def rules(arguments: Mapping[str, Any]) -> Iterable[Rule]:
            shapes = shapes_of(FAMILY, arguments)[name]
            for path in trees.named_shapes(shapes):
                yield Rule(found[name].places[path].array, path, found[name].places[path].layout)
            yield from (Rule(each, None) for each in found[name].arrays if dropped(each))

        return Network(lambda *_: READ[name](found[name]), rules)

    return convert_arrays(
        FAMILY,
        {name: network(name) for name in arrays},
        arrays,
        published=lambda _: {
            "latent_size": LATENT_SIZE,
            "critic_architecture": "resnet",
            "demodulation": form.demodulation,
            "truncation": truncation,
            **settings,
        },
        files=(file,),
        licence=licence,
    )._replace(notes=notes)
