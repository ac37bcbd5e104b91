"""What published tools print for the same features, and their formulas restated."""

import json
from pathlib import Path

import numpy as np
import oracles
import pytest

from minegan_jax.metrics.frechet import frechet_distance
from minegan_jax.metrics.kid import kid
from minegan_jax.metrics.prdc import prdc

PRINTED = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "agreement" / "expected.json").read_text()
)


@pytest.fixture
def features():
    """The features that the tools were given."""
    rng = np.random.default_rng(7)
    real = rng.normal(size=(60, 24))
    return real, 1.1 * rng.normal(size=(60, 24)) + 0.25


@pytest.mark.parametrize("tool", ["torch_fidelity", "clean_fid"])
def test_frechet_distance_and_kid_are_those_of(tool, features):
    assert frechet_distance(*features) == pytest.approx(PRINTED[f"{tool}_fid"], rel=1e-9)
    # One subset of everything, so that nothing is drawn.
    found = kid(*features, num_subsets=2, subset_size=60)
    assert found.value == pytest.approx(PRINTED[f"{tool}_kid"], rel=1e-9)


def test_frechet_distance_of_fewer_images_than_dimensions_is_that_of_torch_fidelity(features):
    real, fake = features
    printed = PRINTED["torch_fidelity_fid_of_12"]
    assert frechet_distance(real[:12], fake) == pytest.approx(printed, rel=1e-6)


def test_prdc_is_that_of_its_authors(features):
    np.testing.assert_allclose(prdc(*features, k=5), PRINTED["prdc"], rtol=1e-12)


def test_frechet_distance_by_the_eigenvalues_of_a_product(features):
    real, fake = features
    covariances = [np.cov(rows, rowvar=False) for rows in features]
    # A product of covariances is similar to a symmetric matrix: real eigenvalues, at least 0.
    roots = np.sqrt(np.linalg.eigvals(covariances[0] @ covariances[1]).real.clip(0))
    shift = real.mean(axis=0) - fake.mean(axis=0)
    expected = shift @ shift + sum(map(np.trace, covariances)) - 2 * roots.sum()
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-9)


def test_kid_by_sums_over_pairs(features):
    real, fake = features
    expected = oracles.unbiased_mmd2(real, fake, oracles.cubic_kernel)
    assert kid(real, fake, num_subsets=2).value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("k", [3, 5])
def test_open_and_closed_balls_agree_where_no_distances_are_equal(k, features):
    real, fake = features
    across = np.array([[oracles.squared_distance(x, y) for y in fake] for x in real])
    radii = [np.array(oracles.kth_nearest_other(rows, k)) for rows in features]
    inside_real, inside_fake = across < radii[0][:, None], across < radii[1][None]
    expected = (
        inside_real.any(axis=0).mean(),
        inside_fake.any(axis=1).mean(),
        inside_real.sum(axis=0).mean() / k,
        inside_real.any(axis=1).mean(),
    )
    np.testing.assert_allclose(prdc(real, fake, k=k), expected, rtol=1e-12)
