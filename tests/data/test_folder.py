"""Folders of images: what is found, in which order, and of which class."""

import numpy as np
import pytest
from PIL import Image

from minegan_jax.data import open_listing
from minegan_jax.errors import InputError


def save(path, value=0):
    """A small image of one grey value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4), value, np.uint8)).save(path)


def complaint(spec):
    """The one line that a bad folder is answered with."""
    with pytest.raises(InputError) as caught:
        open_listing(spec)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_images_are_sorted_by_path_and_other_files_ignored(tmp_path):
    for name in ("b.PNG", "a.jpg", "c.gif", "._a.jpg", ".cache/d.png"):
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    listing = open_listing(f"folder:{tmp_path}")
    assert listing.names == [str(tmp_path / name) for name in ("a.jpg", "b.PNG", "c.gif")]
    assert listing.labels.tolist() == [-1, -1, -1]
    assert listing.class_names == ()


def test_sub_folders_are_classes_in_the_order_of_names(tmp_path):
    for name in ("dog/1.png", "cat/deep/2.png", "cat/1.png"):
        save(tmp_path / name)
    listing = open_listing(f"folder:{tmp_path}")
    assert listing.class_names == ("cat", "dog")
    assert listing.labels.tolist() == [0, 0, 1]


def test_numbered_sub_folders_are_their_own_labels(tmp_path):
    for name in ("9/1.png", "10/1.png", "3/1.png"):
        save(tmp_path / name, int(name.split("/")[0]))
    listing = open_listing(f"folder:{tmp_path}")
    read = [np.asarray(listing.read(index))[0, 0] for index in range(3)]
    assert listing.labels.tolist() == read == [10, 3, 9]
    assert listing.class_names == ()


def test_an_image_beside_classes_has_none(tmp_path):
    save(tmp_path / "cat" / "1.png")
    save(tmp_path / "z.png")
    assert open_listing(f"folder:{tmp_path}").labels.tolist() == [0, -1]


def test_missing_wrong_and_empty_folders_are_refused(tmp_path):
    file = tmp_path / "file.txt"
    file.write_text("")
    assert "no such folder" in complaint(f"folder:{tmp_path}/nowhere")
    assert "found a file" in complaint(f"folder:{file}")
    assert "no images" in complaint(f"folder:{tmp_path}")
