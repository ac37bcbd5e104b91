"""Folders of images: what is found, in which order, and of which class."""

import json

import numpy as np
import pytest
from PIL import Image

from minegan_jax.data import open_index
from minegan_jax.errors import InputError


def save(path, value=0):
    """A small image of one grey value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4), value, np.uint8)).save(path)


def complaint(spec):
    """The one line that a bad folder is answered with."""
    with pytest.raises(InputError) as caught:
        open_index(spec)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_images_are_sorted_by_path_and_other_files_ignored(tmp_path):
    for name in ("b.PNG", "a.jpg", "c.gif", "._a.jpg", ".cache/d.png", "__MACOSX/e.png"):
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    listing = open_index(f"folder:{tmp_path}")
    assert listing.names == [str(tmp_path / name) for name in ("a.jpg", "b.PNG", "c.gif")]
    assert listing.labels.tolist() == [-1, -1, -1]
    assert listing.class_names == ()


def test_sub_folders_are_classes_in_the_order_of_names(tmp_path):
    for name in ("dog/1.png", "cat/deep/2.png", "cat/1.png"):
        save(tmp_path / name)
    listing = open_index(f"folder:{tmp_path}")
    assert listing.class_names == ("cat", "dog")
    assert listing.labels.tolist() == [0, 0, 1]


def test_numbered_sub_folders_are_their_own_labels(tmp_path):
    for name in ("9/1.png", "10/1.png", "3/1.png"):
        save(tmp_path / name, int(name.split("/")[0]))
    listing = open_index(f"folder:{tmp_path}")
    read = [np.asarray(listing.read(index))[0, 0] for index in range(3)]
    assert listing.labels.tolist() == read == [10, 3, 9]
    assert listing.class_names == ()


def test_an_image_beside_classes_has_none(tmp_path):
    save(tmp_path / "cat" / "1.png")
    save(tmp_path / "z.png")
    assert open_index(f"folder:{tmp_path}").labels.tolist() == [0, -1]


@pytest.mark.parametrize(
    ("names", "refused"),
    [
        (("1", "01"), "found 01 and 1, which are both label 1"),
        (("1", "2", "002"), "found 002 and 2, which are both label 2"),
        (("train", "test"), "found parts of a data set, test and train: name one of them"),
        (("Train", "val", "test"), "/Train"),
        (("train",), "/train"),
    ],
)
def test_folders_that_are_no_classes_or_one_are_refused(tmp_path, names, refused):
    for name in names:
        save(tmp_path / name / "cat" / "1.png")
    assert refused in complaint(f"folder:{tmp_path}")
    assert len(open_index(f"folder:{tmp_path}/{names[0]}").labels) == 1


@pytest.mark.parametrize(
    ("names", "labels", "class_names"),
    [
        (("2019", "2020"), [2019, 2020], ()),
        (("01", "02"), [1, 2], ()),
        (("01", "1", "a"), [0, 1, 2], ("01", "1", "a")),
        (("Cat", "cat"), [0, 1], ("Cat", "cat")),
        (("car", "train"), [0, 1], ("car", "train")),
        (("1234567890", "2"), [0, 1], ("1234567890", "2")),
    ],
)
def test_folders_are_labels(tmp_path, names, labels, class_names):
    for name in names:
        save(tmp_path / name / "1.png")
    listing = open_index(f"folder:{tmp_path}")
    assert (listing.labels.tolist(), listing.class_names) == (labels, class_names)


def test_a_folder_around_the_classes_is_said(tmp_path, caplog):
    for name in ("cat", "dog"):
        save(tmp_path / "pets" / name / "1.png")
    assert open_index(f"folder:{tmp_path}").class_names == ("pets",)
    assert f"expected folder:{tmp_path}/pets if its sub-folders are classes" in caplog.text


LABELS = [["00000/1.png", 7], ["2.png", 3], ["gone.png", 1]]


def test_labels_of_a_dataset_json(tmp_path):
    save(tmp_path / "00000" / "1.png")
    save(tmp_path / "2.png")
    file = tmp_path / "dataset.json"
    for labels, expected in ((LABELS, [7, 3]), (None, [-1, -1])):
        file.write_text(json.dumps({"labels": labels}))
        listing = open_index(f"folder:{tmp_path}")
        assert (listing.labels.tolist(), listing.other_files) == (expected, ())
    file.write_text('{"images": []}')  # of another tool
    assert open_index(f"folder:{tmp_path}").labels.tolist() == [0, -1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"labels": [["a.png", 1]', "found a damaged file"),
        ('{"labels": {"a.png": 1}}', "found dict"),
        ('{"labels": [["a.png", 1.5]]}', 'found ["a.png", 1.5]'),
        ('{"labels": [["a.png", [0, 1]]]}', 'found ["a.png", [0, 1]]'),
        ('{"labels": [["a.png", -1]]}', 'found ["a.png", -1]'),
        ('{"labels": [["a.png", true]]}', 'found ["a.png", true]'),
        ('{"labels": [["a.png", 1], ["a.png", 2]]}', "a.png is 1 there and also 2"),
        ('{"labels": []}', "found none for a.png"),
    ],
)
def test_a_wrong_dataset_json_is_refused(tmp_path, content, said):
    save(tmp_path / "a.png")
    (tmp_path / "dataset.json").write_text(content)
    assert said in complaint(f"folder:{tmp_path}")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", {"config": {}, "sources": {}, "target": {}, "versions": {}}),
        ("source.json", {"family": "dcgan", "weights": {}}),
        ("table.json", {"rows": [], "milliseconds": {}}),
    ],
)
def test_what_this_program_wrote_is_no_photograph(tmp_path, name, content):
    save(tmp_path / "1.png")
    save(tmp_path / "out" / "samples" / "2.png")
    (tmp_path / "out" / name).write_text(json.dumps(content))
    listing = open_index(f"folder:{tmp_path}")
    assert listing.names == [str(tmp_path / "1.png")]
    assert listing.other_files == ("1 folder that this program wrote",)
    assert "found a folder that this program wrote" in complaint(f"folder:{tmp_path}/out")
    assert len(open_index(f"folder:{tmp_path}/out/samples").names) == 1


def test_other_programs_json_is_no_mark(tmp_path):
    save(tmp_path / "cat" / "2.png")
    for number, text in enumerate(('{"config": 1}', "[]", "no json")):
        (tmp_path / "cat" / ("config.json", "source.json", "table.json")[number]).write_text(text)
    assert open_index(f"folder:{tmp_path}").other_files == ("3 .json",)


def test_missing_wrong_and_empty_folders_are_refused(tmp_path):
    file = tmp_path / "file.txt"
    file.write_text("")
    assert "no such folder" in complaint(f"folder:{tmp_path}/nowhere")
    assert "found a file" in complaint(f"folder:{file}")
    assert "no such home" in complaint("folder:~nobody_of_this_name/x")
    assert "no such folder" in complaint(f"folder:{'x' * 300}")
    assert "no images in it: 1 other file left out: 1 .txt" in complaint(f"folder:{tmp_path}")
