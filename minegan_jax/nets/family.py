"""The contract of a family of networks, and the table of families."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from minegan_jax.errors import InputError
from minegan_jax.nets import dcgan
from minegan_jax.nets.function import as_function
from minegan_jax.types import Images, Key, Latents, Params, Scores


class Family(NamedTuple):
    """How one architecture builds its two networks from the same keyword arguments.

    A generator maps (batch, latent_size) to images in [-1, 1]; a critic maps these to scores.
    """

    generator: Callable[..., nn.Module]
    critic: Callable[..., nn.Module]


def _dcgan_critic(*, latent_size: int, **arguments: Any) -> nn.Module:
    """Builds the critic; it has no latents."""
    del latent_size
    return dcgan.Critic(**arguments)


FAMILIES: dict[str, Family] = {
    "dcgan": Family(generator=dcgan.Generator, critic=_dcgan_critic),
}


class Networks(NamedTuple):
    """A generator and its critic as pure functions of (params, input)."""

    generate: Callable[[Params, Latents], Images]
    criticise: Callable[[Params, Images], Scores]
    init: Callable[[Key], tuple[Params, Params]]  # fresh weights of (generator, critic)
    latent_size: int
    resolution: int  # in pixels
    channels: int  # 1 grey, 3 RGB


def build(family: str, arguments: Mapping[str, Any]) -> Networks:
    """Builds the networks of a family.

    Args:
      family: a key of `FAMILIES`.
      arguments: resolution, channels, width, latent_size.

    Raises:
      InputError: the family or an argument is unknown.
    """
    if family not in FAMILIES:
        raise InputError(
            f"unknown family {family!r}: expected one of {', '.join(sorted(FAMILIES))}"
        )
    try:
        generator = FAMILIES[family].generator(**arguments)
        critic = FAMILIES[family].critic(**arguments)
        resolution, channels, latent_size = (
            arguments[name] for name in ("resolution", "channels", "latent_size")
        )
    except (TypeError, KeyError) as error:
        raise InputError(f"family {family!r} does not take {dict(arguments)}: {error}") from error

    def init(key: Key) -> tuple[Params, Params]:
        key_generator, key_critic = jax.random.split(key)
        latents = jnp.zeros((1, latent_size))
        images = jnp.zeros((1, resolution, resolution, channels))
        return (
            jax.jit(generator.init)(key_generator, latents)["params"],
            jax.jit(critic.init)(key_critic, images)["params"],
        )

    return Networks(
        generate=as_function(generator),
        criticise=as_function(critic),
        init=init,
        latent_size=latent_size,
        resolution=resolution,
        channels=channels,
    )
