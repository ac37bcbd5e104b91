"""Few-shot subsets: repeatable, nested, in proportion, and never overlapping."""

import numpy as np
import pytest

from minegan_jax.data import choose
from minegan_jax.errors import InputError

LABELS = np.repeat(np.arange(5), 100).astype(np.int32)


def counts(indices):
    return np.bincount(LABELS[indices], minlength=5).tolist()


def test_everything_is_chosen_once_by_default():
    train, held_out = choose(LABELS)
    assert sorted(train.tolist()) == list(range(500))
    assert held_out.size == 0


def test_the_seed_alone_decides():
    first, again, other = (choose(LABELS, num_held_out=9, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.train, again.train)
    assert set(first.held_out.tolist()) != set(other.held_out.tolist())


@pytest.mark.parametrize("ratios", [(), (0.5, 0.3, 0.2)])
def test_subsets_are_nested_and_the_held_out_part_stays(ratios):
    whole = choose(LABELS, keep_labels=(4, 0, 2), ratios=ratios, num_held_out=20, seed=3)
    assert not set(whole.train.tolist()) & set(whole.held_out.tolist())
    for max_images in (1, 2, 25, 100):
        part = choose(
            LABELS,
            keep_labels=(4, 0, 2),
            ratios=ratios,
            num_held_out=20,
            seed=3,
            max_images=max_images,
        )
        np.testing.assert_array_equal(part.held_out, whole.held_out)
        np.testing.assert_array_equal(part.train, whole.train[:max_images])


def test_only_the_labels_named_are_kept():
    train, held_out = choose(LABELS, keep_labels=(1, 3), num_held_out=50)
    assert set(LABELS[train]) == set(LABELS[held_out]) == {1, 3}
    assert len(train) == 150


def test_ratios_hold_in_both_parts():
    train, held_out = choose(
        LABELS, keep_labels=(4, 1), ratios=(0.3, 0.7), max_images=100, num_held_out=20
    )
    assert counts(train) == [0, 70, 0, 0, 30]
    assert counts(held_out) == [0, 14, 0, 0, 6]


def largest_remainders(ratios, total):
    """The textbook apportionment."""
    exact = np.array(ratios) * total
    whole = np.floor(exact)
    whole[np.argsort(whole - exact)[: total - int(whole.sum())]] += 1
    return whole.astype(int).tolist()


@pytest.mark.parametrize("total", range(1, 100, 7))
def test_two_ratios_are_rounded_as_largest_remainders(total):
    ratios = (0.313, 0.687)
    train = choose(LABELS, keep_labels=(0, 1), ratios=ratios, max_images=total).train
    assert counts(train)[:2] == largest_remainders(ratios, total)


@pytest.mark.parametrize("total", range(1, 100, 7))
def test_many_ratios_are_never_off_by_a_whole_image(total):
    ratios = (0.05, 0.17, 0.22, 0.26, 0.3)
    train = choose(LABELS, keep_labels=(0, 1, 2, 3, 4), ratios=ratios, max_images=total).train
    assert np.abs(counts(train) - np.array(ratios) * total).max() < 1


def test_ratios_without_a_limit_take_what_they_can():
    train = choose(LABELS, keep_labels=(0, 1), ratios=(0.2, 0.8)).train
    assert counts(train) == [25, 100, 0, 0, 0]


def test_fewer_images_than_asked_for_are_all_taken():
    train, held_out = choose(LABELS, keep_labels=(2,), max_images=1000, num_held_out=99)
    assert (len(train), len(held_out)) == (1, 99)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"keep_labels": (7,)}, "label 7: no image has it: there are 0, 1, 2, 3, 4"),
        ({"keep_labels": (1, 1)}, "label 1: expected each label once"),
        ({"keep_labels": (0, 1), "ratios": (0.5, 0.4)}, "sum to 1"),
        ({"keep_labels": (0, 1), "ratios": (1.5, -0.5)}, "positive"),
        ({"keep_labels": (0, 1), "ratios": (1.0,)}, "expected one per label, 2, found 1"),
        ({"ratios": (1.0,)}, "expected one per label, 0, found 1"),
        ({"max_images": 0}, "max_images: expected 1 or more, found 0"),
        ({"num_held_out": -1}, "num_held_out: expected 0 or more, found -1"),
        ({"seed": -1}, "seed: expected 0 or more, found -1"),
        ({"num_held_out": 500}, "found 500"),
        (
            {"keep_labels": (0, 1), "ratios": (0.5, 0.5), "max_images": 201},
            "at least 201 to train on in ratios 0.5, 0.5, found 100, 100",
        ),
    ],
)
def test_what_cannot_be_is_refused(settings, expected):
    with pytest.raises(InputError) as caught:
        choose(LABELS, **settings)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_label_is_answered_with_names():
    with pytest.raises(InputError, match=r"there are 0 \(cat\), 1 \(dog\)$"):
        choose(LABELS[LABELS < 2], keep_labels=(5,), class_names=("cat", "dog"))
    with pytest.raises(InputError, match=r"19, \.\.\. \(100 in all\)$"):
        choose(np.arange(100, dtype=np.int32), keep_labels=(100,))
    with pytest.raises(InputError, match="the images have no labels"):
        choose(np.full(3, -1, np.int32), keep_labels=(-1,))
