"""Copies of the training images are called copies by every report; honest images are not."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest

from minegan_jax.data import Dataset
from minegan_jax.errors import InputError
from minegan_jax.features import lpips
from minegan_jax.metrics.data_copying import copying_score, k_means
from minegan_jax.metrics.frechet import frechet_distance
from minegan_jax.metrics.mifid import memorisation_informed
from minegan_jax.mining.method import MinedSource
from minegan_jax.mining.noise import NoiseShape
from minegan_jax.report import evaluator
from minegan_jax.report.report import Subject, write_report
from minegan_jax.report.settings import ReportConfig
from minegan_jax.sampling.generator import Generator
from minegan_jax.types import to_pixels, to_unit_range

NO_DIGESTS = (np.zeros(0, np.uint64), np.zeros(0, np.uint64))  # of images that nobody looks up


def gaussians(*counts, width=8, seed=0):
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=(count, width)) for count in counts)


# C_T.


def test_copying_score_of_one_region_matches_a_loop():
    train, held_out, fake = gaussians(30, 25, 40, width=4)
    fake[:5] = train[:5]
    of_held_out = [oracles.nearest(row, train)[1] for row in held_out]
    of_fake = [oracles.nearest(row, train)[1] for row in fake]
    pairs = sum((q > p) + 0.5 * (q == p) for q in of_fake for p in of_held_out)
    expected = (pairs - 25 * 40 / 2) / np.sqrt(25 * 40 * 66 / 12)
    assert copying_score(train, held_out, fake, num_regions=1) == pytest.approx(expected)


def test_copying_score_weighs_regions_by_their_held_out_images():
    places = np.array([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])
    sets = []
    for seed, counts in enumerate([(20, 20, 20), (10, 20, 30), (40, 25, 5)]):
        rng = np.random.default_rng(seed)
        sets.append(
            [place + rng.normal(size=(n, 2)) for place, n in zip(places, counts, strict=True)]
        )
    alone = [copying_score(*(part[i] for part in sets), num_regions=1) for i in range(2)]
    found = copying_score(*map(np.concatenate, sets))
    assert found == pytest.approx(np.average(alone, weights=[10, 20]))  # the third has 5 fakes


def test_copying_score_of_one_distribution_is_about_standard_normal():
    scores = [
        copying_score(*gaussians(200, 60, 200, seed=seed), num_regions=1) for seed in range(60)
    ]
    assert abs(np.mean(scores)) < 0.6
    assert np.std(scores) < 2.0  # training images are shared by all pairs, so that it is above 1
    train, held_out, fake = gaussians(200, 60, 200)
    assert copying_score(train, held_out, train + 0.01) < -5
    assert copying_score(train, held_out, 3 * fake) > 5


def test_copying_score_looks_at_64_components():
    train, held_out, fake = gaussians(90, 40, 60, width=100)
    centre = train.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(train, rowvar=False))
    seen = [(rows - centre) @ vectors[:, :-65:-1] for rows in (train, held_out, fake)]
    expected = copying_score(*seen, num_regions=1)
    assert copying_score(train, held_out, fake, num_regions=1) == pytest.approx(expected)


def test_copying_score_refuses_too_few():
    train, held_out, fake = gaussians(30, 10, 19)
    with pytest.raises(InputError, match=r"20 fakes and a held-out image .* 19 and 10"):
        copying_score(train, held_out, fake)
    with pytest.raises(InputError, match="at least 3 rows, found 2"):
        copying_score(train[:2], held_out, fake)
    with pytest.raises(ValueError, match="NaN"):
        copying_score(train, held_out, fake * np.nan)


def test_k_means_finds_what_lies_apart():
    rng = np.random.default_rng(0)
    places = np.array([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0]])
    rows = np.concatenate([place + rng.normal(size=(30, 2)) for place in places])
    centres = k_means(rows, 3, seed=0)
    expected = [rows[30 * i : 30 * (i + 1)].mean(axis=0) for i in range(3)]
    np.testing.assert_allclose(sorted(map(tuple, centres)), sorted(map(tuple, expected)))
    assert k_means(np.ones((4, 2)), 3, seed=0).tolist() == [[1.0, 1.0]] * 3


# The memorisation-informed distance.


def test_memorisation_informed_distance_matches_loops():
    train, fake = gaussians(20, 30, width=5)
    fake = 2 * fake + 0.1
    cosines = [[abs(x @ y) / np.sqrt((x @ x) * (y @ y)) for y in train] for x in fake]
    distance = np.mean([1 - max(row) for row in cosines])
    found = memorisation_informed(train, fake, threshold=1.0)
    assert found.cosine_distance == pytest.approx(distance)
    assert found.value == pytest.approx(frechet_distance(train, fake) / distance)
    assert memorisation_informed(train, fake, threshold=0.01).value == pytest.approx(
        frechet_distance(train, fake)
    )


def test_memorisation_informed_distance_punishes_copies():
    train, fake = gaussians(40, 200, width=40)
    honest, copies = (memorisation_informed(train, rows).value for rows in (fake, train[:30]))
    assert frechet_distance(train, train[:30]) < frechet_distance(train, fake)
    assert copies > 1e6 * honest


# The report.


def test_a_perceptual_distance_has_a_known_name():
    with pytest.raises(InputError, match="unknown diversity 'vgg': expected lpips:FILE"):
        evaluator.load_diversity("vgg")


def blobs(latents):
    """Images of a soft spot, in [-1, 1]; where it lies, how large and how bright is random."""
    row, column, size, light = (latents[:, n, None, None] for n in range(4))
    places = jnp.arange(28.0)
    squared = (places[None, :, None] - 14 - 4 * row) ** 2
    squared = squared + (places[None, None] - 14 - 4 * column) ** 2
    spot = jnp.exp(-squared / (2 * (3 + jnp.abs(size)) ** 2))
    return (2 * spot * jax.nn.sigmoid(2 + light) - 1)[..., None]


def drawn_from(generate):
    """A finished method that generates in one way."""
    source = MinedSource(NoiseShape(4), lambda _, noise: generate(noise.latents))
    return Generator(("source",), (source,), ({},), np.ones(1))


def brightness(left, right):
    """The distance of two images' mean values."""
    return np.abs(left.mean(axis=(1, 2, 3))[:, None] - right.mean(axis=(1, 2, 3))[None])


def test_a_report_calls_copies_by_their_name(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    real = np.asarray(to_pixels(blobs(jnp.asarray(rng.normal(size=(160, 4)), jnp.float32))))
    train, held_out = real[:60], real[60:]
    labels = np.zeros(160, int)
    table = to_unit_range(jnp.asarray(train))

    def copy(latents):
        return table[(1000 * jnp.abs(latents[:, 0])).astype(int) % len(table)]

    phases = {
        "honest": drawn_from(blobs),
        "near": drawn_from(
            lambda latents: copy(latents) + 0.03 * jnp.sin(latents[:, 1, None, None, None])
        ),
        "exact": drawn_from(copy),
    }
    seen = lpips.Perceptual("brightness", "0" * 64, brightness)
    monkeypatch.setattr(lpips, "load_lpips", lambda file: seen if file == "FILE" else None)
    recipe = evaluator.Recipe(ReportConfig(num_images=300, diversity="lpips:FILE"))
    dataset = Dataset(train, labels[:60], held_out, labels[60:], train[:0], {}, *NO_DIGESTS)
    write_report(tmp_path, Subject(recipe, dataset, phases, {}, ()))
    report = json.loads((tmp_path / "report.json").read_text())
    words = {name: phase["verdict"]["verdict"] for name, phase in report["phases"].items()}
    assert words == {"honest": "no sign of copies", "near": "copies", "exact": "copies"}
    text = (tmp_path / "report.md").read_text()
    assert "- **exact**: **copies** (300 of 300 images have the very features" in text
    assert "- **honest**: **no sign of copies**" in text
    # What must not be read without the verdict: exact copies beat honest images here.
    honest, exact = (report["phases"][name] for name in ("honest", "exact"))
    assert exact["train"]["frechet_distance"] < honest["train"]["frechet_distance"]
    assert exact["copying"]["copying_score"] < -5 < honest["copying"]["copying_score"]
    assert exact["intra_cluster"]["value"] == 0.0 < honest["intra_cluster"]["value"]
    assert report["recipe"]["diversity"]["name"] == "brightness"
    low, high = honest["held_out"]["intervals"]["frechet_distance"]
    assert f" ({low:.4g} to {high:.4g})" in text
