"""Specs: the table of kinds, and what a mistyped spec is told."""

import hashlib

import numpy as np
import pytest

from minegan_jax.data import KINDS, native_shape, open_index
from minegan_jax.data.digits import PACKAGED
from minegan_jax.errors import InputError


def complaint(spec):
    """The one line that a bad spec is answered with."""
    with pytest.raises(InputError) as caught:
        open_index(spec)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_unknown_kind_is_answered_with_the_nearest_and_all():
    line = complaint("foldr:/data")
    assert "did you mean folder?" in line
    assert all(kind in line for kind in KINDS)


def test_bare_paths_are_answered_with_their_prefix(tmp_path):
    archive = tmp_path / "images.npz"
    np.savez(archive, images=np.zeros((1, 4, 4), np.uint8))
    assert f"folder:{tmp_path}" in complaint(str(tmp_path))
    assert f"npz:{archive}" in complaint(str(archive))


@pytest.mark.parametrize("spec", ["", "nothing", ":", "folder:", "npz:", "tfds:", "digits:9"])
def test_incomplete_specs_are_refused(spec):
    assert complaint(spec)


def test_digits_are_mnist():
    listing = open_index("digits")
    assert np.bincount(listing.labels).tolist() == [500] * 10
    assert listing.class_names[7] == "7"
    assert len(listing.names) == 5000
    assert native_shape(listing) == (28, 1)
    assert listing.read(0).max() > 200


def test_digits_are_always_the_same_ones():
    """Held-out parts, sources' lists of seen images and every published figure hang on that."""
    listing = open_index("digits")
    digest = hashlib.sha256()
    for index in range(len(listing.names)):
        digest.update(listing.read(index).tobytes())
    assert digest.hexdigest() == "2913c6b6527114b7307e1086335a7665e3f94c74aba3d67525e6f116bf5ae20f"


def test_the_digits_licence_lies_beside_them():
    text = PACKAGED.with_name("LICENCE.md").read_text()
    assert all(word in text for word in ("LeCun", "Cortes", "CC-BY-SA-3.0"))
