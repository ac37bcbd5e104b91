"""Large sets: pairs are those of some images, drawn by lot; the Fréchet distance takes all."""

import json

import numpy as np
import pytest

from minegan_jax import experiment
from minegan_jax.metrics.frechet import frechet_distance
from minegan_jax.report import measure


def rows(count, seed):
    return np.random.default_rng(seed).normal(size=(count, 6))


def compared(real, fake, seed=0):
    return measure.compare_closely(real, fake, k=3, seed=seed, num_resamples=3)


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(measure, "MOST_PAIRED", 40)


@pytest.mark.usefixtures("few")
def test_small_sets_are_compared_whole():
    assert "num_paired" not in compared(rows(40, 0), rows(30, 1))


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("counts", [(20, 90), (90, 30), (70, 80)])
def test_large_sets_lose_no_row_of_the_frechet_distance(counts):
    real, fake = rows(counts[0], 0), rows(counts[1], 1)
    found = compared(real, fake)
    assert found["num_paired"] == 40
    assert (found["num_real"], found["num_fake"]) == counts
    np.testing.assert_allclose(found["frechet_distance"], frechet_distance(real, fake))
    assert found["intervals"].keys() == compared(real[:20], fake[:20])["intervals"].keys()


def test_pairs_are_near_those_of_all(monkeypatch):
    real, fake = rows(300, 0), rows(400, 1)
    whole = compared(real, fake)
    monkeypatch.setattr(measure, "MOST_PAIRED", 200)
    part = compared(real, fake)
    for name in ("kid", "kmmd_biased", "precision", "recall", "density", "coverage"):
        assert abs(part[name] - whole[name]) < 0.15
        assert part[name] != whole[name]


@pytest.mark.usefixtures("few")
def test_the_order_of_images_changes_nothing():
    real, fake = rows(60, 0), rows(70, 1)
    again = compared(real[::-1], np.roll(fake, 7, axis=0))
    assert compared(real, fake) == again
    assert compared(real, fake, seed=1)["kmmd_biased"] != again["kmmd_biased"]


@pytest.mark.usefixtures("few")
def test_a_report_says_so(finished):
    run = experiment.open_run(finished)
    report = run.evaluate(num_images=60)
    assert report["phases"]["mine"]["train"]["num_paired"] == 40
    text = (finished / "report.md").read_text()
    assert "All but the Fréchet distance compare pairs of 40 images of a set" in text
    assert json.loads((finished / "report.json").read_text()) == report
