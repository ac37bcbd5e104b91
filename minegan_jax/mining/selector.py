"""The selector: how often each source should be used (section 3.3)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from minegan_jax.types import SuperScores

BLOCKS = 10  # stretches of minibatches that count as independent
STUDENT = 2.262  # 97.5 % quantile of Student's t with BLOCKS - 1 degrees of freedom
MOST_CORRELATED = 0.9  # neighbouring stretches are taken to be; more cannot be told from a trend


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
    """Returns 95 % intervals (low, high) around p, in [0, 1]; (0, 0) for a dropped source.

    They say where p would settle over ever more minibatches if the players stayed as they were in
    the window. Neighbouring minibatches are no independent witnesses, so the spread is that of the
    means of ten stretches of the window (batch means), and wider where neighbouring stretches are
    still correlated. They cover what they promise while win rates a stretch apart are nearly
    independent, and less with a longer memory. With fewer than ten minibatches they are (0, 1).
    """
    shares = np.asarray(probabilities(state), np.float64)
    allowed = np.asarray(state.allowed, np.float64)
    rates = recorded(state) * allowed
    if len(rates) < BLOCKS or not rates.any():
        return np.stack([np.zeros_like(allowed), allowed], axis=1)
    # p is a ratio of sums where sources were dropped; this is its first-order error (delta method).
    totals = rates.sum(axis=1, keepdims=True)
    errors = (rates - shares[None] * totals) / totals.mean()
    means = np.stack([part.mean(axis=0) for part in np.array_split(errors, BLOCKS)])
    spread = means.std(axis=0, ddof=1) / np.sqrt(BLOCKS)
    reach = STUDENT * spread * _widening(means)
    return np.stack([shares - reach, shares + reach], axis=1).clip(0.0, 1.0)


def _widening(means: Float[np.ndarray, "blocks sources"]) -> Float[np.ndarray, "sources"]:
    """Returns by how much correlated blocks widen an interval: sqrt((1 + r) / (1 - r)), at least 1.

    r is the correlation of neighbours; 1 / blocks makes up for the mean, which was estimated too.
    """
    centred = means - means.mean(axis=0)
    total = np.square(centred).sum(axis=0)
    lagged = (centred[1:] * centred[:-1]).sum(axis=0) / np.where(total > 0, total, 1.0)
    r = np.clip(lagged + 1.0 / len(means), 0.0, MOST_CORRELATED)
    return np.sqrt((1.0 + r) / (1.0 - r))


def entropy(shares: Float[np.ndarray, "sources"]) -> float:
    """Returns how evenly sources are used: 0 if only one is, 1 if all are alike (or there is one).

    Shannon's entropy of p over that of equal shares.
    """
    used = shares[shares > 0]
    return float(-(used * np.log(used)).sum() / np.log(len(shares))) if len(shares) > 1 else 1.0


def without(scores: SuperScores, source: int) -> Float[np.ndarray, "sources"] | None:
    """Returns the share of supersamples that each source would win if one were not there.

    None where nobody would be left: dropped sources, whose scores are minus infinity, win nothing.
    """
    others = np.array(scores, np.float64)
    others[:, source] = -np.inf
    if np.isneginf(others).all():
        return None
    return np.bincount(others.argmax(axis=1), minlength=others.shape[1]) / len(others)
