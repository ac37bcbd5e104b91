"""What a method offers: a learner for the training loop, and a way to draw images."""

from collections.abc import Callable
from typing import Any, NamedTuple

from minegan_jax.mining.selector import SelectorState, init_selector
from minegan_jax.training.learner import Learner, State
from minegan_jax.types import Images, Key, Latents, Scores, SuperScores


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
