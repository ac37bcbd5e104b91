"""Links lead to images, never in circles."""

import os

import pytest
from PIL import Image

from minegan_jax.data import open_index
from minegan_jax.errors import InputError

PASSED = "to nothing or to what is read anyway"


@pytest.fixture
def places(tmp_path):
    """A root with one image, and another folder with one image that lies elsewhere."""
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    for folder in (root, elsewhere):
        folder.mkdir()
        Image.new("L", (4, 4)).save(folder / f"{folder.name}.png")
    return root, elsewhere


def found(root):
    listing = open_index(f"folder:{root}")
    return [name.removeprefix(f"{root}/") for name in listing.names], listing


def test_linked_folders_are_classes(places):
    root, elsewhere = places
    (root / "cats").symlink_to(elsewhere)
    (root / "dogs").symlink_to(os.path.relpath(elsewhere, root))
    names, listing = found(root)
    assert names == ["cats/elsewhere.png", "dogs/elsewhere.png", "root.png"]
    assert listing.class_names == ("cats", "dogs")
    assert listing.other_files == ()


def test_linked_images_and_a_linked_root(places, tmp_path):
    root, elsewhere = places
    (root / "a.png").symlink_to(elsewhere / "elsewhere.png")
    (root / "b").symlink_to(elsewhere / "elsewhere.png")
    (tmp_path / "link").symlink_to(root)
    assert found(tmp_path / "link")[0] == ["a.png", "b", "root.png"]


LOOPS = {
    "to itself": lambda root, _: [(root / "a", root / "a")],
    "to the root": lambda root, _: [(root / "a", root)],
    "to nothing": lambda root, _: [(root / "a.png", root / "nowhere.png")],
    "back from elsewhere": lambda root, there: [(root / "in", there), (there / "back", root)],
    "around elsewhere": lambda root, there: [(root / "in", there), (there / "again", there)],
}


@pytest.mark.parametrize("loop", LOOPS)
def test_loops_end_and_are_counted(places, loop):
    for link, target in LOOPS[loop](*places):
        link.symlink_to(target)
    names, listing = found(places[0])
    assert names == (["in/elsewhere.png"] if "elsewhere" in loop else []) + ["root.png"]
    assert listing.other_files == (f"1 link {PASSED}",)


def test_folders_that_link_to_each_other_stay_their_own_classes(places):
    root, _ = places
    for name, other in (("a", "b"), ("b", "a")):
        (root / name).mkdir()
        Image.new("L", (4, 4)).save(root / name / "1.png")
        (root / name / "link").symlink_to(root / other)
    names, listing = found(root)
    assert names == ["a/1.png", "b/1.png", "root.png"]
    assert listing.labels.tolist() == [0, 1, -1]
    assert listing.other_files == (f"2 links {PASSED}",)


def test_a_link_to_the_folder_around_reads_the_rest_of_it(places, tmp_path):
    (places[0] / "up").symlink_to(tmp_path)
    assert found(places[0])[0] == ["root.png", "up/elsewhere/elsewhere.png"]


def test_pipes_are_not_waited_for(places):
    os.mkfifo(places[0] / "pipe.png")
    assert found(places[0])[0] == ["root.png"]


def test_a_folder_that_cannot_be_read_is_no_empty_one(places, monkeypatch):
    def scandir(path):
        if path == places[0]:
            raise PermissionError(13, "Permission denied")
        return whole(path)

    whole = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(InputError, match="found an error: Permission denied"):
        found(places[0])
