"""Metrics against closed forms, loops, and what each must say of copies."""

import numpy as np
import oracles
import pytest

from minegan_jax.errors import InputError
from minegan_jax.evaluation import distances, frechet, rows
from minegan_jax.evaluation.frechet import frechet_distance
from minegan_jax.evaluation.kid import kid
from minegan_jax.evaluation.kmmd import kmmd, kmmd_floor
from minegan_jax.evaluation.mean_variance import mean_variance
from minegan_jax.evaluation.memorisation import exact_copies, memorisation
from minegan_jax.evaluation.prdc import prdc


def memorisation_numbers(real, fake):
    """The scalars, with some of the reals as the training images."""
    # Split by value, so that permuting the reals does not change who was trained on.
    seen = real[:, 0] > -0.3
    return memorisation(real[seen], real[~seen], fake)[:8]


METRICS = {
    "frechet_distance": frechet_distance,
    "kid": lambda real, fake: kid(real, fake, num_subsets=5),
    "kid of small subsets": lambda real, fake: kid(real, fake, num_subsets=5, subset_size=7),
    "kmmd": kmmd,
    "kmmd_floor": lambda real, fake: kmmd_floor(len(real), fake),
    "mean_variance": lambda real, fake: mean_variance(np.concatenate([real, fake])),
    "prdc": prdc,
    "memorisation": memorisation_numbers,
}


def gaussians(*counts, width=6, seed=0):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(count, width)) for count in counts)


def with_moments(mean, deviations):
    """2 d rows whose mean and diagonal sample covariance are exactly these."""
    count = 2 * len(mean)
    axes = np.diag(np.asarray(deviations) * np.sqrt((count - 1) / 2))
    return np.concatenate([axes, -axes]) + np.asarray(mean)


# The contract of every metric.


@pytest.mark.parametrize("name", METRICS)
def test_metric_is_finite_and_deterministic_and_leaves_its_input_alone(name):
    real, fake = gaussians(24, 60)
    kept = real.copy(), fake.copy()
    first, second = METRICS[name](real, fake), METRICS[name](real, fake)
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(real, kept[0])
    np.testing.assert_array_equal(fake, kept[1])


@pytest.mark.parametrize("name", METRICS)
def test_metric_does_not_depend_on_the_order_of_rows(name):
    real, fake = gaussians(24, 60)
    rng = np.random.default_rng(1)
    permuted = METRICS[name](rng.permutation(real), rng.permutation(fake))
    np.testing.assert_allclose(permuted, METRICS[name](real, fake), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", METRICS)
def test_metric_computes_in_float64_whatever_it_is_given(name):
    real, fake = (x.astype(np.float32) for x in gaussians(24, 60))
    np.testing.assert_allclose(
        METRICS[name](real, fake),
        METRICS[name](real.astype(np.float64), fake.astype(np.float64)),
        rtol=1e-9,
        atol=1e-12,
    )


@pytest.mark.parametrize("name", METRICS)
def test_metric_refuses_values_that_are_not_finite(name):
    real, fake = gaussians(24, 60)
    fake[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity in 1 of") as error:
        METRICS[name](real, fake)
    assert not isinstance(error.value, InputError)  # who leaves out what lacks images sees it


# Distances.


def test_distances_match_loops_across_blocks(monkeypatch):
    monkeypatch.setattr(distances, "MAX_BLOCK_ENTRIES", 10)  # two rows of five at a time
    left, right = gaussians(7, 5)
    expected = [[oracles.squared_distance(x, y) for y in right] for x in left]
    np.testing.assert_allclose(distances.squared_distances(left, right), expected, rtol=1e-10)
    for k in (1, 3):
        expected = oracles.kth_nearest_other(left, k)
        np.testing.assert_allclose(distances.kth_nearest_other(left, k), expected, rtol=1e-10)


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
    assert honest.biased == pytest.approx(honest.floor, abs=0.01)
    assert honest.unbiased == pytest.approx(0.0, abs=0.002)
    assert copies.biased < 0.2 * copies.floor
    assert copies.unbiased < -0.01


def test_kmmd_refuses_sets_without_a_floor_or_a_scale():
    real, fake = gaussians(20, 21)
    with pytest.raises(InputError, match="at least 22 rows, found 21"):
        kmmd(real, fake)
    with pytest.raises(InputError, match="real rows that differ"):
        kmmd(np.ones((5, 6)), fake)
    with pytest.raises(InputError, match="found 1 and 5"):
        kmmd_floor(1, fake)


# Mean variance.


def test_mean_variance_in_closed_form():
    assert mean_variance(with_moments([5.0, -1.0], [1.0, 3.0])) == pytest.approx(5.0, rel=1e-12)
    assert mean_variance(np.ones((4, 3))) == 0.0


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
    found = memorisation(train, held_out, fake, quantile=0.1, num_closest=5)
    nearest = [oracles.nearest(row, train) for row in fake]
    spacing = np.sqrt(oracles.kth_nearest_other(train, 1))
    threshold = np.quantile(spacing, 0.1)
    held_out_distances = np.array([oracles.nearest(row, train)[1] for row in held_out])
    assert found.authentic == oracles.authentic(train, fake)
    assert found.held_out_authentic == oracles.authentic(train, held_out)
    assert found.near_copy_distance == pytest.approx(threshold)
    assert found.near_copies == np.mean([distance <= threshold for _, distance in nearest])
    assert found.held_out_near_copies == np.mean(held_out_distances <= threshold)
    np.testing.assert_array_equal(found.nearest_indices, [index for index, _ in nearest])
    np.testing.assert_allclose(found.nearest_distances, [distance for _, distance in nearest])
    order = sorted(range(len(fake)), key=lambda j: nearest[j][1])[:5]
    assert found.closest.tolist() == [[j, nearest[j][0]] for j in order]


@pytest.mark.parametrize("counts", [(300, 30), (30, 300)])
def test_memorisation_gap_compares_equally_many_rows(counts):
    # Ten times the rows are nearer to anything: that alone must not look like copying.
    train, held_out, fake = gaussians(*counts, 500, width=16)
    found = memorisation(train, held_out, fake)
    smaller = min(train, held_out, key=len)
    distance = np.mean([oracles.nearest(row, smaller)[1] for row in fake])
    assert distance == pytest.approx(found.to_train if smaller is train else found.to_held_out)
    assert abs(found.gap) < 0.05


def test_memorisation_flags_copies():
    train, held_out = gaussians(50, 50, width=32)
    found = memorisation(train, held_out, np.repeat(train, 3, axis=0))
    assert (found.authentic, found.near_copies, found.gap) == (0.0, 1.0, 1.0)
    assert found.held_out_near_copies < 0.1
    assert found.held_out_authentic > 0.3
    assert (found.nearest_distances == 0).all()


def test_memorisation_flags_copies_of_a_training_set_that_repeats_itself():
    train, held_out = gaussians(20, 20)
    found = memorisation(np.repeat(train, 2, axis=0), held_out, train)
    assert found.near_copy_distance == 0.0
    assert (found.authentic, found.near_copies) == (0.0, 1.0)
    assert found.held_out_near_copies == 0.0


def test_memorisation_flags_near_copies_among_honest_fakes():
    train, held_out, fake = gaussians(50, 50, 80, width=32)
    near = train[:20] + 0.01
    found = memorisation(train, held_out, np.concatenate([fake, near]), num_closest=20)
    assert found.near_copies == pytest.approx(0.2, abs=0.05)
    assert sorted(map(tuple, found.closest)) == [(80 + index, index) for index in range(20)]


def test_memorisation_lets_fresh_samples_pass():
    train, held_out, fake = gaussians(200, 200, 1000, width=32)
    found = memorisation(train, held_out, fake)
    assert found.near_copies < 0.03
    assert found.authentic == pytest.approx(found.held_out_authentic, abs=0.1)
    assert abs(found.gap) < 0.03


def test_memorisation_finds_no_gap_where_nothing_was_held_out():
    (train,) = gaussians(10)
    assert memorisation(train, train, train).gap == 0.0


def test_memorisation_refuses_empty_sets_and_strange_quantiles():
    train, held_out, fake = gaussians(5, 5, 5)
    with pytest.raises(InputError, match="training features: expected at least 2 rows, found 1"):
        memorisation(train[:1], held_out, fake)
    with pytest.raises(InputError, match="held-out features: expected at least 1 rows, found 0"):
        memorisation(train, held_out[:0], fake)
    with pytest.raises(ValueError, match="range"):
        memorisation(train, held_out, fake, quantile=1.5)


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


# Checks of rows.


@pytest.mark.parametrize("metric", [frechet_distance, kid, kmmd])
def test_pairs_need_two_rows_each(metric):
    real, fake = gaussians(1, 30)
    with pytest.raises(InputError, match="real features: expected at least 2 rows, found 1"):
        metric(real, fake)


def test_rows_of_another_shape_or_width_are_errors_that_name_both():
    with pytest.raises(ValueError, match=r"expected shape \(rows, width\), found \(3,\)"):
        rows.check_rows(np.zeros(3), name="fake", at_least=1)
    with pytest.raises(ValueError, match="fake features: expected width 6, found 4"):
        rows.check_pair(np.zeros((3, 6)), np.zeros((3, 4)))


def test_canonical_order_forgets_the_order_of_arrival():
    (some,) = gaussians(20)
    some[3] = some[7]
    shuffled = np.random.default_rng(1).permutation(some)
    np.testing.assert_array_equal(rows.in_canonical_order(some), rows.in_canonical_order(shuffled))
