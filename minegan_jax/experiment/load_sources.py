"""The sources, and the critic, that a config names: loaded, and checked to suit each other."""

import logging
from collections.abc import Callable, Iterable, Sequence

from minegan_jax import sources
from minegan_jax.config import Config
from minegan_jax.errors import InputError
from minegan_jax.files import as_path
from minegan_jax.mining import class_conditioning
from minegan_jax.nets import family

LOG = logging.getLogger(__name__)
FRESH = "fresh"  # the critic that knows nothing yet
OTHERS_CRITIC = (
    "expected one, or another source's by game.critic=NAME or DIRECTORY, or a fresh one by"
    " game.critic=fresh"
)


Load = Callable[[str], sources.Source]  # of a source's name or directory


def load_sources(config: Config, load: Load) -> tuple[sources.Source, ...]:
    """Loads the sources and checks that they make images, if their weights are there."""
    if not config.sources:
        raise InputError(f"method {config.method!r} needs at least one source, found none")
    loaded = named_apart(map(load, config.sources))
    for source in loaded:
        if not source.generator:
            raise InputError(f"source {source.name!r} has no generator: expected one in each")
    broken = [s.name for s in loaded if s.has_weights and not sources.makes_images(s)]
    if broken and not config.exclude_broken:
        raise InputError(
            f"source {', '.join(broken)} makes images that are not finite: expected numbers in"
            " [-1, 1]; exclude_broken=True leaves it out"
        )
    loaded = tuple(source for source in loaded if source.name not in broken)
    _check_classes(config, loaded)
    if not loaded:
        raise InputError(f"no source is left: {', '.join(broken)} make no finite images")
    return loaded


def _check_classes(config: Config, loaded: Sequence[sources.Source]) -> None:
    """Makes sure that the sources have the classes that the config asks for."""
    asked = config.classes
    if asked in (class_conditioning.ALL, class_conditioning.MEAN):
        return
    for source in loaded:
        count = source.networks.num_classes
        known = f"{class_conditioning.ALL}, {class_conditioning.MEAN}" + (
            f" or a number from 0 to {count - 1}" * (count > 0)
        )
        if not asked.isdecimal() or int(asked) >= count:
            raise InputError(
                f"classes {asked!r} of source {source.name!r}, which has {count}: expected {known}"
            )


def check_colours(config: Config, seen: Sequence[sources.Source]) -> None:
    """Makes sure that sources of one game, its critic's last, make images of the same colours."""
    channels = [source.networks.channels for source in seen]
    said = config.target.colour == "convert" or config.view.channels
    if len(set(channels)) > 1 and not said:
        names = dict.fromkeys(f"{source.name} {source.networks.channels}" for source in seen)
        raise InputError(
            f"sources of grey and of colour images (channels: {', '.join(names)}): expected one"
            " kind, or target.colour=convert, or view.channels=1 or 3"
        )


def named_apart(loaded: Iterable[sources.Source]) -> tuple[sources.Source, ...]:
    """Gives a source that is there twice a name of its own, and says so."""
    apart: dict[str, sources.Source] = {}
    for source in loaded:
        name, number = source.name, 2
        while name in apart:
            name, number = f"{source.name}_{number}", number + 1
        if name != source.name:
            LOG.warning("source %r is there more than once: this one is %r", source.name, name)
        apart[name] = source._replace(name=name)
    return tuple(apart.values())


def one_source(config: Config, load: Load) -> sources.Source:
    """Returns the source of a method that takes one."""
    loaded = load_sources(config, load)
    if len(loaded) > 1:
        raise InputError(f"{config.method} starts from one source, found {len(loaded)}")
    return loaded[0]


def critics_source(config: Config, loaded: Sequence[sources.Source], load: Load) -> sources.Source:
    """Returns the source, mined or not, whose critic the config names."""
    asked = config.game.critic
    if asked in (None, FRESH):
        return loaded[0]
    for source in loaded:
        if asked in (source.name, source.location):
            return source
    packaged = sources.packaged_sources()
    if asked in packaged or as_path(asked).is_dir():
        return load(asked)
    known = dict.fromkeys([*(source.name for source in loaded), *packaged])
    raise InputError(
        f"no critic {asked!r}: expected {FRESH!r}, a directory of a source or one of"
        f" {', '.join(known)}"
    )


def check_groups(config: Config, group: int) -> None:
    """Makes sure that the parts of a minibatch are whole groups of images that a critic compares.

    Args:
      config: says how large parts are.
      group: images that the critic compares; 1 if it scores each by itself.
    """
    run = config.run
    size, part = min(group, run.batch_size), run.batch_size // run.accumulation_steps
    if run.accumulation_steps > 1 and part % size:
        raise InputError(
            f"run.accumulation_steps={run.accumulation_steps} leaves parts of {part} images, of"
            f" which the critic compares {size}: expected parts of a multiple of that"
        )


def with_critic(source: sources.Source) -> sources.Source:
    """Returns the source if it has a critic."""
    if source.critic:
        return source
    raise InputError(f"source {source.name!r} has no critic: {OTHERS_CRITIC}")


def frozen(config: Config, networks: family.Networks, *, is_fresh: bool) -> tuple[str, ...]:
    """Returns the critic's layers that the config freezes."""
    count = config.game.freeze_critic_layers
    if not count:
        return ()
    if is_fresh:
        raise InputError(
            f"game.freeze_critic_layers: a {FRESH} critic's layers know nothing to keep: expected"
            " 0, or a source's critic"
        )
    layers = networks.critic_layers()
    if count >= len(layers):
        raise InputError(
            f"game.freeze_critic_layers: expected fewer than the critic's {len(layers)}, found"
            f" {count}"
        )
    return layers[:count]
