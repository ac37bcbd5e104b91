"""What the converters of DCGANs share: layers found in a file become a described stack, filled.

A file that keeps no batch statistics belongs to a network that always took those of its batch.
They are accumulated here, over draws of the prior and over the images that come of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from minegan_jax.errors import InputError
from minegan_jax.nets import dcgan_stack, prior
from minegan_jax.nets.dcgan_stack import DENSE, OF_UNITS, SIGMOID, Layer, result_size
from minegan_jax.nets.function import as_function
from minegan_jax.nets.statistics import accumulated
from minegan_jax.types import Latents, Params

from .command import Converted, Flag, fill
from .rules import Layout, Rule, as_is, maps_last

BATCH = 128  # draws of which statistics are taken together: the batch of Radford et al.
NUM_BATCHES = 100
NO_LICENCE = "not stated with the weights"
# Of all commands for DCGANs.
SHARED_FLAGS = {
    "generator": Flag("the generator's file"),
    "critic": Flag("the critic's file"),
    "prior": Flag("normal: latents are drawn from N(0, I); uniform: from U(-1, 1)", prior.NORMAL),
    "licence": Flag("what is known of the weights' licence", NO_LICENCE),
}


class NormNames(NamedTuple):
    """The arrays of a batch normalisation; None where a file does not have one."""

    gain: str | None
    bias: str | None
    mean: str | None
    variance: str | None


class Stored(NamedTuple):
    """A layer as it lies in a file."""

    layer: Layer
    kernel: str  # its array's name
    bias: str | None = None
    norm: NormNames | None = None


class Format(NamedTuple):
    """How a framework lays out its arrays."""

    dense: Layout  # makes (inputs, units)
    conv: Layout  # makes (rows, columns, inputs, features)
    conv_transpose: Layout  # makes the same, not flipped: what a pixel adds from its place on
    channels_first: bool  # whether units stand for (channels, height, width)


class Found(NamedTuple):
    """A network in a file."""

    layers: Sequence[Stored]
    arrays: Mapping[str, np.ndarray]
    size: int  # pixels of its input: 1 for a generator, the resolution for a critic
    file: str  # that a user named
    parts: tuple[str, ...] = ()  # the files that the arrays are in, where these are others


WEIGHTS = ("affine/gain", "affine/bias", "statistics/mean", "statistics/variance")
FILLED = (1.0, 0.0, 0.0, 1.0)  # what stands for those that a file does not have


def convert_networks(
    generator: Found | None,
    critic: Found | None,
    layout: Format,
    *,
    latent_prior: str,
    num_classes: int = 0,
    licence: str,
) -> Converted:
    """Converts a generator, a critic, or both.

    Args:
      generator: if there is one.
      critic: if there is one.
      layout: of the arrays.
      latent_prior: a key of `nets.prior.PRIORS`.
      num_classes: of the generator's inputs, the last ones are so many classes, one-hot.
      licence: what is known of it.

    Raises:
      InputError: arrays are missing or do not fit, alone or beside the other network's.
    """
    arguments = _arguments(generator, critic, latent_prior, num_classes)
    found = {"generator": generator, "critic": critic}
    parts = {
        name: (_completed(network), tuple(_rules(network, layout)), network.file)
        for name, network in found.items()
        if network
    }
    params = fill("dcgan_stack", arguments, parts)
    params = _with_statistics(arguments, params, found)
    files = [network.parts or (network.file,) for network in found.values() if network]
    return Converted("dcgan_stack", arguments, params, sum(files, ()), licence)


def _arguments(
    generator: Found | None, critic: Found | None, latent_prior: str, num_classes: int
) -> dict[str, Any]:
    """Returns the family's arguments.

    Raises:
      InputError: none of the networks is given, or they do not belong together.
    """
    if not generator and not critic:
        raise InputError("expected at least one of --generator, --critic")
    if latent_prior not in prior.PRIORS:
        raise InputError(f"--prior={latent_prior}: expected {' or '.join(prior.PRIORS)}")
    arguments: dict[str, Any] = {"latent_size": 100, "prior": latent_prior}
    if generator:
        arguments |= _generator_arguments(generator, num_classes)
    if critic:
        seen = {"resolution": critic.size, "channels": _inputs(critic)}
        for name, value in seen.items():
            if arguments.setdefault(name, value) != value:
                raise InputError(
                    f"{critic.file}: {name} is {value}, but {arguments[name]} in the generator"
                )
        arguments["critic_layers"] = dcgan_stack.described(_layers(critic))
        arguments["critic_num_classes"] = 0
    return arguments


def _generator_arguments(generator: Found, num_classes: int) -> dict[str, Any]:
    """Returns the arguments that a generator says."""
    layers, size = _layers(generator), generator.size
    for layer in layers:
        size = result_size(layer, size)
    if not 0 <= num_classes < _inputs(generator):
        raise InputError(
            f"--num_classes={num_classes}: expected fewer than the {_inputs(generator)} numbers"
            f" that the generator in {generator.file} takes"
        )
    low = 0.0 if layers[-1].activation == SIGMOID else -1.0
    return {
        "resolution": size,
        "channels": layers[-1].features,
        "latent_size": _inputs(generator) - num_classes,
        "generator_layers": dcgan_stack.described(layers),
        **({"num_classes": num_classes} if num_classes else {}),
        **({"image_range": [low, 1.0]} if low == 0.0 else {}),
    }


def _layers(network: Found) -> list[Layer]:
    """Returns the layers of a network."""
    return [stored.layer for stored in network.layers]


def _inputs(network: Found) -> int:
    """Returns how many channels, or numbers, a network's first layer takes."""
    first = network.layers[0]
    kernel, units = network.arrays[first.kernel], first.layer.features * first.layer.size**2
    window = 1 if first.layer.kind == DENSE else first.layer.window**2
    return kernel.size // (window * units)


def _rules(network: Found, layout: Format) -> Iterator[Rule]:
    """Yields the rules of a network."""
    size = network.size
    for number, stored in enumerate(network.layers):
        layer = stored.layer
        units, kernel = as_is, getattr(layout, layer.kind)
        if layer.kind == DENSE and layout.channels_first:
            units = partial(maps_last, size=layer.size)
            kernel = partial(_dense, plain=layout.dense, before=size, after=layer.size)
        yield Rule(stored.kernel, f"layer{number}/kernel", kernel)
        if stored.bias:
            yield Rule(stored.bias, f"layer{number}/bias", units)
        if stored.norm:
            names = _norm_names(number, stored.norm)
            of_norm = units if layer.norm == OF_UNITS else as_is
            for array, weight in zip(names, WEIGHTS, strict=True):
                yield Rule(array, f"norm{number}/{weight}", of_norm)
        size = result_size(layer, size)


def _dense(kernel: np.ndarray, *, plain: Layout, before: int, after: int) -> np.ndarray:
    """Turns a dense kernel whose inputs and outputs may be maps with their channels first."""
    kernel = maps_last(plain(kernel), size=after)
    return maps_last(kernel.T, size=before).T


def _norm_names(number: int, names: NormNames) -> list[str]:
    """Returns the arrays' names in order, invented ones where a file has none."""
    fields = zip(names, NormNames._fields, strict=True)
    return [name or f"norm{number}:{field}" for name, field in fields]


def _completed(network: Found) -> dict[str, np.ndarray]:
    """Returns the arrays with those of normalisations that the file does not have."""
    arrays = dict(network.arrays)
    for number, stored in enumerate(network.layers):
        if stored.norm is None:
            continue
        layer = stored.layer
        size = layer.features * (layer.size**2 if layer.norm == OF_UNITS else 1)
        for name, value in zip(_norm_names(number, stored.norm), FILLED, strict=True):
            arrays.setdefault(name, np.full(size, value, np.float32))
    return arrays


def _with_statistics(
    arguments: Mapping[str, Any],
    params: Mapping[str, Params],
    networks: Mapping[str, Found | None],
) -> dict[str, Params]:
    """Accumulates the batch statistics of networks whose file has none.

    Raises:
      InputError: a critic's are wanted, and no generator makes images for it.
    """
    params = dict(params)
    generator, critic = (_without_statistics(networks[name]) for name in ("generator", "critic"))
    if critic and "generator" not in params:
        raise InputError(
            f"{critic.file}: expected --generator beside it: the critic keeps no batch statistics,"
            " and they are accumulated over images"
        )
    if not generator and not critic:
        return params
    module = dcgan_stack.Generator(
        **{k: v for k, v in arguments.items() if not k.startswith("critic_")}
    )
    if generator:
        params["generator"] = accumulated(module, params["generator"], _draws(arguments))
    if critic:
        generate = jax.jit(as_function(module))
        images = (generate(params["generator"], *given) for given in _draws(arguments))
        params["critic"] = accumulated(
            dcgan_stack.Critic(
                arguments["resolution"],
                arguments["channels"],
                layers=arguments["critic_layers"],
                image_range=arguments.get("image_range", (-1.0, 1.0)),
            ),
            params["critic"],
            ((image,) for image in images),
        )
    return jax.tree.map(np.asarray, params)


def _without_statistics(network: Found | None) -> Found | None:
    """Returns a network if its file lacks batch statistics."""
    norms = [stored.norm for stored in network.layers if stored.norm] if network else []
    return network if any(norm.mean is None for norm in norms) else None


def _draws(arguments: Mapping[str, Any]) -> Iterable[tuple[Latents, ...]]:
    """Yields batches of latents, with classes where there are any, the same ones always."""
    rng, num_classes = np.random.default_rng(0), arguments.get("num_classes", 0)
    for _ in range(NUM_BATCHES):
        latents = rng.normal(size=(BATCH, arguments["latent_size"]))
        classes = (jnp.asarray(rng.integers(num_classes, size=BATCH)),) if num_classes else ()
        yield (jnp.asarray(latents, jnp.float32), *classes)
