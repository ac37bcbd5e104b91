"""The packaged networks must be as good as the README says."""

import functools

import jax.numpy as jnp
import numpy as np
import oracles
import pytest

import minegan_jax
from minegan_jax import weights
from minegan_jax.data import digits, occurs_in
from minegan_jax.data.digests import in_part, read_digests
from minegan_jax.errors import InputError
from minegan_jax.features import catalogue
from minegan_jax.features import classifier as classifiers
from minegan_jax.features.embed import embed
from minegan_jax.sampling.generator import of_source
from minegan_jax.sources import PACKAGED, load_source, packaged_sources

SAMPLES = 1000  # of a source
open_digits = functools.cache(digits.open_digits)


def judged(name, seed=1):
    """What the judge says of samples of a source: a probability of each digit."""
    source = minegan_jax.load_source(name)
    images = of_source(source, "all", resolution=28, channels=1).sample(SAMPLES, seed)
    return embed(catalogue.load_extractor("digits_judge"), images).probabilities


@pytest.fixture(scope="module")
def confidence():
    return np.concatenate([judged("mnist_without_9", seed) for seed in (1, 2)])


DIGITS = ("digits", "digits_judge", "digits_guide")  # networks that look at digits


def every(listing):
    return np.stack([listing.read(index) for index in range(len(listing.labels))])[..., None]


@pytest.mark.parametrize("name", DIGITS)
def test_classifiers_know_digits_they_never_saw(name):
    listing = open_digits("")
    probabilities = embed(catalogue.load_extractor(name), every(listing)).probabilities
    assert (probabilities.argmax(axis=1) == listing.labels).mean() >= 0.99


def test_a_classifier_of_ones_own():
    own = catalogue.load_extractor(f"classifier:{PACKAGED / 'digits'}")
    assert own.sha256 == catalogue.load_extractor("digits").sha256
    with pytest.raises(InputError, match=r"expected a folder with classifier\.json"):
        catalogue.load_extractor("classifier:nowhere")


def test_features_have_unit_size():
    features = embed(catalogue.load_extractor("digits"), every(open_digits(""))).features
    assert np.square(features).mean() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("name", "digits", "least"),
    [
        ("digits_0_to_4", "01234", 0.15),
        ("digits_5_to_9", "56789", 0.15),
        ("biggan_digits_0_to_8", "012345678", 0.08),
        ("biggan_digits", "0123456789", 0.07),
    ],
)
def test_the_others_make_their_own_digits(name, digits, least):
    shares = np.bincount(judged(name).argmax(axis=1), minlength=10) / SAMPLES
    own = [int(digit) for digit in digits]
    assert shares[own].min() >= least
    assert np.delete(shares, own).sum() <= 0.05


def test_the_source_makes_digits(confidence):
    assert (confidence.max(axis=1) > 0.9).mean() >= 0.9


def test_the_source_makes_all_digits_but_nine(confidence):
    shares = np.bincount(confidence.argmax(axis=1), minlength=10) / len(confidence)
    assert shares[:9].min() >= 0.05
    assert shares[9] <= 0.05


@pytest.mark.parametrize("name", packaged_sources())
def test_no_source_saw_a_digit_that_is_mined_or_held_out(name):
    """They are a third of the rest; the classifiers have the other two."""
    seen = load_source(name).seen
    assert in_part(seen, "1/3").all()
    listing = open_digits("")
    everything = np.arange(len(listing.labels))
    drawn = read_digests(listing, everything, skip_unreadable=False)[1]
    assert not occurs_in(drawn, seen).any()


def test_the_package_stays_small():
    sizes = {
        path.name: sum(f.stat().st_size for f in path.iterdir()) for path in PACKAGED.iterdir()
    }
    assert sizes["mnist_without_9"] <= 2e6
    assert sum(sizes.values()) <= 6.4e6  # 0.5 of them digests of what sources saw, 0.8 the digits


def test_maps_are_those_of_the_three_convolutions():
    """Pooled, the maps of each are what the next one convolves."""
    extractor = catalogue.load_extractor("digits")
    kernels = weights.load_weights(
        PACKAGED / "digits", json_name="classifier.json", fields={}, version=classifiers.FORMAT
    )[0]
    images = every(open_digits(""))[:2] / np.float32(127.5) - 1
    maps = extractor.maps(jnp.asarray(images))
    assert [each.shape for each in maps] == [(2, 28, 28, 24), (2, 14, 14, 48), (2, 7, 7, 96)]
    x = images
    for number, found in enumerate(maps):
        layer = kernels[f"Conv_{number}"]
        expected = oracles.convolution(x, layer["kernel"], layer["bias"]).clip(0)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
        half = expected.shape[1] // 2
        x = expected[:, : 2 * half, : 2 * half].reshape(2, half, 2, half, 2, -1).max(axis=(2, 4))


@pytest.mark.parametrize("name", DIGITS)
def test_logits_are_those_of_the_probabilities(name):
    extractor = catalogue.load_extractor(name)
    images = jnp.asarray(every(open_digits(""))[:2] / np.float32(127.5) - 1)
    logits = np.asarray(extractor.logits(images), np.float64)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(extractor.embed(images)[1], expected, rtol=1e-4, atol=1e-7)
