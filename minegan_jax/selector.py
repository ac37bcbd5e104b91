"""The selector: how often each source should be used (section 3.3)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


class SelectorState(NamedTuple):
    """A ring of the win rates of the last minibatches."""

    win_rates: Float[Array, "window sources"]  # each row sums to 1 once written
    seen: Int[Array, ""]  # minibatches recorded so far


def init_selector(num_sources: int, window: int = 1000) -> SelectorState:
    """Starts with nothing recorded; the paper's window is 1000 minibatches."""
    return SelectorState(jnp.zeros((window, num_sources)), jnp.zeros((), jnp.int32))


def win_rates(winners: Int[Array, "supersamples"], num_sources: int) -> Float[Array, "sources"]:
    """Returns the share of supersamples that each source won (p-hat in section 3.3)."""
    return jax.nn.one_hot(winners, num_sources).mean(axis=0)


def record(state: SelectorState, rates: Float[Array, "sources"]) -> SelectorState:
    """Notes one minibatch's win rates; forgets the oldest once the window is full."""
    row = state.seen % state.win_rates.shape[0]
    return SelectorState(state.win_rates.at[row].set(rates), state.seen + 1)


def probabilities(state: SelectorState) -> Float[Array, "sources"]:
    """Returns p_i: the mean win rate in the window, or equal shares if nothing was recorded."""
    window, num_sources = state.win_rates.shape
    equal = jnp.full(num_sources, 1.0 / num_sources)
    mean = state.win_rates.sum(axis=0) / jnp.clip(state.seen, 1, window)
    return jnp.where(state.seen > 0, mean, equal)
