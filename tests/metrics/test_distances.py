"""Distances between rows, and the measures that are distances, against closed forms and loops."""

import numpy as np
import oracles
import pytest
from toys import gaussians, with_moments

from minegan_jax.errors import InputError
from minegan_jax.metrics import distances, frechet
from minegan_jax.metrics.frechet import frechet_distance
from minegan_jax.metrics.kid import kid
from minegan_jax.metrics.kmmd import kmmd, kmmd_floor

# Rows.


def test_distances_match_loops_across_blocks(monkeypatch):
    monkeypatch.setattr(distances, "MAX_BLOCK_ENTRIES", 10)  # two rows of five at a time
    left, right = gaussians(7, 5)
    expected = [[oracles.squared_distance(x, y) for y in right] for x in left]
    np.testing.assert_allclose(distances.squared_distances(left, right), expected, rtol=1e-10)


def test_distances_of_copies_are_exactly_zero_and_small_ones_keep_their_digits():
    (left,) = gaussians(5, width=300)
    left = left + 1000.0  # an offset that would cancel every digit of a naive expansion
    right = left.copy()
    right[0, 0] += 2.0**-20
    squared = distances.squared_distances(left, right)
    assert (np.diag(squared)[1:] == 0).all()
    np.testing.assert_allclose(squared[0, 0], 2.0**-40, rtol=1e-3)


def test_nearest_names_the_first_of_equals():
    references = np.array([[2.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    found = distances.nearest(np.zeros((1, 2)), references)
    assert found.indices.tolist() == [1]
    assert found.distances.tolist() == [1.0]


# Frechet distance.


def test_frechet_distance_of_diagonal_gaussians_in_closed_form():
    real = with_moments([0.0, 1.0, 2.0], [1.0, 2.0, 3.0])
    fake = with_moments([1.0, 1.0, 0.0], [2.0, 2.0, 0.5])
    shift, spread = 1.0 + 4.0, 1.0 + 0.0 + 2.5**2
    assert frechet_distance(real, fake) == pytest.approx(shift + spread, rel=1e-12)


@pytest.mark.parametrize("counts", [(10, 12), (10, 200), (200, 10), (150, 200)])
def test_frechet_distance_matches_eigenvalues_at_any_rank(counts):
    real, fake = gaussians(*counts, width=40)
    fake = 1.3 * fake + 0.2
    expected = oracles.frechet_distance(real, fake)
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_does_not_depend_on_how_many_rows_are_held(monkeypatch):
    real, fake = gaussians(150, 95, width=12)
    whole = frechet_distance(real, fake + 0.1)
    monkeypatch.setattr(frechet, "ROWS", 40)
    assert frechet_distance(real, fake + 0.1) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize("count", [5, 80])
def test_frechet_distance_of_a_set_to_itself_is_zero(count):
    (real,) = gaussians(count, width=20)
    assert 0.0 <= frechet_distance(real, real[::-1].copy()) < 1e-10


# KID.


def test_kid_of_whole_sets_matches_loops():
    real, fake = gaussians(9, 9)
    found = kid(real, fake + 0.5, num_subsets=3)
    expected = oracles.unbiased_mmd2(real, fake + 0.5, oracles.cubic_kernel)
    assert found.value == pytest.approx(expected, rel=1e-10)
    assert found.standard_error == pytest.approx(0.0, abs=1e-12)  # nothing was left to draw


def test_kid_is_zero_on_average_for_one_distribution():
    draws = [kid(*gaussians(50, 80, seed=seed), num_subsets=4).value for seed in range(60)]
    standard_error = np.std(draws, ddof=1) / np.sqrt(len(draws))
    assert abs(np.mean(draws)) < 3 * standard_error
    biased = oracles.biased_mmd2(*gaussians(50, 50), oracles.cubic_kernel)
    assert biased > 10 * standard_error  # the test could tell the two estimators apart


def test_kid_standard_error_shrinks_with_more_subsets():
    real, fake = gaussians(40, 400)
    few, many = (kid(real, fake, num_subsets=count, subset_size=10) for count in (25, 400))
    assert 2.5 < few.standard_error / many.standard_error < 6.0  # 4 on average


@pytest.mark.parametrize("wrong", [{"subset_size": 1}, {"subset_size": 21}, {"num_subsets": 1}])
def test_kid_refuses_impossible_subsets(wrong):
    with pytest.raises(InputError, match=r"kid .*expected .* found"):
        kid(*gaussians(20, 30), **wrong)


# KMMD.


@pytest.mark.parametrize("sigma", [1.0, 0.5])
def test_kmmd_matches_loops(sigma):
    real, fake = gaussians(7, 12)
    fake = fake + 0.3
    found = kmmd(real, fake, sigma=sigma)
    kernel = oracles.gaussian_kernel(real, sigma)
    biased = np.sqrt(oracles.biased_mmd2(real, fake, kernel))
    assert found.biased == pytest.approx(biased, rel=1e-9)
    assert found.unbiased == pytest.approx(oracles.unbiased_mmd2(real, fake, kernel), rel=1e-9)


@pytest.mark.parametrize(
    ("real_count", "fake_count", "expected"),
    [(25, 50, 0.178), (25, 1025, 0.129), (10, 1010, 0.206), (100, 1100, 0.067)],
)
def test_kmmd_floor_of_gaussians(real_count, fake_count, expected):
    (fake,) = gaussians(fake_count, width=512)
    assert kmmd_floor(real_count, fake, num_splits=3) == pytest.approx(expected, abs=0.006)


def test_kmmd_of_one_distribution_sits_on_its_floor_and_copies_fall_below_it():
    real, fake = gaussians(25, 1000, width=512)
    honest, copies = kmmd(real, fake), kmmd(real, np.repeat(real, 40, axis=0))
    floor = kmmd_floor(25, fake)
    assert honest.biased == pytest.approx(floor, abs=0.01)
    assert honest.unbiased == pytest.approx(0.0, abs=0.002)
    assert copies.biased < 0.2 * floor
    assert copies.unbiased < -0.01


def test_kmmd_needs_a_scale_and_its_floor_more_fakes_than_real_images():
    real, fake = gaussians(20, 21)
    assert np.isfinite(kmmd(real, fake)).all()
    with pytest.raises(InputError, match="at least 22 rows, found 21"):
        kmmd_floor(len(real), fake)
    with pytest.raises(InputError, match="fake rows that differ"):
        kmmd_floor(2, np.ones((5, 6)))
    with pytest.raises(InputError, match="real rows that differ"):
        kmmd(np.ones((5, 6)), fake)
    with pytest.raises(InputError, match="found 1 and 5"):
        kmmd_floor(1, fake)
