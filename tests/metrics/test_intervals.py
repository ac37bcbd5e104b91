"""Intervals cover the truth about as often as they say."""

import numpy as np
import pytest

from minegan_jax.errors import InputError
from minegan_jax.metrics.checks import in_canonical_order
from minegan_jax.metrics.frechet import frechet_distance
from minegan_jax.metrics.intervals import _student, halves, intervals, share_interval
from minegan_jax.metrics.kmmd import kmmd
from minegan_jax.metrics.prdc import prdc
from minegan_jax.report import measure


def draws(counts, *, width, shift, seed):
    rng = np.random.default_rng(seed)
    real, fake = (rng.normal(size=(count, width)) for count in counts)
    return real, 1.2 * fake + shift


def resampled(one, real, fake, **kwargs):
    """The interval of one measure."""
    real, fake = in_canonical_order(real), in_canonical_order(fake)
    drawn = halves(len(real), len(fake), **kwargs)
    return intervals(one(real, fake), [one(real[draw.real], fake[draw.fake]) for draw in drawn])


MEASURES = {
    "means": lambda real, fake: {"it": float(fake.mean() - real.mean())},
    "frechet_distance": lambda real, fake: {"it": frechet_distance(real, fake)},
    "kmmd_unbiased": lambda real, fake: {"it": kmmd(real, fake).unbiased},
    "coverage": lambda real, fake: {"it": prdc(real, fake, k=3).coverage},
}


@pytest.mark.parametrize("name", MEASURES)
def test_intervals_cover_the_mean_of_what_other_images_would_give(name):
    one, trials = MEASURES[name], 80
    given = {"width": 3, "shift": 0.5}
    many = [one(*draws((50, 90), seed=1000 + n, **given))["it"] for n in range(300)]
    found = [resampled(one, *draws((50, 90), seed=n, **given), seed=n)["it"] for n in range(trials)]
    inside = np.mean([low <= np.mean(many) <= high for low, high in found])
    # 95 %, within what 80 trials settle: three standard deviations are 7.3 %.
    assert 0.87 <= inside <= 1.0
    assert 0.75 < np.mean([high - low for low, high in found]) / (2 * 1.96 * np.std(many)) < 1.5


def test_frechet_interval_covers_the_closed_form():
    # Wide sets, where the bias of the distance is small beside its spread.
    truth = 2 * 0.5**2 + 2 * 0.2**2
    inside = 0
    for seed in range(50):
        real, fake = draws((600, 600), width=2, shift=0.5, seed=seed)
        found = resampled(MEASURES["frechet_distance"], real, fake, num_resamples=12)["it"]
        inside += found.low <= truth <= found.high
    assert inside >= 43


def test_drawing_with_repetition_would_shift_a_frechet_distance():
    real, fake = draws((60, 60), width=40, shift=0.0, seed=0)
    rng = np.random.default_rng(0)
    repeated = [
        frechet_distance(*(rows[rng.integers(60, size=60)] for rows in (real, fake)))
        for _ in range(30)
    ]
    value = frechet_distance(real, fake)
    found = resampled(MEASURES["frechet_distance"], real, fake)["it"]
    assert min(repeated) > value  # a naive interval of these draws lacks the value itself
    assert found.low < value < found.high


def test_intervals_depend_on_the_seed_and_not_on_the_order_of_rows():
    real, fake = draws((20, 30), width=3, shift=0.5, seed=0)
    first = resampled(MEASURES["means"], real, fake)
    rng = np.random.default_rng(1)
    again = resampled(MEASURES["means"], rng.permutation(real), rng.permutation(fake))
    np.testing.assert_allclose(again["it"], first["it"], rtol=1e-9)
    assert resampled(MEASURES["means"], real, fake, seed=1)["it"] != first["it"]


def test_intervals_lie_around_the_whole_and_need_a_value_of_each_half():
    found = intervals({"it": 5.0, "other": 1.0}, [{"it": 1.0, "other": 1.0}, {"it": 2.0}] * 2)
    np.testing.assert_allclose(np.mean(found["it"]), 5.0)
    assert list(found) == ["it"]


def test_halves_refuse_too_little():
    with pytest.raises(InputError, match="real features: expected at least 4 rows, found 3"):
        halves(3, 30)
    with pytest.raises(InputError, match="num_resamples: expected at least 2, found 1"):
        halves(30, 30, num_resamples=1)


@pytest.mark.parametrize(
    ("freedom", "expected"), [(3, 3.182), (9, 2.262), (19, 2.093), (99, 1.984)]
)
def test_students_quantile_matches_the_tables(freedom, expected):
    assert _student(freedom) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    # Solutions p of (share - p)^2 = z^2 p (1 - p) / n.
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_interval_of_a_share_matches_the_tables(count, total, low, high):
    np.testing.assert_allclose(share_interval(count, total), (low, high), atol=5e-5)


def test_interval_of_a_share_of_nothing_is_refused():
    with pytest.raises(InputError, match="at least 1 image, found 0"):
        share_interval(0, 0)


def test_closer_comparisons_have_intervals_in_range_and_say_what_they_lack():
    real, fake = draws((30, 80), width=3, shift=0.5, seed=0)
    close = measure.compare_closely(real, fake, k=3, seed=0, num_resamples=4)
    plain = measure.compare(real, fake, k=3, seed=0)
    assert {name: close[name] for name in plain} == plain
    assert set(close["intervals"]) == set(measure.RANGES)
    assert close["left_out"] == {}
    for name, (low, high) in close["intervals"].items():
        assert low <= close[name] <= high
        assert measure.RANGES[name][0] <= low
        assert high <= measure.RANGES[name][1]
    few = measure.compare_closely(real[:5], fake, k=5, seed=0, num_resamples=4)
    assert few["left_out"] == {"prdc": "real features: expected at least 6 rows, found 5"}
    assert "coverage" not in few["intervals"]
    assert (
        "real features: expected at least 4"
        in measure.compare_closely(real[:3], fake, k=1, seed=0)["left_out"]["intervals"]
    )
