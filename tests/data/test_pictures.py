"""Images are known by what they hold, whatever their files are called."""

import numpy as np
import pytest
from PIL import Image, PngImagePlugin, features

from minegan_jax.data import open_index
from minegan_jax.data.decode import load_image

NOISE = Image.fromarray(np.random.default_rng(0).integers(256, size=(16, 16, 3), dtype=np.uint8))
FORMATS = ["BMP", "GIF", "JPEG", "PNG", "PPM", "QOI", "SGI", "TIFF", "WEBP"]
FORMATS += [
    name for name, part in (("AVIF", "avif"), ("JPEG2000", "jpg_2000")) if features.check(part)
]


def opened(folder):
    return open_index(f"folder:{folder}")


@pytest.mark.parametrize("name", ["a", "a.jfif", "a.JPE", "a.dat", "a.b c"])
@pytest.mark.parametrize("kind", FORMATS)
def test_content_makes_a_picture(tmp_path, kind, name):
    Image.fromarray(np.asarray(NOISE)).save(tmp_path / name, kind)
    listing = opened(tmp_path)
    assert listing.names == [str(tmp_path / name)]
    assert listing.other_files == ()
    assert load_image(listing, 0).size == (16, 16)


@pytest.mark.parametrize("name", ["a.tga", "a.pcx", "a.ico"])
def test_vague_content_wants_its_ending(tmp_path, name):
    NOISE.save(tmp_path / name)
    (tmp_path / "a.bin").write_bytes((tmp_path / name).read_bytes())
    listing = opened(tmp_path)
    assert listing.names == [str(tmp_path / name)]
    assert listing.other_files == ("1 .bin",)
    load_image(listing, 0)


PROGRAM = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
OTHERS = {
    "a.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "a.txt": b"P",
    "a.svg": b"<svg></svg>",
    "a.pdf": b"%PDF-1.4",
    "a.eps": PROGRAM,
    "a.h5": b"\x89HDF\r\n\x1a\n" + bytes(64),
    "a.mpg": b"\0\0\1\xb3\1\0\x10\0",
    "a.mp4": b"\0\0\0\x18ftypmp42",
    "empty": b"",
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_counted(tmp_path, name):
    NOISE.save(tmp_path / "z.png")
    (tmp_path / name).write_bytes(OTHERS[name])
    for hidden in ("Thumbs.db", "desktop.ini", ".DS_Store", "._z.png"):
        (tmp_path / hidden).write_bytes(b"x")
    listing = opened(tmp_path)
    assert listing.names == [str(tmp_path / "z.png")]
    assert listing.other_files == (f"1 .{name[2:]}" if "." in name else "1 without ending",)


def test_programs_are_not_run_under_the_name_of_a_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(PROGRAM)
    with pytest.raises(ValueError, match="not a readable image"):
        load_image(opened(tmp_path), 0)


@pytest.mark.parametrize("name", ["a.png", "a"])
def test_long_texts_do_not_stop_an_image(tmp_path, name):
    texts = PngImagePlugin.PngInfo()
    texts.add_text("prompt", "x" * 5_000_000, zip=True)
    texts.add_itxt("workflow", "y" * 5_000_000, zip=True)
    NOISE.save(tmp_path / name, "PNG", pnginfo=texts)
    before = PngImagePlugin.MAX_TEXT_CHUNK
    np.testing.assert_array_equal(load_image(opened(tmp_path), 0), NOISE)
    assert before == PngImagePlugin.MAX_TEXT_CHUNK


def test_enormous_pictures_are_pictures_by_content_too(tmp_path, monkeypatch):
    NOISE.save(tmp_path / "a", "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(ValueError, match=r"more than 20 pixels: target\.max_pixels"):
        load_image(opened(tmp_path), 0)
