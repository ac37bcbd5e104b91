"""NumPy archives of images."""

import numpy as np
import pytest

from minegan_jax.data import native_shape, open_index, preprocess
from minegan_jax.errors import InputError

IMAGES = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)


def complaint(path):
    """The one line that a bad archive is answered with."""
    with pytest.raises(InputError) as caught:
        open_index(f"npz:{path}")
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_images_and_labels_come_back_unchanged(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", images=IMAGES, labels=np.array([4, 2]))
    listing = open_index(f"npz:{tmp_path}/a.npz")
    assert listing.labels.tolist() == [4, 2]
    assert native_shape(listing) == (4, 3)
    np.testing.assert_array_equal(
        preprocess(listing, [0, 1], resolution=4, channels=3).pixels, IMAGES
    )


@pytest.mark.parametrize("images", [IMAGES[..., 0], IMAGES[..., :1]])
def test_grey_images_come_with_or_without_an_axis(tmp_path, images):
    np.savez(tmp_path / "a.npz", images=images)
    listing = open_index(f"npz:{tmp_path}/a.npz")
    assert listing.labels.tolist() == [-1, -1]
    assert native_shape(listing) == (4, 1)
    pixels = preprocess(listing, [1], resolution=4, channels=1).pixels
    np.testing.assert_array_equal(pixels[0, :, :, 0], IMAGES[1, :, :, 0])


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"a": IMAGES, "b": IMAGES[:1]}, "found a of uint8 (2, 4, 4, 3), b of uint8 (1, 4, 4, 3)"),
        ({"mean": np.zeros(3), "o": np.array([{}])}, "found mean of float64 (3,), o of objects"),
        ({}, "expected an array 'images', found none"),
        ({"arr_0": IMAGES, "arr_1": np.zeros(3, int)}, "expected 'arr_1' of 2 integers"),
        ({"images": IMAGES / 255}, "expected 'images' of uint8, found float64"),
        ({"images": IMAGES[0, 0]}, "found (4, 3)"),
        ({"images": np.zeros((2, 4, 4, 2), np.uint8)}, "found (2, 4, 4, 2)"),
        ({"images": IMAGES[:0]}, "found (0, 4, 4, 3)"),
        ({"images": IMAGES, "labels": np.zeros(3, int)}, "expected 'labels' of 2 integers"),
        ({"images": IMAGES, "labels": np.zeros(2)}, "found float64"),
        ({"images": IMAGES, "labels": np.array([{}, {}])}, "not a readable .npz"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path, arrays, expected):
    np.savez(tmp_path / "a.npz", **arrays)
    assert expected in complaint(tmp_path / "a.npz")


def test_wrong_files_are_refused(tmp_path):
    np.savez(tmp_path / "whole.npz", images=IMAGES)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:150])
    (tmp_path / "text.npz").write_text("no archive")
    assert "no such file" in complaint(tmp_path / "none.npz")
    assert f"found a folder: folder:{tmp_path}" in complaint(tmp_path)
    assert "not a readable .npz" in complaint(tmp_path / "cut.npz")
    assert "expected an .npz or .npy file" in complaint(tmp_path / "text.npz")


@pytest.mark.parametrize(
    ("name", "labels"),
    [("arr_0", "arr_1"), ("x", "y"), ("pictures", "labels"), ("images", "labels")],
)
@pytest.mark.parametrize("first", [False, True])
def test_images_of_other_names_and_layouts(tmp_path, name, labels, first):
    expected = np.arange(2 * 6 * 6 * 3, dtype=np.uint8).reshape(2, 6, 6, 3)
    images = np.moveaxis(expected, 3, 1) if first else expected
    arrays = {name: images, labels: np.array([[4], [2]]), "mean": np.zeros(3)}
    np.savez(tmp_path / "a.npz", **arrays)
    listing = open_index(f"npz:{tmp_path}/a.npz")
    assert listing.labels.tolist() == [4, 2]
    pixels = preprocess(listing, [0, 1], resolution=6, channels=3).pixels
    np.testing.assert_array_equal(pixels, expected)


def test_a_single_array_is_one_of_images(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES)
    listing = open_index(f"npz:{tmp_path}/a.npy")
    assert listing.labels.tolist() == [-1, -1]
    np.testing.assert_array_equal(listing.read(1), IMAGES[1])


@pytest.mark.parametrize(
    ("images", "recipe"),
    [
        (np.float32(IMAGES / 255), "(a * 255).round().astype('uint8')"),
        (IMAGES / 127.5 - 1, "((a + 1) * 127.5).round().astype('uint8')"),
        (IMAGES.astype(int), "a.round().astype('uint8')"),
    ],
)
def test_numbers_of_another_type_are_told_how_to_be_images(tmp_path, images, recipe):
    np.savez(tmp_path / "a.npz", images=images)
    line = complaint(tmp_path / "a.npz")
    assert f"found {images.dtype} from" in line
    assert line.endswith(f"store {recipe}")
    np.testing.assert_array_equal(eval(recipe, {"a": images}), IMAGES)


def test_what_would_fill_the_memory_is_refused(tmp_path):
    black = np.zeros((1000, 300, 300), np.uint8)
    np.savez_compressed(tmp_path / "bomb.npz", images=black)
    assert "bytes unpack to 90,000" in complaint(tmp_path / "bomb.npz")
