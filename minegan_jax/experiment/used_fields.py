"""Which fields of a config each method reads: one that it does not read would do nothing.

Whoever names a field wants something of it, so where it does nothing that is a mistake: in a config
file, on the command line, for one method of a comparison. What a comparison says of all its runs is
dropped where a method does not read it, and a run's record holds no field that its method does not
read.
"""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from minegan_jax.config import FIELDS, Config, nested, value_of
from minegan_jax.errors import InputError


def _section(name: str, *fields: str) -> frozenset[str]:
    """Returns these fields of a section, or all of them."""
    known = frozenset(path for path in FIELDS if path.startswith(f"{name}."))
    return frozenset(f"{name}.{field}" for field in fields) or known


ALWAYS = (
    frozenset(["method"])
    | _section("target")
    | _section("run", "seed", "batch_size", "log_every_steps", "checkpoint_every_steps")
    | _section("run", "tensorboard", "stuck_seconds")
)
IMAGES = _section("report") | _section("run", "sample_every_steps", "evaluate_every_steps")
SOURCES = frozenset(["sources", "classes", "exclude_broken"])
NETWORK = _section("network") - _section("network", "num_features")
OF_SOURCES = ("critic", "freeze_critic_layers", "fresh_warmup_steps")  # of a game of sources
MEMORY = _section("run", "accumulation_steps", "precision", "remat")
GAME = (
    MEMORY | _section("run", "shard_sources") | (_section("game") - _section("game", *OF_SOURCES))
)
TRANSFERGAN = _section("view") | _section("game", *OF_SOURCES) | _section("run", "finetune_steps")
MINEGAN = TRANSFERGAN | _section("miner") | _section("selector") | _section("run", "mine_steps")
ADAM = _section("baseline", "learning_rate", "beta1", "beta2")
RECONSTRUCTION = MEMORY | ADAM | _section("baseline", "perceptual", "perceptual_weight")
BSA = _section("baseline", "latent_learning_rate", "truncation") | _section("run", "finetune_steps")
VAE = _section("baseline", "kl_weight", "kl_warmup_steps") | _section("run", "train_steps")
SEARCH = _section("baseline", "classifier", "target_class", "search_steps") | _section(
    "baseline", "search_step_size", "search_prior", "search_noise"
)
ENCODER = ADAM | _section("baseline", "encoder_width") | _section("run", "train_steps")
CLASSIFIER = (
    _section("network", "width", "num_features", "num_classes", "resolution", "channels")
    | _section("baseline", "learning_rate")
    | _section("run", "train_steps")
)
READ = {
    "minegan": ALWAYS | IMAGES | SOURCES | GAME | MINEGAN,
    "transfergan": ALWAYS | IMAGES | SOURCES | GAME | TRANSFERGAN,
    "scratch": ALWAYS | IMAGES | NETWORK | GAME | _section("run", "train_steps"),
    "bsa": ALWAYS | IMAGES | SOURCES | RECONSTRUCTION | BSA,
    "vae": ALWAYS | IMAGES | NETWORK | RECONSTRUCTION | VAE,
    "dgn_am": ALWAYS | IMAGES | SOURCES | SEARCH,
    "ppgn": ALWAYS | IMAGES | SOURCES | SEARCH | ENCODER,
    "classifier": ALWAYS | CLASSIFIER,
}


class Idle(NamedTuple):
    """Fields that do nothing beside some values of others."""

    paths: frozenset[str]
    holds: Callable[[Config], bool]
    beside: str  # those values, in words


IDLE = (
    Idle(_section("selector"), lambda config: len(config.sources) == 1, "a single source"),
    Idle(
        _section("miner", "width", "draws_class"),
        lambda config: config.miner.start == "affine",
        "affine miners",
    ),
    Idle(
        _section("miner", "draws_class"),
        lambda config: config.classes != "all",
        "classes that are given",
    ),
    Idle(
        _section("game", "freeze_critic_layers"),
        lambda config: config.game.critic == "fresh",
        "a fresh critic",
    ),
    Idle(
        _section("game", "r1_every"), lambda config: not config.game.r1_weight, "game.r1_weight=0"
    ),
    Idle(
        _section("selector", "exploration_steps"),
        lambda config: not config.selector.exploration,
        "selector.exploration=0",
    ),
    Idle(
        _section("baseline", "perceptual_weight"),
        lambda config: config.baseline.perceptual is None,
        "no perceptual network",
    ),
)


def check(config: Config, named: Collection[str]) -> None:
    """Makes sure that each field which somebody named does something.

    A value that is the default, or asks for nothing (0 or empty), is no mistake.

    Args:
      config: of a run.
      named: paths of fields.

    Raises:
      InputError: says which does nothing, and why.
    """
    for path, field in FIELDS.items():
        value = value_of(config, path)
        asks_for_nothing = not value and value is not False  # a False that is no default asks
        if path not in named or asks_for_nothing or value == field.default:
            continue
        if path not in READ.get(config.method, FIELDS):
            readers = ", ".join(method for method, paths in READ.items() if path in paths)
            raise InputError(
                f"config field {path!r} does nothing for method {config.method!r}: expected it left"
                f" out, or one of {readers}"
            )
        for idle in IDLE:
            if path in idle.paths and idle.holds(config):
                raise InputError(f"config field {path!r} does nothing beside {idle.beside}")


def record(config: Config) -> dict[str, Any]:
    """Returns the fields that a config's method reads, section by section, for a run's record."""
    read = READ.get(config.method, FIELDS)
    return nested({path: value_of(config, path) for path in FIELDS if path in read})
