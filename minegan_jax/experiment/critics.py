"""The critic of a config's game, its own or a fresh one, and the view in which it sees images."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax

from minegan_jax import sources
from minegan_jax.config import Config
from minegan_jax.errors import InputError
from minegan_jax.experiment import load_sources
from minegan_jax.mining import minegan
from minegan_jax.mining.view import View, read_boxes
from minegan_jax.nets import dcgan_stack, family
from minegan_jax.nets.image_resize import Box, ImageShape

TargetShape = Callable[[], ImageShape]  # of the target's first image, which is read when asked for
LEAST = 5  # pixels of a view
WIDTH, WIDEST = 32, 512  # channels of a plain fresh critic's first map, and of any map at most


class Judge(NamedTuple):
    """The critic of a game and how it sees images."""

    critic: minegan.Critic
    networks: family.Networks  # whose critic it is
    boxes: tuple[Box, ...]  # of each source
    view: View
    is_fresh: bool
    config: Config  # that says the fresh critic's view


def judge(
    config: Config,
    loaded: Sequence[sources.Source],
    critics_source: sources.Source,
    target_shape: TargetShape | None,
) -> Judge:
    """Returns the critic that a config names.

    It is a source's own, or a fresh one where the config wants that or names none and the first
    source has none. A fresh one is of its source's family where it sees images as large and as
    colourful as those, and else a plain DCGAN's.

    Args:
      config: of the run.
      loaded: the sources.
      critics_source: the source whose critic it is, or whose family a fresh one is of.
      target_shape: of the target's images, for a fresh critic's view; None leaves it to the
        sources.

    Raises:
      InputError: a critic or boxes that the config's sources do not have.
    """
    boxes = boxes_of(config, loaded)
    is_fresh = config.game.critic == load_sources.FRESH
    is_fresh |= config.game.critic is None and not critics_source.critic
    alone = len(loaded) > 1
    if is_fresh:
        shape = _fresh_shape(config, loaded, boxes, target_shape)
        networks = _fresh_networks(critics_source, shape)
        critic = minegan.fresh_critic(networks, jax.random.key(config.run.seed), alone=alone)
        view = dataclasses.replace(config.view, **shape._asdict())
        config = dataclasses.replace(config, view=view)
    else:
        networks = load_sources.with_critic(critics_source).networks
        shape = ImageShape(networks.resolution, networks.channels)
        _check_asked(config, critics_source.name, shape)
        critic = minegan.critic_of(critics_source, alone=alone)
        if _sees_grey(config, shape, target_shape):
            critic, shape = minegan.in_grey(critic), shape._replace(channels=1)
            config = dataclasses.replace(config, view=dataclasses.replace(config.view, channels=1))
    view_of_game = minegan.view_of(loaded, shape, boxes)
    return Judge(critic, networks, boxes, view_of_game, is_fresh, config)


def first_warmup(config: Config, *, is_fresh: bool) -> Config:
    """Returns the config of a game's first phase, whose players wait for a fresh critic."""
    if not is_fresh:
        return config
    steps = max(config.game.warmup_steps, config.game.fresh_warmup_steps)
    return dataclasses.replace(config, game=dataclasses.replace(config.game, warmup_steps=steps))


def boxes_of(config: Config, loaded: Sequence[sources.Source]) -> tuple[Box, ...]:
    """Returns the boxes of the sources, of which some may have been left out as broken.

    Raises:
      InputError: there are not four numbers for each.
    """
    numbers, left = config.view.boxes, {source.location for source in loaded}
    size = len(Box._fields)
    if len(numbers) == size * len(config.sources):
        parts = (numbers[size * at : size * (at + 1)] for at in range(len(config.sources)))
        pairs = zip(config.sources, parts, strict=True)
        numbers = tuple(number for name, box in pairs if name in left for number in box)
    return read_boxes(numbers, len(loaded))


def _check_asked(config: Config, name: str, taken: ImageShape) -> None:
    """Makes sure that a source's critic can see what the config wants: grey it always can."""
    for field, number in taken._asdict().items():
        asked = getattr(config.view, field)
        if asked not in (None, number) and (field, asked) != ("channels", 1):
            raise InputError(
                f"view.{field}={asked}: the critic of source {name!r} takes {number}: expected"
                f" that, or a fresh critic by game.critic={load_sources.FRESH}"
            )


def _sees_grey(config: Config, taken: ImageShape, target_shape: TargetShape | None) -> bool:
    """Says whether a critic of colours sees grey images, as all are where the target's are."""
    if taken.channels == 1 or config.view.channels:
        return taken.channels > 1 and config.view.channels == 1
    if target_shape is None or config.target.colour == "convert":
        return False
    return target_shape().channels == 1


def _fresh_shape(
    config: Config,
    loaded: Sequence[sources.Source],
    boxes: Sequence[Box],
    target_shape: TargetShape | None,
) -> ImageShape:
    """Returns a fresh critic's image shape: no larger than those of sources and target.

    A target that may be enlarged or recoloured does not count.
    """
    view, target = config.view, config.target
    if view.resolution and view.channels:
        return ImageShape(view.resolution, view.channels)
    pairs = zip(boxes, loaded, strict=True)
    pixels = [box.pixels(source.networks.resolution) for box, source in pairs]
    channels = [source.networks.channels for source in loaded]
    if target_shape and not (target.enlarge and target.colour == "convert"):
        first = target_shape()
        pixels += [] if target.enlarge else [first.resolution]
        channels += [] if target.colour == "convert" else [first.channels]
    return ImageShape(view.resolution or max(LEAST, min(pixels)), view.channels or min(channels))


def _fresh_networks(source: sources.Source, shape: ImageShape) -> family.Networks:
    """Returns the networks whose critic a fresh one is like."""
    networks = source.networks
    if networks.has_critic and shape == (networks.resolution, networks.channels):
        return networks
    return family.build("dcgan_stack", plain_critic(shape))


def plain_critic(shape: ImageShape) -> dict[str, object]:
    """Returns the arguments of a DCGAN whose critic normalises nothing.

    Statistics of images that a fresh critic has not seen yet would be of no use to it, and a
    gradient penalty forbids those of a batch (Gulrajani et al. 2017, section 4).
    """
    smallest, *sizes = dcgan_stack.map_sizes(shape.resolution)
    hidden = [
        dcgan_stack.Layer(
            *(dcgan_stack.CONV, min(WIDTH << number, WIDEST), 4, 2, (1, 1)),
            bias=True,
            activation=dcgan_stack.LEAKY_RELU,
        )
        for number in range(len(sizes))
    ]
    layers = [*hidden, dcgan_stack.Layer(dcgan_stack.CONV, 1, window=smallest)]
    # The generator beside it is never used: it is as small as one gets.
    unused = {"latent_size": 1, "width": 1}
    return {**shape._asdict(), **unused, "critic_layers": dcgan_stack.described(layers)}
