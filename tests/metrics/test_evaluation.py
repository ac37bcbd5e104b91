"""Metrics against closed forms, loops, and what each must say of copies."""

import numpy as np
import pytest
from toys import as_shown, gaussians, with_moments

from minegan_jax.errors import InputError
from minegan_jax.metrics import checks
from minegan_jax.metrics.frechet import frechet_distance
from minegan_jax.metrics.kid import kid
from minegan_jax.metrics.kmmd import kmmd, kmmd_floor
from minegan_jax.metrics.mean_variance import mean_variance
from minegan_jax.metrics.memorisation import memorisation
from minegan_jax.metrics.prdc import prdc


def memorisation_numbers(real, fake):
    """The scalars, with some of the reals as the training images."""
    # Split by value, so that permuting the reals does not change who was trained on.
    seen = real[:, 0] > -0.3
    return memorisation(as_shown(real[seen]), as_shown(real[~seen]), fake)[:5]


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


# Mean variance.


def test_mean_variance_in_closed_form():
    assert mean_variance(with_moments([5.0, -1.0], [1.0, 3.0])) == pytest.approx(5.0, rel=1e-12)
    assert mean_variance(np.ones((4, 3))) == 0.0


# Checks of rows.


@pytest.mark.parametrize("metric", [frechet_distance, kid, kmmd])
def test_pairs_need_two_rows_each(metric):
    real, fake = gaussians(1, 30)
    with pytest.raises(InputError, match="real features: expected at least 2 rows, found 1"):
        metric(real, fake)


def test_rows_of_another_shape_or_width_are_errors_that_name_both():
    with pytest.raises(ValueError, match=r"expected shape \(rows, width\), found \(3,\)"):
        checks.check_rows(np.zeros(3), name="fake", at_least=1)
    with pytest.raises(ValueError, match="fake features: expected width 6, found 4"):
        checks.check_pair(np.zeros((3, 6)), np.zeros((3, 4)))


def test_canonical_order_forgets_the_order_of_arrival():
    (some,) = gaussians(20)
    some[3] = some[7]
    shuffled = np.random.default_rng(1).permutation(some)
    np.testing.assert_array_equal(
        checks.in_canonical_order(some), checks.in_canonical_order(shuffled)
    )
