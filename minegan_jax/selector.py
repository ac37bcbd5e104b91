"""The selector: how often each source should be used (section 3.3)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from minegan_jax.types import SuperScores

BLOCKS = 10  # stretches of minibatches that count as independent
STUDENT = 2.262  # 97.5 % quantile of Student's t with BLOCKS - 1 degrees of freedom


class SelectorState(NamedTuple):
    """A ring of the win rates of the last minibatches."""

    win_rates: Float[Array, "window sources"]  # each row sums to 1 once written
    seen: Int[Array, ""]  # minibatches recorded so far
    allowed: Bool[Array, "sources"]  # those that were not dropped


def init_selector(num_sources: int, window: int = 1000) -> SelectorState:
    """Starts with nothing recorded; the paper's window is 1000 minibatches."""
    return SelectorState(
        jnp.zeros((window, num_sources)), jnp.zeros((), jnp.int32), jnp.ones(num_sources, bool)
    )


def win_rates(winners: Int[Array, "supersamples"], num_sources: int) -> Float[Array, "sources"]:
    """Returns the share of supersamples that each source won (p-hat in section 3.3)."""
    return jax.nn.one_hot(winners, num_sources).mean(axis=0)


def record(state: SelectorState, rates: Float[Array, "sources"]) -> SelectorState:
    """Notes one minibatch's win rates; forgets the oldest once the window is full."""
    row = state.seen % state.win_rates.shape[0]
    return state._replace(win_rates=state.win_rates.at[row].set(rates), seen=state.seen + 1)


def probabilities(state: SelectorState) -> Float[Array, "sources"]:
    """Returns p_i: the mean win rate in the window, or equal shares if nothing was recorded.

    Dropped sources have none; the others share theirs in proportion.
    """
    rates = state.win_rates.sum(axis=0) * state.allowed
    shares = jnp.where(rates.sum() > 0, rates, state.allowed.astype(rates.dtype))
    return shares / shares.sum()


def drop(state: SelectorState, below: float) -> SelectorState:
    """Drops the sources whose p is under a threshold; the most probable one always stays."""
    shares = probabilities(state)
    return state._replace(allowed=state.allowed & ((shares >= below) | (shares == shares.max())))


def recorded(state: SelectorState) -> Float[np.ndarray, "minibatches sources"]:
    """Returns the win rates in the window, the oldest first."""
    window, seen = len(state.win_rates), int(state.seen)
    rows = np.asarray(state.win_rates, np.float64)
    return np.roll(rows, -(seen % window), axis=0) if seen > window else rows[:seen]


def intervals(state: SelectorState) -> Float[np.ndarray, "sources 2"]:
    """Returns 95 % intervals (low, high) of p, in [0, 1].

    Win rates drift while the players learn, so that neighbouring minibatches are no independent
    witnesses: the spread is that of the means of ten stretches of the window (batch means).
    With fewer than ten minibatches an interval is (0, 1).
    """
    rates = recorded(state)
    if len(rates) < BLOCKS:
        return np.tile([0.0, 1.0], (rates.shape[1], 1))
    means = np.stack([part.mean(axis=0) for part in np.array_split(rates, BLOCKS)])
    reach = STUDENT * means.std(axis=0, ddof=1) / np.sqrt(BLOCKS)
    middle = rates.mean(axis=0)
    return np.stack([middle - reach, middle + reach], axis=1).clip(0.0, 1.0)


def entropy(shares: Float[np.ndarray, "sources"]) -> float:
    """Returns how evenly sources are used: 0 if only one is, 1 if all are alike (or there is one).

    Shannon's entropy of p over that of equal shares.
    """
    used = shares[shares > 0]
    return float(-(used * np.log(used)).sum() / np.log(len(shares))) if len(shares) > 1 else 1.0


def without(scores: SuperScores, source: int) -> Float[np.ndarray, "sources"]:
    """Returns the share of supersamples that each source would win if one were not there."""
    others = np.array(scores, np.float64)
    others[:, source] = -np.inf
    return np.bincount(others.argmax(axis=1), minlength=others.shape[1]) / len(others)
