"""Which fields of a config each method reads: one that it does not read would do nothing.

Whoever names a field wants something of it, so where it does nothing that is a mistake: in a config
file, on the command line, for one method of a comparison. What a comparison says of all its runs is
dropped where a method does not read it.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple

from minegan_jax.config import FIELDS, Config
from minegan_jax.errors import InputError

ALWAYS = frozenset(
    [
        "method",
        "target",
        "labels",
        "ratios",
        "max_images",
        "num_held_out",
        "num_left_out",
        "target_seed",
        "exclude",
        "part",
        "colour",
        "skip_unreadable",
        "enlarge",
        "fit",
        "grey_range",
        "max_pixels",
        "flip",
        "seed",
        "batch_size",
        "critic_turns",
        "log_every_steps",
        "checkpoint_every_steps",
    ]
)
IMAGES = frozenset(  # of methods that make some
    [
        "features",
        "judge",
        "diversity",
        "num_report_images",
        "neighbours",
        "sample_every_steps",
        "evaluate_every_steps",
    ]
)
SOURCES = frozenset(["sources", "exclude_broken", "classes"])
FRESH = frozenset(["family", "width", "latent_size", "resolution", "channels", "num_classes"])
GAME = frozenset(
    [
        "accumulation",
        "precision",
        "remat",
        "loss",
        "penalty_weight",
        "drift_weight",
        "r1_weight",
        "r1_every",
        "augment",
        "learning_rate",
        "critic_learning_rate",
        "beta1",
        "beta2",
        "adam_epsilon",
        "average_decay",
        "warmup_steps",
        "spread_sources",
    ]
)
MINING = frozenset(
    [
        "average_miners",
        "miner_depth",
        "miner_width",
        "miner_space",
        "miner_start",
        "miner_draws_class",
        "miner_learning_rate",
        "mine_steps",
        "finetune_steps",
        "critic",
        "freeze_critic_layers",
        "selector_window",
        "exploration",
        "exploration_steps",
        "drop_below",
    ]
)
FIT = frozenset(
    [
        "learning_rate",
        "beta1",
        "beta2",
        "accumulation",
        "precision",
        "remat",
        "perceptual",
        "perceptual_weight",
    ]
)
SEARCH = frozenset(
    [
        "classifier",
        "sought_class",
        "search_steps",
        "search_step_size",
        "search_prior",
        "search_noise",
    ]
)
READ = {
    "minegan": ALWAYS | IMAGES | SOURCES | GAME | MINING,
    "transfergan": ALWAYS | IMAGES | SOURCES | GAME | {"finetune_steps", "freeze_critic_layers"},
    "scratch": ALWAYS | IMAGES | FRESH | GAME | {"train_steps"},
    "bsa": (
        ALWAYS | IMAGES | SOURCES | FIT | {"miner_learning_rate", "truncation", "finetune_steps"}
    ),
    "vae": ALWAYS | IMAGES | FRESH | FIT | {"kl_weight", "kl_warmup_steps", "train_steps"},
    "dgn_am": ALWAYS | IMAGES | SOURCES | SEARCH,
    "ppgn": (
        ALWAYS
        | IMAGES
        | SOURCES
        | SEARCH
        | {"width", "learning_rate", "beta1", "beta2", "train_steps"}
    ),
    "classifier": ALWAYS | {"width", "num_features", "learning_rate", "train_steps"},
}


class Idle(NamedTuple):
    """Fields that do nothing beside some values of others."""

    names: tuple[str, ...]
    holds: Callable[[Config], bool]
    beside: str  # those values, in words


IDLE = (
    Idle(
        ("selector_window", "exploration", "exploration_steps", "drop_below"),
        lambda config: len(config.sources) == 1,
        "a single source",
    ),
    Idle(
        ("miner_width", "miner_draws_class"),
        lambda config: config.miner_start == "affine",
        "affine miners",
    ),
    Idle(("miner_draws_class",), lambda config: config.classes != "all", "classes that are given"),
    Idle(("freeze_critic_layers",), lambda config: config.critic == "fresh", "a fresh critic"),
    Idle(("r1_every",), lambda config: not config.r1_weight, "r1_weight=0"),
    Idle(("exploration_steps",), lambda config: not config.exploration, "exploration=0"),
    Idle(("perceptual_weight",), lambda config: not config.perceptual, "no perceptual network"),
)


def check(config: Config, named: Collection[str]) -> None:
    """Makes sure that each field which somebody named does something.

    A value that is the default, or asks for nothing (0 or empty), is no mistake.

    Raises:
      InputError: says which does nothing, and why.
    """
    for name in FIELDS:
        value = getattr(config, name)
        asks_for_nothing = not value and value is not False  # a False that is no default asks
        if name not in named or asks_for_nothing or value == FIELDS[name].default:
            continue
        if name not in READ.get(config.method, FIELDS):
            readers = ", ".join(method for method, names in READ.items() if name in names)
            raise InputError(
                f"config field {name!r} does nothing for method {config.method!r}: expected it left"
                f" out, or one of {readers}"
            )
        for idle in IDLE:
            if name in idle.names and idle.holds(config):
                raise InputError(f"config field {name!r} does nothing beside {idle.beside}")
