"""From a config to the phases it describes: the only place that matches on a method's name."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from minegan_jax import sources
from minegan_jax.baselines import bsa, dgn_am_ppgn, transfergan, vae
from minegan_jax.baselines.classifier import classification
from minegan_jax.baselines.settings import ReconstructionSettings
from minegan_jax.config import Config
from minegan_jax.errors import InputError
from minegan_jax.experiment import critics, load_classifiers, load_sources, used_fields
from minegan_jax.features import classifier as classifiers
from minegan_jax.features.extractor import Extractor
from minegan_jax.mining import minegan
from minegan_jax.mining.game import ema_start_share
from minegan_jax.mining.method import TransferMethod
from minegan_jax.mining.settings import GameSettings
from minegan_jax.mining.view import View
from minegan_jax.nets import family
from minegan_jax.nets.function import as_function
from minegan_jax.nets.image_resize import ImageShape
from minegan_jax.nets.settings import NetworkConfig
from minegan_jax.training.learner import Phase

MOST_LEFT = 0.05  # of a phase's start in the EMA that samples after it


class Experiment(NamedTuple):
    """What a config describes, built."""

    config: Config
    sources: tuple[sources.Source, ...]
    phases: tuple[Phase, ...]
    methods: Mapping[str, TransferMethod]  # by phase; a classifier's phase has none
    resolution: int  # of what is measured and of the target, in pixels
    channels: int  # 1 grey, 3 RGB
    critics_source: sources.Source | None = None  # whose critic the game starts from; mined or not
    guide: Extractor | None = None  # the frozen network that a baseline asks
    num_images: int | None = None  # training images that there must be; None takes any number
    view: View | None = None  # of a game of sources; others hand out what they measure
    fresh_critic: bool = False
    other_critic: bool = False  # whether the game's critic is of other networks than its source's

    @property
    def handed_out(self) -> ImageShape:
        """The shape in which a user gets images."""
        return self.view.handed_out if self.view else ImageShape(self.resolution, self.channels)


def build(
    config: Config,
    load: load_sources.Load = sources.load_source,
    target_shape: critics.TargetShape | None = None,
) -> Experiment:
    """Builds what the config's method needs.

    Args:
      config: of the run.
      load: loads a source by what the config calls it.
      target_shape: of the target's images, which a fresh critic's view follows; None leaves it to
        the sources.

    Raises:
      InputError: an unknown method, source or family, or sources that cannot play together.
    """
    if config.method not in used_fields.READ:
        expected = ", ".join(used_fields.READ)
        raise InputError(f"unknown method {config.method!r}: expected {expected}")
    if config.method in GAMES:
        return GAMES[config.method](config, load, target_shape)
    return METHODS[config.method](config, load)


def turns(config: Config) -> int:
    """Returns how many minibatches of real images a step takes: a game's critic has several."""
    has_critic = "game.critic_steps" in used_fields.READ[config.method]
    return config.game.critic_steps if has_critic else 1


def lagging_emas(experiment: Experiment) -> Iterator[str]:
    """Yields a line for each phase that ends with too much of its start in the EMA."""
    config = experiment.config
    for phase in experiment.phases:
        is_fresh = experiment.fresh_critic and phase == experiment.phases[0]
        waits = critics.first_warmup(config, is_fresh=is_fresh).game.warmup_steps
        moves = max(phase.num_steps - waits, 0)
        left = ema_start_share(config.game.ema_decay, moves)
        averages = phase.name in experiment.methods and experiment.methods[phase.name].ema
        if averages and phase.num_steps and left > MOST_LEFT:
            yield (
                f"{phase.name}: its EMA will keep {100 * left:.0f} % of the weights that the phase"
                f" starts from, as players move in {moves} of {phase.num_steps} steps: take more"
                " steps, or sample with --weights=raw"
            )


def _minegan(
    config: Config, load: load_sources.Load, target_shape: critics.TargetShape | None
) -> Experiment:
    loaded = load_sources.load_sources(config, load)
    critics_source = load_sources.critics_source(config, loaded, load)
    load_sources.check_colours(config, [*loaded, critics_source])
    judge = critics.judge(config, loaded, critics_source, target_shape)
    shape = minegan.shape_of(config.miner, config.classes)
    first, later = _settings(config, judge)
    methods = {"mine": minegan.mine(loaded, first, shape, judge.critic, judge.boxes)}
    if config.run.finetune_steps:  # without, this is MineGAN (w/o FT)
        methods["finetune"] = minegan.finetune(loaded, later, shape, judge.critic, judge.boxes)
    steps = {"mine": config.run.mine_steps, "finetune": config.run.finetune_steps}
    return _game(judge, loaded, critics_source, methods, steps)


def _transfergan(
    config: Config, load: load_sources.Load, target_shape: critics.TargetShape | None
) -> Experiment:
    source = load_sources.one_source(config, load)
    critics_source = load_sources.critics_source(config, [source], load)
    load_sources.check_colours(config, [source, critics_source])
    judge = critics.judge(config, [source], critics_source, target_shape)
    settings, _ = _settings(config, judge)
    method = transfergan.transfergan(source, settings, config.classes, judge.critic, judge.boxes)
    steps = {"finetune": config.run.finetune_steps}
    return _game(judge, (source,), critics_source, {"finetune": method}, steps)


def _settings(config: Config, judge: critics.Judge) -> tuple[GameSettings, GameSettings]:
    """Returns the settings of a game's first phase, and those of a later one."""
    load_sources.check_groups(config, judge.critic.group)
    frozen = load_sources.frozen(config, judge.networks, is_fresh=judge.is_fresh)
    first = critics.first_warmup(config, is_fresh=judge.is_fresh)
    return first.game_settings(frozen), config.game_settings(frozen)


def _game(
    judge: critics.Judge,
    loaded: tuple[sources.Source, ...],
    critics_source: sources.Source,
    methods: Mapping[str, TransferMethod],
    steps: Mapping[str, int],
) -> Experiment:
    """Returns the experiment of a game of sources."""
    return Experiment(
        judge.config,
        loaded,
        _phases(methods, steps),
        methods,
        *judge.view.shape,
        critics_source=critics_source,
        view=judge.view,
        fresh_critic=judge.is_fresh,
        other_critic=judge.networks is not loaded[0].networks,
    )


def _scratch(config: Config, load: load_sources.Load) -> Experiment:
    del load
    networks = _fresh(config)
    load_sources.check_groups(config, networks.group)
    labelled = config.network.num_classes > 0
    method = transfergan.scratch(networks, config.game_settings(), labelled=labelled)
    phase = Phase("scratch", config.run.train_steps, method.learner)
    shape = networks.resolution, networks.channels
    return Experiment(config, (), (phase,), {"scratch": method}, *shape)


def _fresh(config: Config) -> family.Networks:
    """Builds networks that start from nothing."""
    return family.build(config.network.family, family.arguments_of(config.network))


def _bsa(config: Config, load: load_sources.Load) -> Experiment:
    source, guide = load_sources.one_source(config, load), load_classifiers.load_perceptual(config)
    if not bsa.adapts(source.generator):
        raise InputError(
            f"source {source.name!r}: family {source.description['family']!r} has no normalisations"
            " for bsa to scale and shift: expected one of biggan, biggan_deep, sngan"
        )
    if config.target.max_images is None or config.target.flip:
        raise InputError(
            "bsa learns a latent for each training image: expected target.max_images=NUMBER, how"
            " many there are, and target.flip=False"
        )
    method = bsa.bsa(
        source,
        _reconstruction(config, guide),
        num_images=config.target.max_images,
        of_classes=config.classes,
    )
    methods, networks = {"bsa": method}, source.networks
    phases = _phases(methods, {"bsa": config.run.finetune_steps})
    shape = networks.resolution, networks.channels
    return Experiment(
        config, (source,), phases, methods, *shape, guide=guide, num_images=config.target.max_images
    )


def _vae(config: Config, load: load_sources.Load) -> Experiment:
    del load
    networks, guide = _fresh(config), load_classifiers.load_perceptual(config)
    method = vae.vae(networks, config.network.width, _reconstruction(config, guide))
    phases = _phases({"vae": method}, {"vae": config.run.train_steps})
    shape = networks.resolution, networks.channels
    return Experiment(config, (), phases, {"vae": method}, *shape, guide=guide)


def _reconstruction(config: Config, guide: Extractor | None) -> ReconstructionSettings:
    """Returns how BSA and the VAE learn to make images, compared by a guide if there is one."""
    maps = load_classifiers.feature_maps(guide)
    return ReconstructionSettings(config.baseline, config.run, maps)


def _dgn_am(config: Config, load: load_sources.Load) -> Experiment:
    source = load_sources.one_source(config, load)
    classifier = load_classifiers.load_classifier(config)
    goal = load_classifiers.goal(config, classifier)
    method = dgn_am_ppgn.dgn_am(source, goal, config.baseline, config.classes)
    return _searched(config, source, classifier, method, num_steps=0)


def _ppgn(config: Config, load: load_sources.Load) -> Experiment:
    source = load_sources.one_source(config, load)
    classifier = load_classifiers.load_classifier(config)
    method = dgn_am_ppgn.ppgn(
        source,
        load_classifiers.goal(config, classifier),
        config.baseline,
        batch_size=config.run.batch_size,
        of_classes=config.classes,
    )
    return _searched(config, source, classifier, method, num_steps=config.run.train_steps)


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


def classifier_arguments(config: NetworkConfig) -> dict[str, Any]:
    """Returns the arguments of a classifier's network."""
    names = ("width", "num_features", "num_classes", "resolution", "channels")
    return {name: getattr(config, name) for name in names}


def _classifier(config: Config, load: load_sources.Load) -> Experiment:
    del load
    if config.network.num_classes < 2:
        raise InputError(
            "method 'classifier' tells classes apart: expected network.num_classes=2 or more, found"
            f" {config.network.num_classes}"
        )
    network = classifiers.Classifier(**classifier_arguments(config.network))
    look = as_function(network)
    learner = classification(
        lambda key: classifiers.init_classifier(network, key),
        lambda params, images: look(params, images)[1],
        num_steps=config.run.train_steps,
        batch_size=config.run.batch_size,
        learning_rate=config.baseline.learning_rate,
    )
    phase = Phase("classifier", config.run.train_steps, learner)
    return Experiment(config, (), (phase,), {}, network.resolution, network.channels)


Game = Callable[[Config, load_sources.Load, critics.TargetShape | None], Experiment]
GAMES: dict[str, Game] = {"minegan": _minegan, "transfergan": _transfergan}
METHODS: dict[str, Callable[[Config, load_sources.Load], Experiment]] = {
    "scratch": _scratch,
    "bsa": _bsa,
    "vae": _vae,
    "dgn_am": _dgn_am,
    "ppgn": _ppgn,
    "classifier": _classifier,
}


def _phases(methods: Mapping[str, TransferMethod], steps: Mapping[str, int]) -> tuple[Phase, ...]:
    """Lines the methods up as phases."""
    return tuple(Phase(name, steps[name], method.learner) for name, method in methods.items())
