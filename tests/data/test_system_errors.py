"""What the system cannot read is not damaged: it stops a run, whatever the run may skip."""

import errno
import os

import numpy as np
import pytest
from loading import load_dataset
from PIL import Image

from minegan_jax.data import open_index
from minegan_jax.data.decode import UnreadableImage, load_image
from minegan_jax.data.image_index import ImageIndex, unlabelled
from minegan_jax.errors import InputError

SETTINGS = {"resolution": 4, "channels": 1, "skip_unreadable": True}


@pytest.fixture
def folder(tmp_path):
    for number in range(3):
        pixels = np.full((4, 4), number, np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return tmp_path


def failing(error):
    def read(_):
        raise error

    return ImageIndex("x", unlabelled(1), (), read, ["a.png"])


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES, errno.ETIMEDOUT])
def test_errors_of_the_system_stop(number):
    with pytest.raises(InputError) as caught:
        load_image(failing(OSError(number, os.strerror(number))), 0)
    assert not isinstance(caught.value, UnreadableImage)
    assert str(caught.value).endswith(f"found an error: {os.strerror(number)}")
    with pytest.raises(InputError, match=r"a\.png: .* MemoryError"):
        load_image(failing(MemoryError()), 0)


@pytest.mark.parametrize(
    "error",
    [OSError("truncated"), OSError(errno.EINVAL, "bad seek"), SyntaxError("x"), KeyError(1)],
)
def test_errors_of_content_are_damage(error):
    with pytest.raises(UnreadableImage, match="not a readable image"):
        load_image(failing(error), 0)


@pytest.mark.parametrize("held_out", [0, 1])
@pytest.mark.parametrize("where", ["open", "load"])
def test_a_passing_error_is_not_skipped(folder, monkeypatch, where, held_out):
    def fail(*_args, **_kwargs):
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(*((Image, "open") if where == "open" else (Image.Image, "load")), fail)
    if where == "load":
        monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    with pytest.raises(InputError, match=r"\.png: expected a file .*: Stale file handle"):
        load_dataset(f"folder:{folder}", **SETTINGS, num_held_out=held_out)


def test_a_file_that_went_away_is_named(folder):
    listing = open_index(f"folder:{folder}")
    (folder / "1.png").unlink()
    with pytest.raises(InputError, match=r"1\.png: expected a file .*: No such file"):
        load_image(listing, 1)


def test_an_error_while_looking_for_images_is_named(folder, monkeypatch):
    (folder / "noending").write_bytes(b"x")

    def fail(*_args, **_kwargs):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(InputError, match=r"noending: expected a file .*: Input/output error"):
        open_index(f"folder:{folder}")
