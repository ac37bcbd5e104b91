"""Distances and intervals of a report, against the definitions of each subset by itself."""

import numpy as np
import oracles
import pytest
from toys import as_shown, gaussians

from minegan_jax.metrics import distances
from minegan_jax.metrics.checks import in_canonical_order
from minegan_jax.metrics.copy_verdict import judge
from minegan_jax.metrics.data_copying import copying_score
from minegan_jax.metrics.intervals import _student
from minegan_jax.metrics.memorisation import memorisation
from minegan_jax.report import measure

RESAMPLES = 3


def sets(width):
    real, fake = gaussians(12, 19, width=width)
    fake = 1.2 * fake + 0.3
    fake[2] = real[5]
    return in_canonical_order(real), in_canonical_order(fake)


def slow(real, fake, *, k, num_subsets):
    """Every distance of two sets by its definition, with the draws that measures make."""
    size = min(len(real), len(fake))
    rng = np.random.default_rng(0)
    values = [
        oracles.unbiased_mmd2(
            *(rows[rng.choice(len(rows), size, replace=False)] for rows in (real, fake)),
            oracles.cubic_kernel,
        )
        for _ in range(num_subsets)
    ]
    kernel = oracles.gaussian_kernel(real, 1.0)
    return {
        "frechet_distance": oracles.frechet_distance(real, fake),
        "kid": np.mean(values),
        "kmmd_biased": np.sqrt(oracles.biased_mmd2(real, fake, kernel)),
        "kmmd_unbiased": oracles.unbiased_mmd2(real, fake, kernel),
        **dict(
            zip(
                ("precision", "recall", "density", "coverage"),
                oracles.prdc(real, fake, k),
                strict=True,
            )
        ),
    }


def slow_floor(count, fake):
    rng = np.random.default_rng(0)
    values = []
    for _ in range(measure.NUM_SPLITS):
        order = rng.permutation(len(fake))
        apart = fake[order[:count]], fake[order[count:]]
        kernel = oracles.gaussian_kernel(apart[0], 1.0)
        values.append(np.sqrt(oracles.biased_mmd2(*apart, kernel)))
    return np.mean(values)


@pytest.mark.parametrize("width", [4, 30])  # fewer dimensions than rows, and more
@pytest.mark.parametrize("block", [2**24, 40])  # all rows at once, or two or three
def test_values_and_intervals_match_loops_over_each_half(monkeypatch, width, block):
    monkeypatch.setattr(distances, "MAX_BLOCK_ENTRIES", block)
    real, fake = sets(width)
    found = measure.compare_closely(real, fake, k=2, seed=0, num_resamples=RESAMPLES)
    expected = slow(real, fake, k=2, num_subsets=measure.NUM_SUBSETS)
    rng = np.random.default_rng(0)
    parts = [
        [np.sort(rng.permutation(len(rows))[: len(rows) // 2]) for rows in (real, fake)]
        for _ in range(RESAMPLES)
    ]
    halves = [
        slow(real[ours], fake[theirs], k=2, num_subsets=measure.FEW_SUBSETS)
        for ours, theirs in parts
    ]
    assert found["left_out"] == {}
    assert found["kmmd_floor"] == pytest.approx(slow_floor(len(real), fake), rel=1e-9)
    for name, value in expected.items():
        # The oracle's square root of a covariance has half of the digits.
        within = 1e-6 if name == "frechet_distance" else 1e-9
        spread = _student(RESAMPLES - 1) * np.std([half[name] for half in halves], ddof=1)
        ends = np.clip([value - spread, value + spread], *measure.RANGES[name])
        assert found[name] == pytest.approx(value, rel=within), name
        np.testing.assert_allclose(found["intervals"][name], ends, rtol=within, atol=1e-12)


def test_a_half_whose_real_rows_are_equal_has_no_kernel_and_no_interval():
    real = np.array([[0.1, 0.3]] * 5 + [[1.0, 2.0]])
    (fake,) = gaussians(12, width=2)
    found = measure.compare_closely(real, fake, k=1, seed=0)
    assert {"kmmd_biased", "kmmd_unbiased"} <= found.keys()
    assert "kmmd_biased" not in found["intervals"]
    assert "kid" in found["intervals"]


def test_what_is_kept_of_real_images_changes_no_figure():
    train, held_out, fake = gaussians(60, 40, 80, width=5)
    fake[:3] = train[:3]
    parts = as_shown(train), as_shown(held_out)
    reals = measure.Reals(*parts)
    copies = memorisation(*parts, fake)
    for _ in range(2):  # the second time what the first one kept
        oracles.assert_close(measure.remembered(reals, fake, 0), copies)
        score = measure.copying(reals, fake, 0)["copying_score"]
        assert score == copying_score(train, held_out, fake)
        told = measure.judged(reals, fake, copies, None)
        assert told == judge(*parts, fake, copies, None)._asdict()
