"""Grey of more than 8 bits."""

import numpy as np
import pytest
from PIL import Image

from minegan_jax.data import open_index, preprocess

STEPS = np.arange(256).reshape(16, 16)


def read(folder, values, name, **rules):
    folder.mkdir(exist_ok=True)
    image = values if isinstance(values, Image.Image) else Image.fromarray(values)
    image.save(folder / name)
    listing = open_index(f"folder:{folder}")._replace(**rules)
    return preprocess(listing, [0], resolution=16, channels=1).pixels[0, :, :, 0]


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm", "a.jp2"])
def test_16_bits_are_read_whole(tmp_path, name):
    values = np.uint16(257 * STEPS)
    np.testing.assert_array_equal(read(tmp_path / "x", values, name), STEPS)


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_either_order_of_bytes(tmp_path, order):
    values = (257 * STEPS).astype(order)
    mode = {"<u2": "I;16", ">u2": "I;16B"}[order]
    image = Image.frombytes(mode, (16, 16), values.tobytes())
    np.testing.assert_array_equal(read(tmp_path / "x", image, "a.tif"), STEPS)


@pytest.mark.parametrize(
    ("values", "name", "grey_range"),
    [
        (np.uint16(10 * STEPS + 100), "a.png", (100.0, 2650.0)),
        (np.int32(1000 * STEPS), "a.tif", (0.0, 255_000.0)),
        (np.float32(STEPS / 255), "a.tif", (0.0, 1.0)),
        (np.float32(STEPS / 127.5 - 1), "a.tiff", (-1.0, 1.0)),
    ],
)
def test_a_range_names_black_and_white(tmp_path, values, name, grey_range):
    found = read(tmp_path / "x", values, name, grey_range=grey_range)
    np.testing.assert_array_equal(found, STEPS)
    negative = read(tmp_path / "x", values, name, grey_range=grey_range[::-1])
    np.testing.assert_array_equal(negative, 255 - STEPS)


def test_what_lies_outside_a_range_is_black_or_white(tmp_path):
    values = np.full((16, 16), 0.5, np.float32)
    values[0, :4] = -9, 9, np.nan, np.inf
    found = read(tmp_path / "x", values, "a.tif", grey_range=(0.0, 1.0))
    assert found[0, :5].tolist() == [0, 255, 0, 255, 128]


def test_what_is_transparent_is_white(tmp_path):
    image = Image.fromarray(np.uint16(257 * STEPS))
    (tmp_path / "x").mkdir()
    image.save(tmp_path / "x" / "a.png", transparency=257)
    found = preprocess(open_index(f"folder:{tmp_path}/x"), [0], resolution=16, channels=1).pixels
    assert found[0, 0, :3, 0].tolist() == [0, 255, 2]
