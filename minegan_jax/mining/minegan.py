"""MineGAN: mine pretrained GANs (sections 3.2 and 3.3), then finetune them (section 3.4).

`mine` is MineGAN (w/o FT): miners and critic move, the generators are frozen. `finetune` goes on
from there; it is the same game, in which the generators move as well.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple, TypedDict

import flax.linen as nn
import jax
import jax.numpy as jnp

from minegan_jax.errors import InputError
from minegan_jax.mining import class_conditioning, method, miner
from minegan_jax.mining.method import MinedSource, TransferMethod
from minegan_jax.mining.noise import Noise, NoiseShape, zero_noise
from minegan_jax.mining.settings import GameSettings, MinerConfig
from minegan_jax.mining.supersamples import GameNetworks
from minegan_jax.mining.turns import adversarial_method
from minegan_jax.mining.view import View, make_view
from minegan_jax.nets.conditioning import class_table
from minegan_jax.nets.family import Networks
from minegan_jax.nets.function import as_function
from minegan_jax.nets.image_resize import Box, ImageShape, recolour
from minegan_jax.sources import Source
from minegan_jax.training import sharding
from minegan_jax.types import Images, Key, Params, Scores


class MinerShape(NamedTuple):
    """The miners' layers, see `mining.miner`."""

    depth: int = 4
    width: int = 256  # units of a hidden layer; for "prior", at least
    start: str = "prior"  # of miner.STARTS
    # Of a conditional source, see `mining.class_conditioning`; ALL mines them.
    classes: str = class_conditioning.ALL
    # Whether u draws a class, which M^z and M^c see; else they see a latent alone, as in Fig. 2.
    draws_class: bool = True
    space: str = "z"  # or "w", behind the mapping network of a source that has one, or "w+"


def shape_of(config: MinerConfig, classes: str = class_conditioning.ALL) -> MinerShape:
    """Reads the miners' layers off a config; `classes` as for `MinerShape`."""
    return MinerShape(
        depth=config.depth,
        width=config.width,
        start=config.start,
        classes=classes,
        draws_class=config.draws_class,
        space=config.space,
    )


class Critic(NamedTuple):
    """The one critic of a game."""

    criticise: Callable[..., Scores]  # of (params, images)
    start: Callable[[], Params]  # its first weights
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
    size = networks.resolution, networks.channels
    return Critic(criticise, lambda: source.critic, *size, group)


def fresh_critic(networks: Networks, key: Key, *, alone: bool = False) -> Critic:
    """Returns a critic that knows nothing yet.

    Args:
      networks: whose critic it is like.
      key: of its first weights.
      alone: as for `critic_of`.
    """
    size = networks.resolution, networks.channels
    group = 1 if alone else networks.group
    criticise = sharding.criticise(networks, alone=alone)
    return Critic(criticise, lambda: networks.init(key)[1], *size, group)


def in_grey(critic: Critic) -> Critic:
    """Returns a critic of colours that takes grey images, whose grey it sees as a colour."""

    def criticise(params: Params, images: Images, *labels: Any) -> Scores:
        return critic.criticise(params, recolour(images, critic.channels), *labels)

    return critic._replace(criticise=criticise, channels=1)


def view_of(
    sources: Sequence[Source],
    shape: ImageShape,
    boxes: Sequence[Box] = (),
    handed_out: ImageShape | None = None,
) -> View:
    """Returns how a critic that takes such images sees those of sources; see `make_view`."""
    own = [ImageShape(each.networks.resolution, each.networks.channels) for each in sources]
    return make_view(shape, own, boxes, handed_out)


def mine(
    sources: Sequence[Source],
    settings: GameSettings,
    shape: MinerShape,
    critic: Critic,
    boxes: Sequence[Box] = (),
) -> TransferMethod:
    """Learns a miner for each frozen generator, and the critic (eqs. 3 to 6).

    Args:
      sources: at least one.
      settings: of the game.
      shape: of the miners.
      critic: of all sources, whose images it gets at its own resolution and in its colours.
      boxes: in which it sees them, of each source; none are whole images.
    """

    def first_params(key: Key) -> dict[str, Any]:
        return {
            "miners": init_miners(sources, shape, key),
            "generators": tuple(source.generator for source in sources),
            "critic": critic.start(),
        }

    networks = _game_networks(sources, shape, critic, boxes)
    return adversarial_method(networks, settings, ("miners",), first_params)


def finetune(
    sources: Sequence[Source],
    settings: GameSettings,
    shape: MinerShape,
    critic: Critic,
    boxes: Sequence[Box] = (),
) -> TransferMethod:
    """Goes on from `mine` with miners, generators and critic moving together (section 3.4)."""
    networks = _game_networks(sources, shape, critic, boxes)
    return adversarial_method(networks, settings, ("miners", "generators"), None)


def init_miners(sources: Sequence[Source], shape: MinerShape, key: Key) -> tuple[Params, ...]:
    """Returns the weights that each source's miner starts from."""
    keys = jax.random.split(key, len(sources))
    return tuple(
        _miner(source, shape).init(key, *_first_inputs(source, shape))["params"]
        for source, key in zip(sources, keys, strict=True)
    )


def mined_sources(
    sources: Sequence[Source], shape: MinerShape, view: View
) -> tuple[MinedSource, ...]:
    """Returns the sources behind miners, for sampling alone.

    Args:
      sources: at least one.
      shape: of the miners.
      view: how their images are handed out and measured.
    """
    return method.mined_sources(view, **players(sources, shape))


def _miner(source: Source, shape: MinerShape) -> nn.Module:
    """Returns a source's miner: M, or M^z and M^c where its classes are mined."""
    networks = source.networks
    make = partial(miner.make_miner, depth=shape.depth, width=shape.width)
    if shape.space != "z":
        return make(networks.w_size, shape.start, copies=_num_ws(source, shape))
    latent = make(networks.latent_size, shape.start)
    if not class_conditioning.takes_part(networks, shape.classes):
        return latent
    table = class_table(source.generator, networks.num_classes)
    if not _noise(source, shape).num_classes:
        at_classes = miner.at_gaussian(table, networks.latent_size)
        return miner.PairedMiner(latent, make(networks.embedding_size, shape.start, at_classes))
    condition = make(networks.embedding_size, shape.start, miner.at_classes(table))
    return miner.ConditionalMiner(latent, condition, networks.num_classes)


def _num_ws(source: Source, shape: MinerShape) -> int:
    """Returns how many w a miner of w makes.

    Raises:
      InputError: the source has no w.
    """
    if not source.networks.w_size:
        raise InputError(
            f"source {source.name!r}: family {source.description['family']!r} has no mapping"
            f" network behind which to mine: expected miner.space 'z', found {shape.space!r}"
        )
    return source.networks.num_ws if shape.space == "w+" else 1


def _noise(source: Source, shape: MinerShape) -> NoiseShape:
    """Returns the shape of a source's u."""
    if not shape.draws_class or shape.start == "affine":
        return NoiseShape(source.networks.latent_size)
    return class_conditioning.noise_shape(source.networks, shape.classes)


def _first_inputs(source: Source, shape: MinerShape) -> tuple[jax.Array, ...]:
    """Returns zeros of what a miner's module takes."""
    if shape.space != "z":
        return (jnp.zeros((1, source.networks.w_size)),)
    return _inputs(zero_noise(1, _noise(source, shape)))


def _inputs(noise: Noise) -> tuple[jax.Array, ...]:
    """Returns the inputs of a miner's module."""
    return tuple(part for part in noise if part is not None)


def _mined(source: Source, shape: MinerShape) -> Callable[[Params, Params, Noise], Any]:
    """Returns a source's miner as a function of (params, its generator's, u)."""
    function = as_function(_miner(source, shape))
    if shape.space == "z":
        return lambda params, _, noise: function(params, *_inputs(noise))
    to_w, count = source.networks.to_w, _num_ws(source, shape)
    assert to_w is not None

    def of_w(params: Params, generator: Params, noise: Noise) -> jax.Array:
        moved: jax.Array = function(params, to_w(generator, *_of_class(noise, shape)))
        return moved.reshape(len(moved), count, -1) if count > 1 else moved  # (batch, ws, w)

    return of_w


def _of_class(noise: Noise, shape: MinerShape) -> tuple[jax.Array, ...]:
    """Returns a latent and, for a source of classes, the one that is asked for."""
    if shape.classes in (class_conditioning.ALL, class_conditioning.MEAN):
        return _inputs(noise)
    return noise.latents, jnp.full(len(noise.latents), int(shape.classes))


def _generator(source: Source, shape: MinerShape) -> Callable[..., Images]:
    """Returns a source's generator of (params, what its miner gives)."""
    if shape.space == "z":
        return class_conditioning.generator(source.networks, shape.classes)
    assert source.networks.synthesise is not None
    return source.networks.synthesise


class Players(TypedDict):
    """Each source's part in a game, or in sampling; names are those of `GameNetworks`."""

    miners: tuple[Callable[[Params, Params, Noise], Any], ...]
    generators: tuple[Callable[..., Images], ...]
    noise: tuple[NoiseShape, ...]
    truncates: tuple[bool, ...]


def players(sources: Sequence[Source], shape: MinerShape) -> Players:
    """Puts a miner in front of every generator."""
    return {
        "miners": tuple(_mined(source, shape) for source in sources),
        "generators": tuple(_generator(source, shape) for source in sources),
        "noise": tuple(_noise(source, shape) for source in sources),
        # A mean w is of the mapping network's own w: not of what a miner behind it makes.
        "truncates": tuple(s.networks.truncates and shape.space == "z" for s in sources),
    }


def _game_networks(
    sources: Sequence[Source], shape: MinerShape, critic: Critic, boxes: Sequence[Box]
) -> GameNetworks:
    """Returns all that play: the sources behind their miners, and the critic with its view."""
    return GameNetworks(
        **players(sources, shape),
        critic=critic.criticise,
        view=view_of(sources, ImageShape(critic.resolution, critic.channels), boxes),
        all_gather=lambda source, parts: sharding.all_gather(parts, sources[source].generator),
        group=critic.group,
    )
