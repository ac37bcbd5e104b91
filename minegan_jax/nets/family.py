"""The contract of a family of networks, and the table of families."""

import dataclasses
from collections.abc import Callable, Mapping, Set
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from minegan_jax.errors import InputError
from minegan_jax.nets import (
    biggan,
    biggan_deep,
    dcgan,
    dcgan_stack,
    mobilestylegan,
    progan,
    sngan,
    stylegan2,
    stylegan2_critic,
)
from minegan_jax.nets.function import as_function, names_of_layers
from minegan_jax.nets.prior import NORMAL
from minegan_jax.nets.settings import NetworkConfig
from minegan_jax.types import Images, Key, Params, Scores


class Family(NamedTuple):
    """The two networks of one architecture, as modules.

    A generator maps (batch, latent_size) to images in [-1, 1], beyond which only `progan` and
    `mobilestylegan` and `stylegan2` stray; a critic maps these to scores. In a conditional family
    both take labels as a second input, None by default.
    """

    generator: type[nn.Module]
    critic: type[nn.Module] | None  # None where no critic was ever published


FAMILIES: dict[str, Family] = {
    "biggan": Family(biggan.Generator, biggan.Critic),
    "biggan_deep": Family(biggan_deep.Generator, None),
    "dcgan": Family(dcgan.Generator, dcgan.Critic),
    "dcgan_stack": Family(dcgan_stack.Generator, dcgan_stack.Critic),
    "mobilestylegan": Family(mobilestylegan.Generator, None),
    "progan": Family(progan.Generator, progan.Critic),
    "sngan": Family(sngan.Generator, sngan.Critic),
    "stylegan2": Family(stylegan2.Generator, stylegan2_critic.Critic),
}
COMPOSED: dict[str, Callable[[Mapping[str, Any]], "Networks"]] = {}  # see `register_composed`
NUM_FIRST = 16  # latents that a fresh generator sees, and images that a fresh critic does
SIZES = ("resolution", "channels", "latent_size")  # arguments of every family
CRITICS_OWN = "critic_"  # begins the name of an argument that differs between the two networks


class Networks(NamedTuple):
    """A generator and its critic as pure functions of (params, input, labels).

    Labels may be left out, always. In a conditional family they are class numbers, (batch,), and
    for the generator also the vectors that stand for them inside it, (batch, embedding_size);
    without them it takes the mean of all classes' vectors, and a critic drops its label term.
    """

    generate: Callable[..., Images]
    criticise: Callable[..., Scores]
    init: Callable[[Key], tuple[Params, Params]]  # fresh weights of (generator, critic)
    latent_size: int
    resolution: int  # in pixels
    channels: int  # 1 grey, 3 RGB
    num_classes: int = 0  # 0: the networks take no labels
    embedding_size: int = 0
    has_critic: bool = True  # False: none of this architecture was ever published
    truncates: bool = False  # whether `generate` takes `truncation=`, in (0, 1]
    # Images whose differences a critic sees, itself included, unless `criticise` gets alone=True;
    # where devices share the batch, over_batch= tells it of the others' images.
    group: int = 1
    critic_layers: Callable[[], tuple[str, ...]] = tuple  # names among its weights, the first first
    # That the generator was trained with, a key of `nets.prior.PRIORS`. `generate` takes Gaussian
    # noise whatever it is: it maps that to the prior, see `nets.prior`.
    prior: str = NORMAL
    # Of a family with a mapping network (`stylegan2`, `mobilestylegan`), the parts of `generate`:
    w_size: int = 0  # length of the intermediate latent w; 0: the family has none
    num_ws: int = 0  # layers that take a w
    # Of (params, latents, labels, truncation=): w, (batch, w_size).
    to_w: Callable[..., Float[Array, "batch w"]] | None = None
    # Of (params, w): images; w is (batch, w_size), or (batch, num_ws, w_size).
    synthesise: Callable[..., Images] | None = None


def register(name: str, generator: type[nn.Module], critic: type[nn.Module] | None = None) -> None:
    """Adds a family of one's own Flax modules, under a name that sources may then have.

    Args:
      name: of the family.
      generator: maps (batch, latent_size) to images in [-1, 1]; its attributes are resolution,
        channels, latent_size and what else it needs.
      critic: maps images to (batch,) scores, with attributes of the same names; None if there is
        none.

    Raises:
      InputError: another family has this name.
    """
    if FAMILIES.get(name, (generator, critic)) != (generator, critic):
        raise InputError(f"family {name!r} is there already: expected another name")
    FAMILIES[name] = Family(generator, critic)


def register_composed(name: str, build_networks: Callable[[Mapping[str, Any]], Networks]) -> None:
    """Adds a family whose networks are made of another family's.

    Args:
      name: of the family.
      build_networks: builds them of `arguments`, where `family` and `arguments` are the other's.
    """
    COMPOSED[name] = build_networks


def architecture(family: str, arguments: Mapping[str, Any]) -> str:
    """Returns the family of modules of which a family's networks are made."""
    if family in COMPOSED:
        return architecture(arguments["family"], arguments["arguments"])
    return family


def build(family: str, arguments: Mapping[str, Any]) -> Networks:
    """Builds the networks of a family.

    Args:
      family: a key of `FAMILIES`, or a composed one.
      arguments: resolution, channels, latent_size, and what else the family's modules have as
        attributes. `critic_width` is the critic's `width` where the generator's is another, and
        so on.

    Raises:
      InputError: the family or an argument is unknown.
    """
    if family in COMPOSED:
        return COMPOSED[family](arguments)
    if family not in FAMILIES:
        raise InputError(
            f"unknown family {family!r}: expected one of {', '.join(sorted(FAMILIES | COMPOSED))}"
        )
    generator, critic = _modules(family, arguments)
    num_classes = getattr(generator, "num_classes", 0)
    resolution, channels, latent_size = (arguments[name] for name in SIZES)

    group = max(getattr(critic, "minibatch_stddev_group", 1), 1)
    # As many as a critic compares, or enough for statistics of them.
    image_shape = (group if group > 1 else NUM_FIRST, resolution, resolution, channels)
    blank = jax.ShapeDtypeStruct(image_shape, jnp.float32)

    def init(key: Key) -> tuple[Params, Params]:
        key_generator, key_critic = jax.random.split(key)
        # Not one nor zeros: a family may start its statistics from what it makes of these.
        shape = NUM_FIRST, latent_size
        latents = jax.random.normal(jax.random.fold_in(key, 2), shape, jnp.float32)
        weights = jax.jit(generator.init)(key_generator, latents)["params"]
        images = jax.random.uniform(jax.random.fold_in(key, 3), image_shape, jnp.float32, -1.0)
        return weights, jax.jit(critic.init)(key_critic, images)["params"] if critic else {}

    return Networks(
        generate=as_function(generator),
        criticise=as_function(critic) if critic else _no_critic,
        critic_layers=lambda: names_of_layers(critic, blank) if critic else (),
        init=init,
        latent_size=latent_size,
        resolution=resolution,
        channels=channels,
        num_classes=num_classes,
        # Without an embedding, weights of all classes stand in the place of a class's vector.
        embedding_size=getattr(generator, "embedding_size", num_classes),
        has_critic=critic is not None,
        truncates="truncation" in _attributes(type(generator)),
        group=group,
        prior=getattr(generator, "prior", NORMAL),
        **_parts(generator),
    )


def arguments_of(config: NetworkConfig) -> dict[str, int]:
    """Returns the arguments of fresh networks.

    A family that cannot do without classes has one if nothing is learnt from labels.
    """
    names = ("resolution", "channels", "width", "latent_size")
    arguments = {name: getattr(config, name) for name in names}
    if config.num_classes or build(config.family, arguments).num_classes:
        arguments["num_classes"] = max(config.num_classes, 1)
    return arguments


def in_full(family: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a family's arguments with those that were left out; `critic_*` are all there.

    Raises:
      InputError: an argument is missing or unknown.
    """
    generator, critic = (
        {name: getattr(module, name) for name in _attributes(type(module))} if module else {}
        for module in _modules(family, arguments)
    )
    own = {f"{CRITICS_OWN}{name}": critic[name] for name in critic.keys() & generator.keys()}
    return {**critic, **generator, **own}


def _parts(generator: nn.Module) -> dict[str, Any]:
    """Returns the parts of a generator that has a mapping network."""
    if not hasattr(generator, "to_w"):
        return {}
    return {
        "w_size": generator.length_of_w,
        "num_ws": generator.num_ws,
        "to_w": as_function(generator, "to_w"),
        "synthesise": as_function(generator, "synthesise"),
    }


def _modules(family: str, arguments: Mapping[str, Any]) -> tuple[nn.Module, nn.Module | None]:
    """Builds generator and critic, each of the arguments that it has as attributes."""
    generator, critic = FAMILIES[family]
    own = {
        name.removeprefix(CRITICS_OWN): value
        for name, value in arguments.items()
        if name.startswith(CRITICS_OWN)
    }
    shared = {k: v for k, v in arguments.items() if not k.startswith(CRITICS_OWN)}
    known = _attributes(generator), _attributes(critic) if critic else set()
    unknown = (shared.keys() - known[0] - known[1]) | (own.keys() - known[1])
    check_names(family, set(SIZES) - shared.keys(), unknown)
    built = generator(**{name: shared[name] for name in shared.keys() & known[0]})
    if critic is None:
        return built, None
    both = shared | own
    return built, critic(**{name: both[name] for name in both.keys() & known[1]})


def check_names(family: str, missing: Set[str], unknown: Set[str]) -> None:
    """Makes sure that a family's arguments are all there, and no others.

    Raises:
      InputError: some are missing or unknown.
    """
    if missing or unknown:
        raise InputError(
            f"family {family!r}: arguments missing: {sorted(missing)}, unknown: {sorted(unknown)}"
        )


def _attributes(module: type[nn.Module]) -> set[str]:
    """Returns the names of a module's attributes."""
    return {field.name for field in dataclasses.fields(module)} - {"parent", "name"}


def _no_critic(params: Params, *inputs: Any) -> Scores:
    """Stands where a family has no critic."""
    del params, inputs
    raise InputError("this family has no critic: expected another source's to judge")
