"""Precision, recall, density and coverage against loops, and what is said of copies."""

import numpy as np
import oracles
import pytest
from toys import as_shown, gaussians

from minegan_jax.errors import InputError
from minegan_jax.metrics.memorisation import exact_copies, memorisation
from minegan_jax.metrics.prdc import prdc
from minegan_jax.metrics.shown import Shown

# Precision, recall, density, coverage.


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("counts", [(12, 30), (30, 12)])
def test_prdc_matches_loops(counts, k):
    real, fake = gaussians(*counts, width=3)
    np.testing.assert_allclose(prdc(real, fake + 0.5, k=k), oracles.prdc(real, fake + 0.5, k))


def test_prdc_of_identical_sets():
    (real,) = gaussians(133, width=200, seed=133 * 200)
    # Balls are closed, so each holds its centre and k neighbours: density (k + 1) / k.
    np.testing.assert_allclose(prdc(real, real[::-1].copy(), k=5), (1.0, 1.0, 1.2, 1.0))


def test_prdc_of_sets_far_apart():
    real, fake = gaussians(30, 40)
    assert prdc(real, fake + 100.0) == (0.0, 0.0, 0.0, 0.0)


def test_prdc_counts_a_copy_of_repeated_real_rows_as_inside():
    real = np.repeat(np.eye(4) * 10, 6, axis=0)  # every radius is 0
    found = prdc(real, np.eye(4)[[0] * 6] * 10, k=5)
    assert (found.precision, found.recall, found.coverage) == (1.0, 0.25, 0.25)


def test_prdc_refuses_too_few_rows_and_balls():
    with pytest.raises(InputError, match="fake features: expected at least 6 rows, found 5"):
        prdc(*gaussians(30, 5), k=5)
    with pytest.raises(InputError, match="prdc k"):
        prdc(*gaussians(30, 30), k=0)


# Memorisation.


def test_memorisation_matches_loops():
    train, held_out, fake = gaussians(20, 15, 40, width=4)
    found = memorisation(as_shown(train), as_shown(held_out), fake, num_closest=5)
    nearest = [oracles.nearest(row, train) for row in fake]
    assert found.authentic == oracles.authentic(train, fake)
    assert found.held_out_authentic == oracles.authentic(train, held_out)
    np.testing.assert_array_equal(found.nearest_rows, [index for index, _ in nearest])
    np.testing.assert_allclose(found.nearest_distances, [distance for _, distance in nearest])
    order = sorted(range(len(fake)), key=lambda j: nearest[j][1])[:5]
    assert found.closest.tolist() == [[j, nearest[j][0]] for j in order]


@pytest.mark.parametrize("counts", [(300, 30), (30, 300)])
def test_memorisation_gap_compares_equally_many_rows(counts):
    # Ten times the rows are nearer to anything: that alone must not look like copying.
    train, held_out, fake = gaussians(*counts, 500, width=16)
    found = memorisation(as_shown(train), as_shown(held_out), fake)
    smaller = min(train, held_out, key=len)
    distance = np.mean([oracles.nearest(row, smaller)[1] for row in fake])
    assert distance == pytest.approx(found.to_train if smaller is train else found.to_held_out)
    assert abs(found.gap) < 0.05


def test_memorisation_flags_copies():
    train, held_out = gaussians(50, 50, width=32)
    found = memorisation(as_shown(train), as_shown(held_out), np.repeat(train, 3, axis=0))
    assert (found.authentic, found.gap) == (0.0, 1.0)
    assert found.held_out_authentic > 0.3
    assert (found.nearest_distances == 0).all()


@pytest.mark.parametrize("share", [0.05, 0.2, 1.0])
def test_pictures_that_occur_twice_or_mirrored_change_no_figure(share):
    train, held_out, fake = gaussians(40, 30, 200)
    fake[:100] = train[np.arange(100) % 40] + 0.05 * fake[:100]
    once = memorisation(as_shown(train), as_shown(held_out), fake)
    twin = np.arange(round(40 * share))
    rows = np.concatenate([train, train[twin] + 1e-6])
    twins = Shown(rows, np.concatenate([np.arange(40), twin]), len(rows))
    again = memorisation(twins, as_shown(held_out), fake)
    for name in ("authentic", "held_out_authentic", "to_train", "to_held_out", "gap"):
        assert getattr(again, name) == pytest.approx(getattr(once, name), abs=1e-4)
    assert once.authentic < 0.5 < once.held_out_authentic


def test_memorisation_names_the_closest_pairs():
    train, held_out, fake = gaussians(50, 50, 80, width=32)
    near = train[:20] + 0.01
    everything = np.concatenate([fake, near])
    found = memorisation(as_shown(train), as_shown(held_out), everything, num_closest=20)
    assert sorted(map(tuple, found.closest)) == [(80 + index, index) for index in range(20)]


def test_memorisation_lets_fresh_samples_pass():
    train, held_out, fake = gaussians(200, 200, 1000, width=32)
    found = memorisation(as_shown(train), as_shown(held_out), fake)
    assert found.authentic == pytest.approx(found.held_out_authentic, abs=0.1)
    assert abs(found.gap) < 0.03


def test_memorisation_finds_no_gap_where_nothing_was_held_out():
    (train,) = gaussians(10)
    assert memorisation(as_shown(train), as_shown(train), train).gap == 0.0


def test_memorisation_refuses_empty_sets_and_one_picture():
    train, held_out, fake = gaussians(5, 5, 5)
    with pytest.raises(InputError, match="training features: expected at least 2 rows, found 1"):
        memorisation(as_shown(train[:1]), as_shown(held_out), fake)
    with pytest.raises(InputError, match="held-out features: expected at least 1 rows, found 0"):
        memorisation(as_shown(train), as_shown(held_out[:0]), fake)
    one = Shown(train, np.zeros(5, int), 5)
    with pytest.raises(InputError, match="expected at least 2 that differ, found 1 among 5"):
        memorisation(one, as_shown(held_out), fake)


def test_exact_copies_counts_fakes_equal_in_every_pixel():
    rng = np.random.default_rng(0)
    train = rng.integers(0, 256, (4, 3, 3, 1), dtype=np.uint8)
    fake = np.concatenate([train[:2], train[:1], train])
    fake[3, 0, 0, 0] ^= 1  # one bit away from train[0]
    assert exact_copies(train, fake) == 6
    assert exact_copies(train, fake[:0]) == 0
    assert exact_copies(train, fake.transpose(0, 2, 1, 3)) == 0


def test_exact_copies_refuses_images_of_another_shape():
    train = np.zeros((1, 4, 4, 1), np.uint8)
    # Where types are checked at run time, the signature refuses first.
    with pytest.raises((ValueError, TypeError), match=r"4, ?4, ?3"):
        exact_copies(train, np.zeros((1, 4, 4, 3), np.uint8))
