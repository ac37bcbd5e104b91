"""NumPy archives of images."""

import numpy as np
import pytest

from minegan_jax.data import conform, native_shape, open_listing
from minegan_jax.errors import InputError

IMAGES = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)


def complaint(path):
    """The one line that a bad archive is answered with."""
    with pytest.raises(InputError) as caught:
        open_listing(f"npz:{path}")
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_images_and_labels_come_back_unchanged(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", images=IMAGES, labels=np.array([4, 2]))
    listing = open_listing(f"npz:{tmp_path}/a.npz")
    assert listing.labels.tolist() == [4, 2]
    assert native_shape(listing) == (4, 3)
    np.testing.assert_array_equal(conform(listing, [0, 1], resolution=4, channels=3).pixels, IMAGES)


@pytest.mark.parametrize("images", [IMAGES[..., 0], IMAGES[..., :1]])
def test_grey_images_come_with_or_without_an_axis(tmp_path, images):
    np.savez(tmp_path / "a.npz", images=images)
    listing = open_listing(f"npz:{tmp_path}/a.npz")
    assert listing.labels.tolist() == [-1, -1]
    assert native_shape(listing) == (4, 1)
    pixels = conform(listing, [1], resolution=4, channels=1).pixels
    np.testing.assert_array_equal(pixels[0, :, :, 0], IMAGES[1, :, :, 0])


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"pictures": IMAGES}, "expected an array 'images', found none"),
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
    np.save(tmp_path / "array.npy", IMAGES)
    np.savez(tmp_path / "whole.npz", images=IMAGES)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:150])
    (tmp_path / "text.npz").write_text("no archive")
    assert "no such file" in complaint(tmp_path / "none.npz")
    assert "found a single array" in complaint(tmp_path / "array.npy")
    assert "not a readable .npz" in complaint(tmp_path / "cut.npz")
    assert "not a readable .npz" in complaint(tmp_path / "text.npz")


def test_what_would_fill_the_memory_is_refused(tmp_path):
    black = np.zeros((1000, 300, 300), np.uint8)
    np.savez_compressed(tmp_path / "bomb.npz", images=black)
    assert "bytes unpack to 90,000" in complaint(tmp_path / "bomb.npz")
