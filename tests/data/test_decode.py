"""Colours come out as a file's ICC profile means them."""

import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from minegan_jax.data import open_index
from minegan_jax.data.decode import flatten, load_image

RED_LEFT = np.zeros((8, 8, 3), np.uint8)
RED_LEFT[:, :4, 0], RED_LEFT[:, 4:, 1] = 200, 120


def profile(swapped=True, description="test"):
    """An sRGB profile under another name, in which red and blue may have changed places."""
    content = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack(">I", content[128:132])
    entries = {bytes(content[o : o + 4]): o for o in range(132, 132 + 12 * count, 12)}
    red, blue = entries[b"rXYZ"], entries[b"bXYZ"]
    if swapped:
        content[red : red + 4], content[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(content).replace("sRGB".encode("utf-16-be"), description.encode("utf-16-be"))


def decoded(folder, image, **saved):
    folder.mkdir(exist_ok=True)
    image.save(folder / "a.png", **saved)
    listing = open_index(f"folder:{folder}")
    return flatten(load_image(listing, 0), "a.png")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
@pytest.mark.parametrize("description", ["test", "sRGB"])
def test_colours_are_those_of_the_profile(mode, description, tmp_path):
    """Whatever it is called."""
    image = Image.fromarray(RED_LEFT).convert(mode)
    content = profile(description=description)
    found = np.asarray(decoded(tmp_path / "x", image, icc_profile=content))
    left, right = found[0, 0].astype(int), found[0, 7].astype(int)
    assert left[2] > 150  # the file's red is blue
    assert left[0] < 50
    np.testing.assert_allclose(right, (0, 120, 0), atol=40)


def test_what_is_transparent_stays_so(tmp_path):
    image = Image.fromarray(np.dstack([RED_LEFT, np.zeros((8, 8), np.uint8)]))
    found = decoded(tmp_path / "x", image, icc_profile=profile())
    np.testing.assert_array_equal(np.asarray(found), 255)  # all of it is the white behind


@pytest.mark.parametrize(
    "content",
    [
        b"no profile",
        profile()[:200],
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
    ],
    ids=["noise", "cut", "another kind"],
)
def test_a_profile_that_does_not_fit_is_passed_over(content, tmp_path):
    found = decoded(tmp_path / "x", Image.fromarray(RED_LEFT), icc_profile=content)
    np.testing.assert_array_equal(np.asarray(found), RED_LEFT)


@pytest.mark.parametrize("description", ["test", "sRGB"])
def test_srgb_is_what_it_was(description, tmp_path):
    content = profile(swapped=False, description=description)
    found = decoded(tmp_path / "x", Image.fromarray(RED_LEFT), icc_profile=content)
    np.testing.assert_array_equal(np.asarray(found), RED_LEFT)


def test_grey_stays_grey(tmp_path):
    grey = Image.fromarray(RED_LEFT[..., 0])
    found = decoded(tmp_path / "x", grey, icc_profile=profile())
    assert found.mode == "L"
