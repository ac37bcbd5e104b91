"""The contract of the training loop: how a state starts, and how it learns from one batch."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

from minegan_jax.types import Batch, Key, Metrics

State = Any  # a NamedTuple of arrays, the learner's own
Draws = Any  # a tree of arrays whose first axis is the batch


@runtime_checkable
class MeanOverDevices(Protocol):
    """Takes gradients, or metrics, to their mean over devices: `sharding.mean_over_devices`."""

    def __call__(self, tree: Any, parts: Any | None = None) -> Any:
        """Returns the mean; of a leaf that devices share, as `parts` shows, the own part."""


class Learner(NamedTuple):
    """How a state starts and how it learns from one batch.

    `step` sees one device's share of the batch and of the draws, and gets the function that
    averages over devices, so that the learner never knows how many there are.
    """

    init: Callable[[State | None, Key], State]  # the previous phase's state, if any
    draw: Callable[[Key], Draws]  # everything random in one step
    step: Callable[[State, Batch, Draws, MeanOverDevices], tuple[State, Metrics]]
    spread: tuple[str, ...] = ()  # names in the state under which devices share the arrays


class Phase(NamedTuple):
    """One stretch of training, for example `mine` or `finetune`."""

    name: str
    num_steps: int
    learner: Learner
