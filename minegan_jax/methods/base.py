"""What a method must offer: a learner for the training loop, and a way to draw images."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

from minegan_jax.selector import SelectorState, init_selector
from minegan_jax.types import Batch, Images, Key, Latents, Metrics, Scores, SuperScores

State = Any  # a NamedTuple of arrays, the learner's own
Draws = Any  # a tree of arrays whose first axis is the batch


@runtime_checkable
class Average(Protocol):
    """Takes gradients, or metrics, to their mean over the devices; see `shares.average`."""

    def __call__(self, tree: Any, parts: Any | None = None) -> Any:
        """Returns the mean; of a leaf that devices share, as `parts` shows, the own part."""


class Learner(NamedTuple):
    """How a state starts and how it learns from one batch.

    `step` sees one device's share of the batch and of the draws, and gets the function that
    averages over devices, so that the learner never knows how many there are.
    """

    init: Callable[[State | None, Key], State]  # the previous phase's state, if any
    draw: Callable[[Key], Draws]  # everything random in one step
    step: Callable[[State, Batch, Draws, Average], tuple[State, Metrics]]
    spread: tuple[str, ...] = ()  # names in the state under which devices share the arrays


def _alone(state: State) -> SelectorState:
    """Stands where there is nothing to select from."""
    del state
    return init_selector(1, window=1)


class TransferMethod(NamedTuple):
    """A learner whose state can be asked for images, by way of one of its sources.

    To draw an image, choose a source i by the selector and u from N(0, I); `generate` then gives
    G_i(M_i(u)), from the EMA of those weights that have one. `raw` takes that EMA out of a state,
    which then samples from the weights that were trained. `contest` has the critic judge so many
    supersamples, `score` images of one kind; a critic that compares images
    sees the next ones of them in groups of its own size, or of as many as there are.
    """

    learner: Learner
    latent_sizes: tuple[int, ...]  # length of each source's u
    generate: Callable[[State, int, Latents], Images]
    classed: tuple[int, ...] = ()  # sources whose u ends in the number that names a class
    selector: Callable[[State], SelectorState] = _alone
    mined: Callable[[State, int, Latents], Any] | None = None  # what the generator gets for u
    raw: Callable[[State], State] | None = None  # where there is an EMA
    contest: Callable[[State, Key, int], SuperScores] | None = None  # where sources compete
    score: Callable[[State, Images, int], Scores] | None = None  # where there is a critic


class Phase(NamedTuple):
    """One stretch of training, for example `mine` or `finetune`."""

    name: str
    num_steps: int
    learner: Learner
