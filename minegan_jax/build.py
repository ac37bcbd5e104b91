"""From a config to the phases it describes: the only place that matches on a method's name."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax

from minegan_jax import guides, sources
from minegan_jax.config import Config
from minegan_jax.errors import InputError
from minegan_jax.features import digits
from minegan_jax.features.extractor import Extractor
from minegan_jax.methods import (
    activation,
    batch_statistics,
    classes,
    classification,
    finetuning,
    mining,
    vae,
)
from minegan_jax.methods.base import Phase, TransferMethod
from minegan_jax.nets import family
from minegan_jax.nets.function import as_function
from minegan_jax.rules import (
    encoder_rules,
    fit_rules,
    game_rules,
    miner_shape,
    network_arguments,
)

LOG = logging.getLogger(__name__)
FRESH = "fresh"  # the critic that knows nothing yet
OTHERS_CRITIC = (
    "expected one, or for minegan another source's by --config.critic=NAME or DIRECTORY, or a fresh"
    " one by --config.critic=fresh"
)


class Experiment(NamedTuple):
    """What a config describes, built."""

    config: Config
    sources: tuple[sources.Source, ...]
    phases: tuple[Phase, ...]
    methods: Mapping[str, TransferMethod]  # by phase; a classifier's phase has none
    resolution: int  # in pixels
    channels: int  # 1 grey, 3 RGB
    critics_source: sources.Source | None = None  # whose critic the game starts from; mined or not
    guide: Extractor | None = None  # the frozen network that a baseline asks
    num_images: int | None = None  # training images that there must be; None takes any number


def build(config: Config) -> Experiment:
    """Builds what the config's method needs.

    Raises:
      InputError: an unknown method, source or family, or sources that cannot play together.
    """
    if config.method not in METHODS:
        raise InputError(f"unknown method {config.method!r}: expected {', '.join(METHODS)}")
    return METHODS[config.method](config)


def _minegan(config: Config) -> Experiment:
    loaded = _load_sources(config)
    critics_source = _critics_source(config, loaded)
    _check_colours(config, [*loaded, critics_source])
    critic = _critic(config, critics_source, len(loaded))
    rules = game_rules(config, _frozen(config, critics_source.networks))
    game = loaded, rules, miner_shape(config), critic
    methods = {"mine": mining.mine(*game)}
    if config.finetune_steps:  # without, this is MineGAN (w/o FT)
        methods["finetune"] = mining.finetune(*game)
    steps = {"mine": config.mine_steps, "finetune": config.finetune_steps}
    image_shape = critic.resolution, critic.channels
    phases = _phases(methods, steps)
    return Experiment(config, loaded, phases, methods, *image_shape, critics_source)


def _critics_source(config: Config, loaded: Sequence[sources.Source]) -> sources.Source:
    """Returns the source, mined or not, whose critic the config names."""
    if config.critic in ("", FRESH):
        return loaded[0]
    for source in loaded:
        if config.critic in (source.name, source.location):
            return source
    packaged = sources.packaged_sources()
    if config.critic in packaged or Path(config.critic).is_dir():
        return sources.load_source(config.critic)
    known = dict.fromkeys([*(source.name for source in loaded), *packaged])
    raise InputError(
        f"no critic {config.critic!r}: expected {FRESH!r}, a directory of a source or one of"
        f" {', '.join(known)}"
    )


def _critic(config: Config, source: sources.Source, num_sources: int) -> mining.Critic:
    """Returns the critic of a source, or a fresh one like it."""
    alone = num_sources > 1
    if config.critic != FRESH:
        return mining.critic_of(_with_critic(source), alone=alone)
    name = source.description["family"]
    if family.FAMILIES[name].critic is None:
        raise InputError(f"source {source.name!r}: family {name!r} has no critic: {OTHERS_CRITIC}")
    return mining.fresh_critic(source, jax.random.key(config.seed), alone=alone)


def _with_critic(source: sources.Source) -> sources.Source:
    """Returns the source if it has a critic."""
    if source.critic:
        return source
    raise InputError(f"source {source.name!r} has no critic: {OTHERS_CRITIC}")


def _frozen(config: Config, networks: family.Networks) -> tuple[str, ...]:
    """Returns the critic's layers that the config freezes."""
    count = config.freeze_critic_layers
    if not count:
        return ()
    layers = networks.critic_layers()
    if count >= len(layers):
        raise InputError(
            f"freeze_critic_layers: expected fewer than the critic's {len(layers)}, found {count}"
        )
    return layers[:count]


def _transfergan(config: Config) -> Experiment:
    source = _with_critic(_one_source(config))
    rules = game_rules(config, _frozen(config, source.networks))
    methods = {"finetune": finetuning.transfergan(source, rules, config.classes)}
    networks, phases = source.networks, _phases(methods, {"finetune": config.finetune_steps})
    return Experiment(config, (source,), phases, methods, networks.resolution, networks.channels)


def _scratch(config: Config) -> Experiment:
    networks = _fresh(config)
    method = finetuning.scratch(networks, game_rules(config), labelled=config.num_classes > 0)
    phase = Phase("scratch", config.train_steps, method.learner)
    return Experiment(config, (), (phase,), {"scratch": method}, config.resolution, config.channels)


def _fresh(config: Config) -> family.Networks:
    """Builds networks that start from nothing."""
    return family.build(config.family, network_arguments(config))


def _bsa(config: Config) -> Experiment:
    source, guide = _one_source(config), guides.load_perceptual(config)
    if not batch_statistics.adapts(source.generator):
        raise InputError(
            f"source {source.name!r}: family {source.description['family']!r} has no normalisations"
            " for bsa to scale and shift: expected one of biggan, biggan_deep, sngan"
        )
    if config.max_images is None or config.flip:
        raise InputError(
            "bsa learns a latent for each training image: expected --config.max_images=NUMBER, how"
            " many there are, and --config.flip=False"
        )
    method = batch_statistics.bsa(
        source,
        fit_rules(config, guides.maps(guide)),
        num_images=config.max_images,
        latent_rate=config.miner_learning_rate,
        truncation=config.truncation,
        of_classes=config.classes,
    )
    methods, networks = {"bsa": method}, source.networks
    phases = _phases(methods, {"bsa": config.finetune_steps})
    shape = networks.resolution, networks.channels
    return Experiment(
        config, (source,), phases, methods, *shape, guide=guide, num_images=config.max_images
    )


def _vae(config: Config) -> Experiment:
    networks, guide = _fresh(config), guides.load_perceptual(config)
    rules = fit_rules(config, guides.maps(guide))
    method = vae.vae(networks, config.width, rules, kl_weight=config.kl_weight)
    phases = _phases({"vae": method}, {"vae": config.train_steps})
    shape = config.resolution, config.channels
    return Experiment(config, (), phases, {"vae": method}, *shape, guide=guide)


def _dgn_am(config: Config) -> Experiment:
    source, classifier = _one_source(config), guides.load_classifier(config)
    method = activation.dgn_am(source, guides.goal(config, classifier), config.classes)
    return _searched(config, source, classifier, method, num_steps=0)


def _ppgn(config: Config) -> Experiment:
    source, classifier = _one_source(config), guides.load_classifier(config)
    goal, rules = guides.goal(config, classifier), encoder_rules(config)
    method = activation.ppgn(source, goal, rules, config.classes)
    return _searched(config, source, classifier, method, num_steps=config.train_steps)


def _searched(
    config: Config,
    source: sources.Source,
    classifier: Extractor,
    method: TransferMethod,
    *,
    num_steps: int,
) -> Experiment:
    """Returns an experiment of one phase, called like its method."""
    phase = Phase(config.method, num_steps, method.learner)
    shape = source.networks.resolution, source.networks.channels
    methods = {phase.name: method}
    return Experiment(config, (source,), (phase,), methods, *shape, guide=classifier)


def _one_source(config: Config) -> sources.Source:
    """Returns the source of a method that takes one."""
    loaded = _load_sources(config)
    if len(loaded) > 1:
        raise InputError(f"{config.method} starts from one source, found {len(loaded)}")
    return loaded[0]


def _classifier(config: Config) -> Experiment:
    network = digits.DigitsClassifier(config.width, config.num_features)
    look = as_function(network)
    learner = classification.classification(
        lambda key: digits.init_classifier(network, key),
        lambda params, images: look(params, images)[1],
        num_steps=config.train_steps,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
    )
    return Experiment(config, (), (Phase("classifier", config.train_steps, learner),), {}, 28, 1)


METHODS: dict[str, Callable[[Config], Experiment]] = {
    "minegan": _minegan,
    "transfergan": _transfergan,
    "scratch": _scratch,
    "bsa": _bsa,
    "vae": _vae,
    "dgn_am": _dgn_am,
    "ppgn": _ppgn,
    "classifier": _classifier,
}


def _load_sources(config: Config) -> tuple[sources.Source, ...]:
    """Loads the sources and checks that they make images."""
    if not config.sources:
        raise InputError(f"method {config.method!r} needs at least one source, found none")
    loaded = _named_apart(sources.load_source(name) for name in config.sources)
    for source in loaded:
        if not source.generator:
            raise InputError(f"source {source.name!r} has no generator: expected one in each")
    broken = [source.name for source in loaded if not sources.makes_images(source)]
    if broken and not config.exclude_broken:
        raise InputError(
            f"source {', '.join(broken)} makes images that are not finite: expected numbers in"
            " [-1, 1]; --config.exclude_broken=True leaves it out"
        )
    loaded = tuple(source for source in loaded if source.name not in broken)
    _check_classes(config, loaded)
    if not loaded:
        raise InputError(f"no source is left: {', '.join(broken)} make no finite images")
    return loaded


def _check_classes(config: Config, loaded: Sequence[sources.Source]) -> None:
    """Makes sure that the sources have the classes that the config asks for."""
    asked = config.classes
    if asked in (classes.ALL, classes.MEAN):
        return
    for source in loaded:
        count = source.networks.num_classes
        known = f"{classes.ALL}, {classes.MEAN}" + (
            f" or a number from 0 to {count - 1}" * (count > 0)
        )
        if not asked.isdecimal() or int(asked) >= count:
            raise InputError(
                f"classes {asked!r} of source {source.name!r}, which has {count}: expected {known}"
            )


def _check_colours(config: Config, seen: Sequence[sources.Source]) -> None:
    """Makes sure that sources of one game, its critic's last, make images of the same colours."""
    channels = [source.networks.channels for source in seen]
    if len(set(channels)) > 1 and config.colour != "convert":
        names = dict.fromkeys(f"{source.name} {source.networks.channels}" for source in seen)
        raise InputError(
            f"sources of grey and of colour images (channels: {', '.join(names)}): expected one"
            " kind, or --config.colour=convert"
        )


def _named_apart(loaded: Iterable[sources.Source]) -> tuple[sources.Source, ...]:
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


def _phases(methods: Mapping[str, TransferMethod], steps: Mapping[str, int]) -> tuple[Phase, ...]:
    """Lines the methods up as phases."""
    return tuple(Phase(name, steps[name], method.learner) for name, method in methods.items())
