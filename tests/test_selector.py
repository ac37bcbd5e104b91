"""The selector against a deque."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minegan_jax import selector


def test_equal_shares_when_nothing_was_seen():
    np.testing.assert_allclose(selector.probabilities(selector.init_selector(4)), [0.25] * 4)


def test_the_papers_window():
    assert selector.init_selector(2).win_rates.shape == (1000, 2)


def test_win_rates_count_supersamples():
    rates = selector.win_rates(jnp.array([2, 0, 2, 2]), 3)
    np.testing.assert_allclose(rates, [0.25, 0.0, 0.75])


@pytest.mark.parametrize("num_sources", [1, 2, 3])
@pytest.mark.parametrize("window", [1, 4, 7])
def test_it_is_the_mean_of_a_deque(window, num_sources):
    rng = np.random.default_rng(window)
    state, expected = selector.init_selector(num_sources, window), collections.deque(maxlen=window)
    record, probabilities = jax.jit(selector.record), jax.jit(selector.probabilities)
    for _ in range(3 * window):
        winners = rng.integers(num_sources, size=5)
        state = record(state, selector.win_rates(jnp.asarray(winners), num_sources))
        expected.append(np.bincount(winners, minlength=num_sources) / 5)
        np.testing.assert_allclose(probabilities(state), np.mean(expected, axis=0), atol=1e-6)


def test_the_ring_forgets():
    state = selector.init_selector(2, window=3)
    for rates in [(1.0, 0.0)] * 5 + [(0.0, 1.0)] * 3:
        state = selector.record(state, jnp.array(rates))
    np.testing.assert_array_equal(selector.probabilities(state), [0.0, 1.0])
    assert state.seen == 8


def ring(rates, window=1000):
    """Returns a selector that saw these win rates."""
    state = selector.init_selector(len(rates[0]), window)
    for row in rates:
        state = selector.record(state, jnp.asarray(row))
    return state


def test_the_record_is_in_order():
    rates = [(i / 10, 1 - i / 10) for i in range(8)]
    np.testing.assert_allclose(selector.recorded(ring(rates)), rates, atol=1e-7)
    np.testing.assert_allclose(selector.recorded(ring(rates, window=3)), rates[-3:], atol=1e-7)


def test_intervals_cover_the_truth():
    rng, hits = np.random.default_rng(0), 0
    for _ in range(200):
        shares = rng.binomial(16, 0.3, size=50) / 16
        rates = jnp.asarray(np.stack([shares, 1 - shares], axis=1), jnp.float32)
        state = selector.SelectorState(rates, jnp.asarray(50), jnp.ones(2, bool))
        low, high = selector.intervals(state)[0]
        hits += low <= 0.3 <= high
    assert 0.90 <= hits / 200 <= 0.99


def test_no_interval_before_ten_minibatches():
    np.testing.assert_array_equal(selector.intervals(ring([(1.0, 0.0)] * 9)), [[0, 1], [0, 1]])


def test_entropy():
    assert selector.entropy(np.array([1.0, 0.0])) == 0.0
    assert selector.entropy(np.full(4, 0.25)) == pytest.approx(1.0)
    assert selector.entropy(np.ones(1)) == 1.0


def test_without_a_source_the_second_best_wins():
    scores = jnp.array([[3.0, 2.0, 1.0], [3.0, 1.0, 2.0], [0.0, 1.0, 2.0], [3.0, 2.0, 0.0]])
    np.testing.assert_allclose(selector.without(scores, 0), [0.0, 0.5, 0.5])
    np.testing.assert_allclose(selector.without(scores, 1), [0.75, 0.0, 0.25])


def test_dropped_sources_share_theirs_out():
    state = selector.drop(ring([(0.6, 0.36, 0.04)]), 0.05)
    np.testing.assert_array_equal(state.allowed, [True, True, False])
    np.testing.assert_allclose(selector.probabilities(state), [0.625, 0.375, 0.0], atol=1e-6)
    np.testing.assert_array_equal(selector.drop(ring([(0.6, 0.4)]), 0.9).allowed, [True, False])
