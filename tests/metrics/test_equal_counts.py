"""What is compared with what: equal counts, and what too few images forbid."""

import numpy as np
import pytest

from minegan_jax.metrics.checks import in_canonical_order
from minegan_jax.metrics.frechet import frechet_distance
from minegan_jax.metrics.mean_variance import mean_variance
from minegan_jax.metrics.shown import Shown
from minegan_jax.report import measure


def rows(count, seed, width=8):
    return np.random.default_rng(seed).normal(size=(count, width))


def shown(features, pictures=None):
    pictures = np.arange(len(features)) if pictures is None else pictures
    return Shown(features, pictures, len(features))


@pytest.mark.parametrize("num_fake", [30, 200])
def test_real_images_are_a_reference_for_as_many_generated_ones(num_fake):
    """A distance falls with the number of images: 30 are compared with 30, 200 with all 60."""
    reals, fake = measure.Reals(shown(rows(60, 0)), shown(rows(50, 1))), rows(num_fake, 2)
    count = min(num_fake, 60)
    reference = measure.real_reference(reals, num_fake, k=3, seed=0)
    found = measure.distances(reals, fake, k=3, seed=0)
    assert reference["num_fake"] == found["equal_counts"]["num_fake"] == count
    assert found["held_out"]["num_fake"] == num_fake
    expected = frechet_distance(reals.held_out.images, fake[:count])
    assert found["equal_counts"]["frechet_distance"] == pytest.approx(expected)
    assert 0.5 < reference["frechet_distance"] / expected < 2.0  # neither is nearer by its number
    assert reference["mean_variance"] == mean_variance(reals.train.images)


def test_a_picture_counts_once_in_the_reference():
    twice = shown(np.repeat(rows(20, 0), 2, axis=0), np.repeat(np.arange(20), 2))
    reals = measure.Reals(twice, shown(rows(50, 1)))
    reference = measure.real_reference(reals, 1000, k=3, seed=0)
    assert reference["num_fake"] == 20
    different = in_canonical_order(rows(20, 0))
    expected = frechet_distance(reals.held_out.images, different)
    assert reference["frechet_distance"] == pytest.approx(expected)


def test_without_a_floor_the_kernel_distances_are_there():
    """A floor takes more generated images than twice the real ones; the distances do not."""
    found = measure.compare_closely(rows(60, 0), rows(40, 1), k=3, seed=0, num_resamples=2)
    assert {"kmmd_biased", "kmmd_unbiased"} <= found.keys()
    assert list(found["left_out"]) == ["kmmd_floor"]
    assert found["intervals"].keys() >= {"kmmd_biased", "kmmd_unbiased"}
