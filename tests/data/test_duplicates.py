"""Copies of a picture never lie on both sides of a split."""

import io

import numpy as np
import pytest
from loading import load_dataset
from PIL import Image

from minegan_jax.data import duplicates
from minegan_jax.data.digits import open_digits
from minegan_jax.data.image_index import ImageIndex, unlabelled


def listing_of(images):
    return ImageIndex(
        "made",
        unlabelled(len(images)),
        (),
        images.__getitem__,
        [str(i) for i in range(len(images))],
    )


def jpeg(image, quality):
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return Image.open(io.BytesIO(content.getvalue()))


def resized(image, by):
    width, height = image.size
    return image.resize((width + by, height + by), Image.Resampling.LANCZOS)


COPIES = {
    "itself": lambda image: image.copy(),
    "a JPEG of quality 50": lambda image: jpeg(image, 50),
    "a JPEG of quality 95": lambda image: jpeg(image, 95),
    "one pixel larger": lambda image: resized(image, 1),
    "one pixel smaller": lambda image: resized(image, -1),
    "in colour": lambda image: image.convert("RGB"),
}


@pytest.fixture(scope="module")
def digits():
    listing = open_digits("")
    chosen = np.random.default_rng(0).permutation(len(listing.labels))[:400]
    return [Image.fromarray(listing.read(int(index))) for index in chosen]


def landscape(seed):
    """A smooth picture in colour, like a photograph of 64 pixels."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("name", COPIES)
def test_a_digit_stored_again(digits, name):
    images = [*digits[:50], *map(COPIES[name], digits[:50])]
    found = duplicates.repeated(listing_of(images), np.arange(100), skip_unreadable=False)
    assert not found[:50].any()
    assert found[50:].all()


@pytest.mark.parametrize("name", COPIES)
def test_a_photograph_stored_again(name):
    photos = [landscape(seed) for seed in range(30)]
    images = [*photos, *map(COPIES[name], photos)]
    found = duplicates.repeated(listing_of(images), np.arange(60), skip_unreadable=False)
    assert found.tolist() == [False] * 30 + [True] * 30


def test_different_digits_are_different(digits):
    found = duplicates.repeated(listing_of(digits), np.arange(400), skip_unreadable=False)
    assert not found.any()


def test_a_colour_is_not_another_nor_a_picture():
    images = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "red", "white")]
    found = duplicates.repeated(listing_of(images), np.arange(4), skip_unreadable=False)
    assert found.tolist() == [False, False, True, False]


def test_of_many_images_equal_pixels_are_found(digits, monkeypatch):
    monkeypatch.setattr(duplicates, "MAX_COMPARED", 3)
    images = [*digits[:3], digits[1], jpeg(digits[2], 95)]
    found = duplicates.repeated(listing_of(images), np.arange(5), skip_unreadable=False)
    assert found.tolist() == [False, False, False, True, False]


@pytest.fixture
def folder_twice(tmp_path):
    """Twenty photographs, each also as a JPEG of another name."""
    for seed in range(20):
        landscape(seed).save(tmp_path / f"{seed}.png")
        landscape(seed).save(tmp_path / f"copy of {seed}.jpg", quality=70)
    return f"folder:{tmp_path}"


@pytest.mark.parametrize("split", [{"num_held_out": 6}, {"num_validation": 6}])
def test_no_picture_on_both_sides(folder_twice, split, caplog):
    dataset = load_dataset(folder_twice, resolution=64, channels=3, **split)
    other = dataset.held_out if len(dataset.held_out) else dataset.validation
    assert (len(dataset.train), len(other)) == (14, 6)
    apart = np.abs(dataset.train[:, None].astype(float) - other[None]).mean(axis=(2, 3, 4))
    assert apart.min() > 10
    assert dataset.description["equal"] == 20
    assert "20 of 40 images show the same picture" in caplog.text


def test_without_a_split_all_are_taken(folder_twice):
    dataset = load_dataset(folder_twice, resolution=64, channels=3)
    assert (len(dataset.train), dataset.description["equal"]) == (40, 0)


@pytest.mark.parametrize("level", [0, 100, 255])
def test_flat_images_are_equal_only_pixel_for_pixel(level):
    flat = np.full((8, 8), level, np.uint8)
    dotted = flat.copy()
    dotted[3, 3] ^= 1
    images = [Image.fromarray(pixels) for pixels in (flat, dotted, flat ^ 1, dotted, dotted ^ 1)]
    found = duplicates.repeated(listing_of(images), np.arange(5), skip_unreadable=False)
    assert found.tolist() == [False, False, False, True, False]


def test_all_of_the_digits_are_different():
    listing = open_digits("")
    found = duplicates.repeated(listing, np.arange(5000), skip_unreadable=False)
    assert not found.any()


def test_what_is_not_looked_for_is_said(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("minegan_jax.data.MAX_COMPARED", 3)
    for seed in range(4):
        landscape(seed).save(tmp_path / f"{seed}.png")
    load_dataset(f"folder:{tmp_path}", resolution=64, channels=3, num_held_out=1)
    assert "of 4 images only those of equal pixels are found" in caplog.text
