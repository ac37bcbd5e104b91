"""Which values the fields of a config may have: ranges of numbers, and names that exist."""

import math
from typing import Any, NamedTuple

from minegan_jax.errors import InputError


class Range(NamedTuple):
    """Finite numbers from `low` to `high`."""

    low: int | float
    high: int | float = math.inf
    without_low: bool = False  # whether they are more than `low`
    without_high: bool = False  # whether they are less than `high`

    def holds(self, number: int | float) -> bool:
        """Says whether a number is one of them; NaN and the infinite ones never are."""
        enough = number > self.low if self.without_low else number >= self.low
        little = number < self.high if self.without_high else number <= self.high
        return math.isfinite(number) and enough and little

    def __str__(self) -> str:
        """Returns the range in words."""
        first = f"more than {self.low}" if self.without_low else f"{self.low} or more"
        if math.isinf(self.high):
            return first
        if self.without_low or self.without_high:
            return f"{first}, {'less than' if self.without_high else 'at most'} {self.high}"
        return f"{self.low} to {self.high}"


POSITIVE = Range(0.0, without_low=True)
NOT_NEGATIVE = Range(0.0)
SHARE = Range(0.0, 1.0)
DECAY = Range(0.0, 1.0, without_high=True)  # at 1 an average never moves
COUNT = Range(1)
COUNT_OR_NONE = Range(0)
FLOAT32 = 3.4e38  # about the largest number that a file of deep grey can hold
SEED = Range(0, 2**32 - 1)  # JAX takes larger ones for one of these

# Of a tuple each number is checked; labels are compared with those that the images have.
RANGES: dict[str, Range] = {
    "ratios": Range(0.0, 1.0, without_low=True),
    **dict.fromkeys(("target_seed", "seed"), SEED),
    **dict.fromkeys(
        ("learning_rate", "critic_learning_rate", "miner_learning_rate", "adam_epsilon"), POSITIVE
    ),
    "truncation": POSITIVE,
    **dict.fromkeys(("beta1", "beta2", "average_decay"), DECAY),
    **dict.fromkeys(("exploration", "drop_below"), SHARE),
    **dict.fromkeys(
        ("penalty_weight", "drift_weight", "r1_weight", "perceptual_weight", "kl_weight"),
        NOT_NEGATIVE,
    ),
    **dict.fromkeys(("search_step_size", "search_prior", "search_noise"), NOT_NEGATIVE),
    **dict.fromkeys(
        (
            "max_images",
            "max_pixels",
            "miner_width",
            "selector_window",
            "width",
            "num_features",
            "latent_size",
        ),
        COUNT,
    ),
    **dict.fromkeys(
        ("batch_size", "accumulation", "r1_every", "critic_turns", "log_every_steps", "neighbours"),
        COUNT,
    ),
    **dict.fromkeys(
        ("num_held_out", "num_left_out", "exploration_steps", "warmup_steps", "num_classes"),
        COUNT_OR_NONE,
    ),
    **dict.fromkeys(
        ("freeze_critic_layers", "mine_steps", "finetune_steps", "train_steps", "search_steps"),
        COUNT_OR_NONE,
    ),
    **dict.fromkeys(
        ("sought_class", "sample_every_steps", "checkpoint_every_steps", "evaluate_every_steps"),
        COUNT_OR_NONE,
    ),
    "grey_range": Range(-FLOAT32, FLOAT32),
    "kl_warmup_steps": COUNT_OR_NONE,
    "miner_depth": Range(2),
    "resolution": Range(5),
    "num_report_images": Range(2),
}
SOME_OF: dict[str, tuple[str, ...]] = {"augment": ("colour", "translation", "cutout")}
ONE_OF: dict[str, tuple[Any, ...]] = {
    "colour": ("as_is", "convert"),
    "fit": ("crop", "pad", "squeeze"),
    "miner_space": ("z", "w", "w+"),
    "miner_start": ("prior", "residual", "collapsed", "affine"),
    "loss": ("wasserstein", "hinge", "logistic"),
    "precision": ("float32", "bfloat16"),
    "channels": (1, 3),
}


def check(name: str, value: Any) -> None:
    """Makes sure that a field's value is one that it may have; None is its own meaning.

    Raises:
      InputError: it is not.
    """
    if name in ONE_OF and value not in ONE_OF[name]:
        known = " or ".join(map(str, ONE_OF[name]))
        raise InputError(f"config field {name!r}: expected {known}, found {value!r}")
    for each in value if name in SOME_OF else ():
        if each not in SOME_OF[name]:
            known = ", ".join(SOME_OF[name])
            raise InputError(f"config field {name!r}: expected some of {known}, found {each!r}")
    if name not in RANGES or value is None:
        return
    for number in value if isinstance(value, tuple) else (value,):
        if not RANGES[name].holds(number):
            raise InputError(f"config field {name!r}: expected {RANGES[name]}, found {number}")
