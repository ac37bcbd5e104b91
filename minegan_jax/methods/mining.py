"""MineGAN: mine pretrained GANs (sections 3.2 and 3.3), then finetune them (section 3.4).

`mine` is MineGAN (w/o FT): miners and critic move, the generators are frozen. `finetune` goes on
from there; it is the same game, in which the generators move as well.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from minegan_jax.methods import shares
from minegan_jax.methods.adversarial import Rules, adversarial_method
from minegan_jax.methods.base import TransferMethod
from minegan_jax.methods.supersamples import Cast
from minegan_jax.methods.views import common_view
from minegan_jax.nets.function import as_function
from minegan_jax.nets.miner import Miner
from minegan_jax.sources import Source
from minegan_jax.types import Images, Key, Params, Scores


class MinerShape(NamedTuple):
    """The miners' layers, see `nets.miner.Miner`."""

    depth: int = 4
    width: int = 256  # units of a hidden layer
    start: str = "prior"


class Critic(NamedTuple):
    """The one critic of a game."""

    criticise: Callable[[Params, Images], Scores]
    params: Params  # it starts from
    resolution: int  # of the images it takes, in pixels
    channels: int  # 1 grey, 3 RGB


def critic_of(source: Source, *, alone: bool = False) -> Critic:
    """Returns a source's own critic.

    Args:
      source: that has one.
      alone: whether to score each image by itself, even by a critic that compares the images of a
        batch. Where sources compete it must: there the best image of a supersample wins (eq. 5),
        and not the source whose images differ most. Behind a single source, a critic goes on as it
        was trained.
    """
    networks = source.networks
    compares = alone and networks.compares
    criticise = partial(networks.criticise, alone=True) if compares else networks.criticise
    return Critic(criticise, source.critic, networks.resolution, networks.channels)


def fresh_critic(source: Source, key: Key, *, alone: bool = False) -> Critic:
    """Returns a critic like a source's own that knows nothing yet; `alone` as for `critic_of`."""
    _, params = source.networks.init(key)
    return critic_of(source, alone=alone)._replace(params=params)


def mine(
    sources: Sequence[Source], rules: Rules, shape: MinerShape, critic: Critic
) -> TransferMethod:
    """Learns a miner for each frozen generator, and the critic (eqs. 3 to 6).

    Args:
      sources: at least one.
      rules: of the game.
      shape: of the miners.
      critic: of all sources, whose images it gets at its own resolution.
    """
    modules = [Miner(source.networks.latent_size, **shape._asdict()) for source in sources]

    def first_params(key: Key) -> dict[str, Any]:
        keys = jax.random.split(key, len(modules))
        latents = [jnp.zeros((1, module.latent_size)) for module in modules]
        return {
            "miners": tuple(
                module.init(key, u)["params"]
                for module, key, u in zip(modules, keys, latents, strict=True)
            ),
            "generators": tuple(source.generator for source in sources),
            "critic": critic.params,
        }

    return adversarial_method(_cast(sources, modules, critic), rules, ("miners",), first_params)


def finetune(
    sources: Sequence[Source], rules: Rules, shape: MinerShape, critic: Critic
) -> TransferMethod:
    """Goes on from `mine` with miners, generators and critic moving together (section 3.4)."""
    modules = [Miner(source.networks.latent_size, **shape._asdict()) for source in sources]
    cast = _cast(sources, modules, critic)
    return adversarial_method(cast, rules, ("miners", "generators"), None)


def _cast(sources: Sequence[Source], modules: Sequence[Miner], critic: Critic) -> Cast:
    """Puts a miner in front of every generator."""
    networks = [source.networks for source in sources]
    shape = {"resolution": critic.resolution, "channels": critic.channels}
    return Cast(
        miners=tuple(as_function(module) for module in modules),
        generators=tuple(each.generate for each in networks),
        critic=critic.criticise,
        view=common_view(*(each.resolution for each in networks), **shape),
        output=common_view(**shape),
        latent_sizes=tuple(each.latent_size for each in networks),
        whole=lambda source, parts: shares.whole(parts, sources[source].generator),
    )
