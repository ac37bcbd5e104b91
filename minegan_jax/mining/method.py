"""What a method offers: a learner for the training loop, and sources behind miners to sample."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax

from minegan_jax.mining.noise import Noise, NoiseShape
from minegan_jax.mining.selector import SelectorState, init_selector
from minegan_jax.mining.view import View
from minegan_jax.nets.precision import full_float32
from minegan_jax.training.learner import Learner, State
from minegan_jax.types import Images, Key, Params, Scores, SuperScores


class MinedSource(NamedTuple):
    """A source behind its miner, as compiled functions of their weights and u.

    `generate` gives G(M(u)) as it is handed out, `mined` M(u), what the generator gets; None where
    an image does not come from one pass through a miner. `measured` gives G(M(u)) as it is
    measured, in the game's view; None where that is as it is handed out.
    """

    noise: NoiseShape
    generate: Callable[..., Images]  # of (weights, u), and truncation=T where `truncates`
    truncates: bool = False  # whether the generator has statistics, or a mean w, to truncate by
    mined: Callable[[Params, Noise], Any] | None = None
    measured: Callable[..., Images] | None = None  # as `generate`


def mined_source(
    miner: Callable[[Params, Params, Noise], Any],
    generator: Callable[..., Images],
    to_output: Callable[[Images], Images],
    noise: NoiseShape,
    *,
    truncates: bool = False,
    to_measured: Callable[[Images], Images] | None = None,
) -> MinedSource:
    """Compiles G(M(u)) for full float32; its weights are those of `miners` and `generators`.

    Args:
      miner: M, of (params, the generator's, u).
      generator: G, of (params, what M gives).
      to_output: how images are handed out.
      noise: what u holds.
      truncates: whether the generator takes truncation=.
      to_measured: how images are measured; None is as they are handed out.
    """

    @jax.jit
    @full_float32()
    def mined(weights: Params, noise: Noise) -> Any:
        return miner(weights["miners"], weights["generators"], noise)

    def shown(to_shown: Callable[[Images], Images]) -> Callable[..., Images]:
        @partial(jax.jit, static_argnames="truncation")
        @full_float32()
        def generate(weights: Params, noise: Noise, truncation: float | None = None) -> Images:
            options = {} if truncation is None else {"truncation": truncation}
            return to_shown(generator(weights["generators"], mined(weights, noise), **options))

        return generate

    measured = None if to_measured is None else shown(to_measured)
    return MinedSource(noise, shown(to_output), truncates, mined, measured)


def mined_sources(
    view: View,
    miners: Sequence[Callable[[Params, Params, Noise], Any]],
    generators: Sequence[Callable[..., Images]],
    noise: Sequence[NoiseShape],
    truncates: Sequence[bool],
) -> tuple[MinedSource, ...]:
    """Returns G_i(M_i(u)) of each source; arguments as for `mined_source`, one a source."""
    each = zip(miners, generators, noise, truncates, view.measured, strict=True)
    return tuple(
        mined_source(m, g, view.output, shape, truncates=t, to_measured=measured)
        for m, g, shape, t, measured in each
    )


def _alone(state: State) -> SelectorState:
    """Stands where there is nothing to select from."""
    del state
    return init_selector(1, window=1)


class TransferMethod(NamedTuple):
    """A way to learn, whose state holds the weights of sources behind miners.

    `weights` takes those of each source out of a state as they were trained, `ema` their averages.
    `score_sources` has the critic score so many supersamples, `score` images of one kind; a critic
    that compares images sees the next ones of them in groups of its own size, or of as many as
    there are.
    """

    learner: Learner
    sources: tuple[MinedSource, ...]
    weights: Callable[[State], tuple[Params, ...]]
    ema: Callable[[State], tuple[Params, ...]] | None = None  # where an EMA is kept
    selector: Callable[[State], SelectorState] = _alone
    score_sources: Callable[[State, Key, int], SuperScores] | None = None  # where sources compete
    score: Callable[[State, Images, int], Scores] | None = None  # where there is a critic
