"""From a config to the phases it describes: the only place that matches on a method's name."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from minegan_jax import sources
from minegan_jax.config import Config
from minegan_jax.errors import InputError
from minegan_jax.features import digits
from minegan_jax.methods import classification, finetuning, mining
from minegan_jax.methods.adversarial import Rules
from minegan_jax.methods.base import Phase, TransferMethod
from minegan_jax.nets import family
from minegan_jax.nets.function import as_function


class Experiment(NamedTuple):
    """What a config describes, built."""

    config: Config
    sources: tuple[sources.Source, ...]
    phases: tuple[Phase, ...]
    methods: Mapping[str, TransferMethod]  # by phase; a classifier's phase has none
    resolution: int  # in pixels
    channels: int  # 1 grey, 3 RGB


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
    shape, rules = miner_shape(config), _rules(config)
    methods = {"mine": mining.mine(loaded, rules, shape)}
    if config.finetune_steps:  # without, this is MineGAN (w/o FT)
        methods["finetune"] = mining.finetune(loaded, rules, shape)
    steps = {"mine": config.mine_steps, "finetune": config.finetune_steps}
    return _of_sources(config, loaded, methods, steps)


def _transfergan(config: Config) -> Experiment:
    loaded = _load_sources(config)
    if len(loaded) > 1:
        raise InputError(f"transfergan starts from one source, found {len(loaded)}")
    methods = {"finetune": finetuning.transfergan(loaded[0], _rules(config))}
    return _of_sources(config, loaded, methods, {"finetune": config.finetune_steps})


def _scratch(config: Config) -> Experiment:
    networks = family.build(config.family, network_arguments(config))
    method = finetuning.scratch(networks, _rules(config))
    phase = Phase("scratch", config.train_steps, method.learner)
    return Experiment(config, (), (phase,), {"scratch": method}, config.resolution, config.channels)


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
    "classifier": _classifier,
}


def _load_sources(config: Config) -> tuple[sources.Source, ...]:
    """Loads the sources and checks that one critic can judge them all."""
    if not config.sources:
        raise InputError(f"method {config.method!r} needs at least one source, found none")
    loaded = tuple(sources.load_source(name) for name in config.sources)
    if not loaded[0].critic:
        raise InputError(f"source {loaded[0].name!r} has no critic: the first source needs one")
    first = loaded[0].networks
    for source in loaded:
        if not source.generator:
            raise InputError(f"source {source.name!r} has no generator: expected one in each")
        shape = (source.networks.resolution, source.networks.channels)
        if shape != (first.resolution, first.channels):
            raise InputError(
                f"source {source.name!r} makes images of (resolution, channels) {shape}, expected"
                f" {(first.resolution, first.channels)} as source {loaded[0].name!r} does"
            )
    return loaded


def _of_sources(
    config: Config,
    loaded: tuple[sources.Source, ...],
    methods: dict[str, TransferMethod],
    steps: dict[str, int],
) -> Experiment:
    """Lines the methods up as phases; the sources say how large the images are."""
    phases = tuple(Phase(name, steps[name], method.learner) for name, method in methods.items())
    networks = loaded[0].networks
    return Experiment(config, loaded, phases, methods, networks.resolution, networks.channels)


def _rules(config: Config) -> Rules:
    """Reads the game's rules off the config."""
    return Rules(
        learning_rates={
            "miners": config.miner_learning_rate,
            "generators": config.learning_rate,
            "critic": config.critic_learning_rate,
        },
        betas=(config.beta1, config.beta2),
        batch_size=config.batch_size,
        critic_turns=config.critic_turns,
        penalty_weight=config.penalty_weight,
        average_decay=config.average_decay,
    )


def network_arguments(config: Config) -> dict[str, int]:
    """Reads the arguments of fresh networks off the config."""
    return {
        name: getattr(config, name) for name in ("resolution", "channels", "width", "latent_size")
    }


def miner_shape(config: Config) -> mining.MinerShape:
    """Reads the miners' layers off the config."""
    return mining.MinerShape(config.miner_depth, config.miner_width, config.miner_start)
