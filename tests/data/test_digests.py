"""A set's parts are disjoint, and its images recognised, however it is stored."""

import numpy as np
import pytest
from loading import load_dataset
from PIL import Image

from minegan_jax.data import digests
from minegan_jax.errors import InputError


@pytest.fixture
def stored(tmp_path):
    """The same sixty images as an archive and, in another order and as colour, as a folder."""
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8), np.uint8)
    np.savez(tmp_path / "set.npz", images=images)
    (tmp_path / "set").mkdir()
    for number, image in enumerate(images[::-1]):
        Image.fromarray(image).convert("RGB").save(tmp_path / "set" / f"{number:02}.png")
    return f"npz:{tmp_path / 'set.npz'}", f"folder:{tmp_path / 'set'}"


def pictures(spec, **fields):
    train = load_dataset(spec, resolution=8, channels=1, **fields).train
    return {image.tobytes() for image in train}


def test_parts_are_disjoint_and_all_of_it(stored):
    parts = [pictures(stored[0], part=f"{number}/3") for number in (1, 2, 3)]
    assert min(map(len, parts)) >= 10
    assert sum(map(len, parts)) == len(set.union(*parts)) == 60


def test_a_part_is_the_same_however_the_set_is_stored(stored):
    assert pictures(stored[0], part="2/3") == pictures(stored[1], part="2/3")


def test_what_occurs_elsewhere_is_excluded_at_any_size(stored):
    archive, folder = stored
    with pytest.raises(InputError, match="too few images"):
        load_dataset(archive, resolution=16, channels=1, enlarge=True, exclude=folder)


def test_a_dataset_knows_its_images(stored):
    one = load_dataset(stored[0], resolution=8, channels=1, num_held_out=20)
    two = load_dataset(stored[1], resolution=4, channels=1)
    assert len(one.held_out_digests) == 20
    everything = np.concatenate([one.train_digests, one.held_out_digests])
    np.testing.assert_array_equal(np.sort(everything), np.sort(two.train_digests))


@pytest.mark.parametrize("part", ["0/3", "4/3", "1", "1/0", "a/b", "1/3/5", "-1/3", " 1/3"])
def test_parts_that_are_none(part):
    with pytest.raises(InputError, match="expected K/N"):
        digests.parse_part(part)
