"""Few-shot subsets of any labels, ratios, sizes and seeds."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from minegan_jax.data import choose
from minegan_jax.errors import InputError

SEEDS, EITHER = st.integers(0, 2**32 - 1), st.booleans()


class Asked(NamedTuple):
    """What is asked of images, of which there are enough."""

    labels: np.ndarray
    keep_labels: tuple[int, ...]
    ratios: tuple[float, ...]
    num_held_out: int
    sizes: tuple[int, int]  # of training sets, the smaller first
    seed: int

    def choose(self, max_images, **other):
        given = {name: value for name, value in self._asdict().items() if name != "sizes"}
        return choose(**{**given, "max_images": max_images, **other})


@st.composite
def asked(draw, with_ratios=EITHER):
    """Draws images of up to five labels, in any order, and what they are enough for."""
    counts = np.array(draw(st.lists(st.integers(9, 40), min_size=1, max_size=5)))
    labels = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    labels = np.random.default_rng(draw(SEEDS)).permutation(labels)
    kept = draw(st.lists(st.sampled_from(range(len(counts))), min_size=1, unique=True))
    ratios, enough = (), int(counts[kept].sum())
    if draw(with_ratios):
        weights = np.array([draw(st.integers(1, 4)) for _ in kept])
        ratios = tuple((weights / weights.sum()).tolist())
        # Each part of the images may be rounded up by one.
        enough = int(((counts[kept] - 2) / ratios).min())
    sizes = sorted(draw(st.tuples(st.integers(1, enough), st.integers(1, enough))))
    num_held_out = draw(st.integers(0, enough - sizes[1]))
    return Asked(labels, tuple(kept), ratios, num_held_out, tuple(sizes), draw(SEEDS))


@given(asked())
def test_a_smaller_set_is_the_start_of_a_larger_one(asked):
    small, large = map(asked.choose, asked.sizes)
    np.testing.assert_array_equal(small.held_out, large.held_out)
    np.testing.assert_array_equal(small.train, large.train[: asked.sizes[0]])


@given(asked())
def test_as_many_as_asked_for_none_twice_and_none_of_another_label(asked):
    found = asked.choose(asked.sizes[1])
    together = np.concatenate(found)
    assert (len(found.train), len(found.held_out)) == (asked.sizes[1], asked.num_held_out)
    assert len(np.unique(together)) == len(together)
    assert set(asked.labels[together].tolist()) <= set(asked.keep_labels)


@given(asked(with_ratios=st.just(True)))
def test_every_beginning_is_in_the_ratios(asked):
    """As Webster rounds: no image could better be of another label, by its (n + 1/2) / ratio."""
    for part in asked.choose(asked.sizes[1]):
        of_label = asked.labels[part][:, None] == np.array(asked.keep_labels)
        counts = np.cumsum(of_label, axis=0)
        latest, next_ones = ((counts + half) / asked.ratios for half in (-0.5, 0.5))
        assert (latest.max(axis=1) <= next_ones.min(axis=1) * (1 + 1e-9)).all()


@given(asked(), SEEDS)
def test_each_seed_draws_its_own(asked, other):
    assume(other != asked.seed)
    first, again, second = (
        asked.choose(None, seed=seed) for seed in (asked.seed, asked.seed, other)
    )
    for part, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(part, same)
    assert first.train.tolist() != second.train.tolist()


@given(asked(with_ratios=st.just(False)), st.integers(0, 250))
def test_too_few_are_refused_in_one_line(asked, num_held_out):
    there = np.isin(asked.labels, asked.keep_labels).sum()
    if num_held_out < there:
        assert len(asked.choose(None, num_held_out=num_held_out).train) == there - num_held_out
        return
    with pytest.raises(InputError, match="too few images") as caught:
        asked.choose(None, num_held_out=num_held_out)
    assert "\n" not in str(caught.value)
