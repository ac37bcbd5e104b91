"""One setting of a config: its default, what it means, and which values it may have."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from minegan_jax.errors import InputError

T = TypeVar("T")


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


class OneOf(NamedTuple):
    """Values that are named one by one."""

    values: tuple[Any, ...]

    def holds(self, value: Any) -> bool:
        """Says whether a value is one of them."""
        return value in self.values

    def __str__(self) -> str:
        """Returns them in words."""
        return " or ".join(map(str, self.values))


Allowed = Range | OneOf
POSITIVE = Range(0.0, without_low=True)
NOT_NEGATIVE = Range(0.0)
SHARE = Range(0.0, 1.0)
DECAY = Range(0.0, 1.0, without_high=True)  # at 1 an average never moves
COUNT = Range(1)
COUNT_OR_NONE = Range(0)
SEED = Range(0, 2**32 - 1)  # JAX takes larger ones for one of these


def setting(default: T, meaning: str, allowed: Allowed | None = None) -> T:
    """Declares a field of a config's section, which is a frozen dataclass.

    Args:
      default: its value where nobody says another; None where absence is a value.
      meaning: what it is, with its unit.
      allowed: which values it may have; None allows all of its type. Of a tuple each part is
        checked, and a None is always allowed where it is of the field's type.
    """
    field: T = dataclasses.field(
        default=default, metadata={"meaning": " ".join(meaning.split()), "allowed": allowed}
    )
    return field


def check(path: str, value: Any, metadata: Mapping[str, Any]) -> None:
    """Makes sure that a field's value is one that it may have.

    Args:
      path: the field's, such as "game.learning_rate".
      value: of the field's type.
      metadata: of the field, as `setting` makes it.

    Raises:
      InputError: it is not; says which are.
    """
    allowed: Allowed | None = metadata.get("allowed")
    if allowed is None or value is None:
        return
    for part in value if isinstance(value, tuple) else (value,):
        if not allowed.holds(part):
            raise InputError(f"config field {path!r}: expected {allowed}, found {part!r}")
