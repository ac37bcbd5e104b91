"""MineGAN: mine pretrained GANs (sections 3.2 and 3.3), then finetune them (section 3.4).

`mine` is MineGAN (w/o FT): miners and critic move, the generators are frozen. `finetune` goes on
from there; it is the same game, in which the generators move as well.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from minegan_jax.mining import class_conditioning, miner
from minegan_jax.mining.game import Rules
from minegan_jax.mining.method import TransferMethod
from minegan_jax.mining.supersamples import Cast
from minegan_jax.mining.turns import adversarial_method
from minegan_jax.nets.conditioning import class_table
from minegan_jax.nets.function import as_function
from minegan_jax.nets.image_resize import common_view
from minegan_jax.sources import Source
from minegan_jax.training import sharding
from minegan_jax.types import Key, Params, Scores


class MinerShape(NamedTuple):
    """The miners' layers, see `mining.miner`."""

    depth: int = 4
    width: int = 256  # units of a hidden layer; for "prior", at least
    start: str = "prior"  # of miner.STARTS
    # Of a conditional source, see `mining.class_conditioning`; ALL mines them.
    classes: str = class_conditioning.ALL


class Critic(NamedTuple):
    """The one critic of a game."""

    criticise: Callable[..., Scores]  # of (params, images)
    params: Params  # it starts from
    resolution: int  # of the images it takes, in pixels
    channels: int  # 1 grey, 3 RGB
    group: int = 1  # images that it compares


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
    criticise = sharding.criticise(networks, alone=alone)
    group = 1 if alone else networks.group
    return Critic(criticise, source.critic, networks.resolution, networks.channels, group)


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
    modules = [_miner(source, shape) for source in sources]

    def first_params(key: Key) -> dict[str, Any]:
        keys = jax.random.split(key, len(modules))
        return {
            "miners": tuple(
                module.init(key, jnp.zeros((1, _draws_size(source, shape))))["params"]
                for source, module, key in zip(sources, modules, keys, strict=True)
            ),
            "generators": tuple(source.generator for source in sources),
            "critic": critic.params,
        }

    cast = _cast(sources, modules, shape, critic)
    return adversarial_method(cast, rules, ("miners",), first_params)


def finetune(
    sources: Sequence[Source], rules: Rules, shape: MinerShape, critic: Critic
) -> TransferMethod:
    """Goes on from `mine` with miners, generators and critic moving together (section 3.4)."""
    modules = [_miner(source, shape) for source in sources]
    cast = _cast(sources, modules, shape, critic)
    return adversarial_method(cast, rules, ("miners", "generators"), None)


def _miner(source: Source, shape: MinerShape) -> nn.Module:
    """Returns a source's miner: M, or M^z and M^c where its classes are mined."""
    networks = source.networks
    make = partial(miner.make_miner, depth=shape.depth, width=shape.width)
    latent = make(networks.latent_size, shape.start, miner.at_prior(networks.latent_size))
    if not class_conditioning.takes_part(networks, shape.classes):
        return latent
    table = class_table(source.generator, networks.num_classes)
    condition = make(networks.embedding_size, shape.start, miner.at_classes(table))
    if not miner.names_classes(shape.start):
        return miner.PairedMiner(latent, condition)
    return miner.ConditionalMiner(latent, condition, networks.num_classes)


def _draws_size(source: Source, shape: MinerShape) -> int:
    """Returns the length of a source's u."""
    if not miner.names_classes(shape.start):
        return source.networks.latent_size
    return class_conditioning.draws_size(source.networks, shape.classes)


def _cast(
    sources: Sequence[Source], modules: Sequence[nn.Module], shape: MinerShape, critic: Critic
) -> Cast:
    """Puts a miner in front of every generator."""
    networks = [source.networks for source in sources]
    image_shape = {"resolution": critic.resolution, "channels": critic.channels}
    return Cast(
        miners=tuple(as_function(module) for module in modules),
        generators=tuple(class_conditioning.generator(each, shape.classes) for each in networks),
        critic=critic.criticise,
        view=common_view(*(each.resolution for each in networks), **image_shape),
        output=common_view(**image_shape),
        latent_sizes=tuple(_draws_size(source, shape) for source in sources),
        classed=tuple(
            i for i, n in enumerate(networks) if class_conditioning.takes_part(n, shape.classes)
        ),
        whole=lambda source, parts: sharding.whole(parts, sources[source].generator),
        group=critic.group,
    )
