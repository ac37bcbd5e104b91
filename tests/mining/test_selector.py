"""The selector against a deque."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minegan_jax.mining import selector


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


def correlated_rates(rng, correlation, *, runs, count=200, sources=2, size=32):
    """Win rates of minibatches whose underlying shares have a memory (AR(1) of logits)."""
    logits, rows = rng.normal(size=(runs, sources)), []
    for _ in range(count):
        noise = rng.normal(size=logits.shape)
        logits = correlation * logits + np.sqrt(1 - correlation**2) * noise
        weights = np.exp(logits - np.arange(sources))
        rows.append(rng.multinomial(size, weights / weights.sum(axis=1, keepdims=True)) / size)
    return np.stack(rows, axis=1)


def state_of(rates, allowed=None):
    """Returns a selector with a full window of these win rates."""
    allowed = jnp.ones(rates.shape[1], bool) if allowed is None else jnp.asarray(allowed)
    return selector.SelectorState(jnp.asarray(rates, jnp.float32), jnp.asarray(len(rates)), allowed)


# Sources that were not dropped, and the memory of a minibatch's shares.


@pytest.mark.parametrize("allowed", [(True, True), (True, False, True)])
@pytest.mark.parametrize("correlation", [0.0, 0.8, 0.9])
def test_intervals_cover_the_truth(correlation, allowed):
    rng, kept = np.random.default_rng(0), np.array(allowed)
    (many,) = correlated_rates(rng, 0.0, runs=1, count=20_000, sources=len(kept))
    truth = many.mean(axis=0) * kept / (many.mean(axis=0) * kept).sum()
    rates = correlated_rates(rng, correlation, runs=200, sources=len(kept))
    low, high = np.moveaxis([selector.intervals(state_of(each, allowed)) for each in rates], 2, 0)
    hits = ((low <= truth) & (truth <= high)).mean(axis=0)
    # Three standard deviations of a share of 95 % in 200 are 0.046; long memories cost a little.
    assert 0.88 <= hits[0] <= 0.99
    assert hits[~kept].tolist() == [1.0] * (~kept).sum()


@pytest.mark.parametrize("allowed", [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0)])
@pytest.mark.parametrize("rows", [0, 9, 10, 40])
def test_p_lies_inside_its_own_interval(rows, allowed):
    """With minibatches from before the drop, in which others won too, and from after it."""
    allowed = np.array(allowed, bool)
    rng = np.random.default_rng(rows)
    rates = rng.dirichlet(np.ones(3), size=rows).reshape(rows, 3)
    rates[rows // 2 :] *= allowed
    rates /= rates.sum(axis=1, keepdims=True)
    state = selector.init_selector(3, window=50)
    for row in rates:
        state = selector.record(state, jnp.asarray(row, jnp.float32))
    state = state._replace(allowed=jnp.asarray(allowed))
    shares = np.asarray(selector.probabilities(state))
    low, high = selector.intervals(state).T
    assert ((low <= shares) & (shares <= high)).all()
    np.testing.assert_array_equal(np.stack([low, high])[:, ~allowed], 0.0)
    if rows >= 10 and allowed.sum() > 1:
        assert (high - low)[allowed].max() < 0.9


def test_intervals_are_those_of_the_shares_among_what_is_left():
    """As if the rates had been recorded without the dropped source."""
    (rates,) = correlated_rates(np.random.default_rng(3), 0.0, runs=1, sources=3, size=4096)
    left = rates[:, :2] / rates[:, :2].sum(axis=1, keepdims=True)
    found = selector.intervals(state_of(rates, (True, True, False)))
    np.testing.assert_allclose(found[:2], selector.intervals(state_of(left)), atol=0.03)
    assert selector.intervals(state_of(rates))[:2, 1].max() < found[:2, 0].max()


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


@pytest.mark.parametrize("gone", [0, 1])
def test_without_the_only_one_left_there_is_nobody(gone):
    scores = jnp.array([[1.0, 2.0], [2.0, 1.0]]).at[:, gone].set(-jnp.inf)
    assert selector.without(scores, 1 - gone) is None
    np.testing.assert_array_equal(selector.without(scores, gone), np.eye(2)[1 - gone])


def test_a_dropped_source_never_inherits():
    scores = jnp.array([[3.0, -jnp.inf, 1.0], [0.0, -jnp.inf, 2.0]])
    np.testing.assert_array_equal(selector.without(scores, 0), [0.0, 0.0, 1.0])
    np.testing.assert_array_equal(selector.without(scores, 2), [1.0, 0.0, 0.0])
    assert selector.without(scores[:, :1], 0) is None


def test_dropped_sources_share_theirs_out():
    state = selector.drop(ring([(0.6, 0.36, 0.04)]), 0.05)
    np.testing.assert_array_equal(state.allowed, [True, True, False])
    np.testing.assert_allclose(selector.probabilities(state), [0.625, 0.375, 0.0], atol=1e-6)
    np.testing.assert_array_equal(selector.drop(ring([(0.6, 0.4)]), 0.9).allowed, [True, False])
