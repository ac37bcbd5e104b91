"""From a spec to arrays in one call."""

import json

import numpy as np
import pytest
from loading import load_dataset
from PIL import Image

from minegan_jax.data.identity import identity
from minegan_jax.errors import InputError

IMAGES = np.random.default_rng(0).integers(256, size=(40, 8, 8, 3), dtype=np.uint8)
LABELS = np.arange(40) % 4
SHAPE = {"resolution": 8, "channels": 3}


@pytest.fixture
def spec(tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=LABELS)
    return f"npz:{tmp_path}/a.npz"


def as_set(pixels):
    return {image.tobytes() for image in pixels}


def test_parts_never_share_an_image_and_keep_their_labels(spec):
    dataset = load_dataset(spec, **SHAPE, labels=(1, 2), num_held_out=5, max_images=10)
    assert dataset.train.shape == (10, 8, 8, 3)
    assert dataset.held_out.shape == (5, 8, 8, 3)
    assert not as_set(dataset.train) & as_set(dataset.held_out)
    label_of = {image.tobytes(): label for image, label in zip(IMAGES, LABELS, strict=True)}
    for pixels, labels in (dataset[:2], dataset[2:4]):
        assert [label_of[image.tobytes()] for image in pixels] == labels.tolist()


def test_nothing_held_out_has_no_rows(spec):
    dataset = load_dataset(spec, **SHAPE)
    assert dataset.held_out.shape == (0, 8, 8, 3)
    assert dataset.held_out_labels.shape == (0,)
    assert as_set(dataset.train) == as_set(IMAGES)


def test_the_description_is_plain_json(spec):
    description = load_dataset(
        spec, **SHAPE, labels=(0, 3), ratios=(0.25, 0.75), max_images=8, seed=2
    ).description
    assert json.loads(json.dumps(description)) == {
        "spec": spec,
        "exclude": None,
        "part": None,
        "train": 8,
        "held_out": 0,
        "equal": 0,
        "seed": 2,
        "labels": [0, 3],
        "ratios": [0.25, 0.75],
        "other_files": [],
        "skipped": [],
    }


def test_excluded_images_are_in_neither_part(spec, tmp_path):
    np.savez(tmp_path / "seen.npz", images=IMAGES[:30])
    dataset = load_dataset(spec, **SHAPE, exclude=f"npz:{tmp_path}/seen.npz", num_held_out=3)
    assert as_set(dataset.train) | as_set(dataset.held_out) == as_set(IMAGES[30:])
    with pytest.raises(InputError, match="found 0"):
        load_dataset(spec, **SHAPE, exclude=spec)


@pytest.mark.parametrize("exclude", [False, True])
def test_skipped_images_are_reported(tmp_path, spec, exclude):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(IMAGES[number]).save(folder / f"{number}.png")
    (folder / "1.png").write_bytes(b"")
    settings = {"skip_unreadable": True, "exclude": spec if exclude else None}
    if exclude:
        Image.fromarray(255 - IMAGES[0]).save(folder / "3.png")
    dataset = load_dataset(f"folder:{folder}", **SHAPE, **settings)
    assert dataset.description["skipped"] == [str(folder / "1.png")]
    assert len(dataset.train) == (1 if exclude else 2)


def test_a_set_of_unreadable_images_is_refused(tmp_path):
    (tmp_path / "1.png").write_bytes(b"")
    with pytest.raises(InputError, match="none of the 1 chosen images is readable"):
        load_dataset(f"folder:{tmp_path}", **SHAPE, skip_unreadable=True)


def test_other_files_are_said_once_and_change_no_identity(tmp_path, caplog):
    Image.fromarray(IMAGES[0]).save(tmp_path / "1.png")
    before = load_dataset(f"folder:{tmp_path}", **SHAPE)
    for name in ("a.heic", "b.HEIC", "notes.txt"):
        (tmp_path / name).write_bytes(b"no picture")
    dataset = load_dataset(f"folder:{tmp_path}", **SHAPE)
    assert dataset.description["other_files"] == ["2 .heic", "1 .txt"]
    assert caplog.text.count("3 other files left out: 2 .heic, 1 .txt") == 1
    assert identity(dataset) == identity(before)


@pytest.mark.parametrize("grey_range", [(1.0,), (2.0, 2.0), (0.0, 1.0, 2.0)])
def test_a_grey_range_is_two_numbers(spec, grey_range):
    with pytest.raises(InputError, match="grey_range: expected two different numbers"):
        load_dataset(spec, **SHAPE, grey_range=grey_range)


def test_deep_grey_is_read_everywhere_by_its_range(tmp_path):
    (tmp_path / "a").mkdir()
    for number in range(3):
        deep = Image.fromarray(np.float32(np.arange(64).reshape(8, 8) % (number + 7)))
        deep.save(tmp_path / "a" / f"{number}.tif")
    settings = {"resolution": 8, "channels": 1, "num_held_out": 1, "grey_range": (0.0, 10.0)}
    (tmp_path / "seen").mkdir()
    deep.save(tmp_path / "seen" / "0.tif")
    dataset = load_dataset(f"folder:{tmp_path}/a", **settings, exclude=f"folder:{tmp_path}/seen")
    assert (len(dataset.train), len(dataset.held_out)) == (1, 1)
