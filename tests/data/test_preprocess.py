"""Images of any file made alike, or refused by name."""

import numpy as np
import pytest
from PIL import Image

from minegan_jax.data import native_shape, open_index, preprocess
from minegan_jax.errors import InputError

RED = (200, 30, 10)


def listing_of(folder, *images, suffix="png", **options):
    """A folder listing of the given images, in that order."""
    for number, image in enumerate(images):
        image.save(folder / f"{number}.{suffix}", **options)
    return open_index(f"folder:{folder}")


def complaint(listing, **settings):
    """The one line that an unfit image is answered with."""
    with pytest.raises(InputError) as caught:
        preprocess(listing, [0], **{"resolution": 8, "channels": 3, **settings})
    assert "\n" not in str(caught.value)
    assert "0." in str(caught.value)
    return str(caught.value)


def noise(*shape):
    return Image.fromarray(np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8))


def test_exact_images_are_untouched(tmp_path):
    image = noise(8, 8, 3)
    listing = listing_of(tmp_path, image)
    conformed = preprocess(listing, [0, 0], resolution=8, channels=3)
    np.testing.assert_array_equal(conformed.pixels, np.stack([np.asarray(image)] * 2))
    assert conformed.indices.tolist() == [0, 0]
    assert conformed.skipped == ()


def test_no_images_keep_their_shape(tmp_path):
    listing = listing_of(tmp_path, noise(8, 8))
    assert preprocess(listing, [], resolution=8, channels=1).pixels.shape == (0, 8, 8, 1)


def test_wide_images_are_cropped_about_the_centre_and_shrunk(tmp_path):
    image = noise(16, 24, 3)
    listing = listing_of(tmp_path, image)
    square = image.crop((4, 0, 20, 16))
    cropped = preprocess(listing, [0], resolution=16, channels=3).pixels[0]
    shrunk = preprocess(listing, [0], resolution=8, channels=3).pixels[0]
    np.testing.assert_array_equal(cropped, np.asarray(square))
    expected = square.resize((8, 8), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(shrunk, np.asarray(expected))
    assert native_shape(listing) == (16, 3)


def test_small_images_are_refused(tmp_path):
    line = complaint(listing_of(tmp_path, noise(7, 9, 3)))
    assert "expected at least 8x8 pixels, found 9x7" in line
    assert "target.enlarge=True" in line


def test_small_images_are_enlarged_on_request(tmp_path):
    image = noise(7, 9, 3)
    enlarged = preprocess(listing_of(tmp_path, image), [0], resolution=8, channels=3, enlarge=True)
    expected = image.crop((1, 0, 8, 7)).resize((8, 8), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(enlarged.pixels[0], np.asarray(expected))


def test_images_are_turned_upright(tmp_path):
    image = noise(8, 8, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    listing = listing_of(tmp_path, image, exif=exif)
    upright = np.rot90(np.asarray(image), -1)
    np.testing.assert_array_equal(
        preprocess(listing, [0], resolution=8, channels=3).pixels[0], upright
    )


def test_colour_is_not_made_grey_unasked(tmp_path):
    listing = listing_of(tmp_path, Image.new("RGB", (8, 8), RED))
    assert "target.colour=convert" in complaint(listing, channels=1)
    pixels = preprocess(listing, [0], resolution=8, channels=1, colour="convert").pixels
    assert pixels.shape == (1, 8, 8, 1)


@pytest.mark.parametrize("mode", ["L", "1", "LA"])
def test_grey_is_not_made_colour_unasked(tmp_path, mode):
    listing = listing_of(tmp_path, Image.new("L", (8, 8), 255).convert(mode))
    assert "target.colour=convert" in complaint(listing, channels=3)
    assert native_shape(listing) == (8, 1)
    pixels = preprocess(listing, [0], resolution=8, channels=3, colour="convert").pixels
    assert (pixels == 255).all()
    assert (preprocess(listing, [0], resolution=8, channels=1).pixels == 255).all()


def test_grey_stored_as_colour_is_both(tmp_path):
    listing = listing_of(tmp_path, Image.merge("RGB", [noise(8, 8)] * 3))
    grey = preprocess(listing, [0], resolution=8, channels=1).pixels
    colour = preprocess(listing, [0], resolution=8, channels=3).pixels
    np.testing.assert_array_equal(grey[0, :, :, 0], np.asarray(noise(8, 8)))
    np.testing.assert_array_equal(colour, np.repeat(grey, 3, axis=3))


def test_transparent_images_lie_on_white(tmp_path):
    half = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    half.paste((*RED, 255), (0, 0, 8, 4))
    palette = Image.new("P", (8, 8), 0)
    palette.info["transparency"] = 0
    palette.putpalette([1, 2, 3])
    listing = listing_of(tmp_path, half, palette)
    pixels = preprocess(listing, [0, 1], resolution=8, channels=3).pixels
    assert (pixels[0, :4] == RED).all()
    assert (pixels[0, 4:] == 255).all()
    assert (pixels[1] == 255).all()


def test_print_colours_become_screen_colours(tmp_path):
    listing = listing_of(tmp_path, Image.new("CMYK", (8, 8), (0, 255, 255, 0)), suffix="tif")
    assert (preprocess(listing, [0], resolution=8, channels=3).pixels == (255, 0, 0)).all()


@pytest.mark.parametrize("suffix", ["gif", "tif", "webp"])
def test_moving_images_are_their_first_frame(tmp_path, suffix):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("white", "black")]
    moving = {"save_all": True, "append_images": frames[1:]}
    listing = listing_of(tmp_path, frames[0], suffix=suffix, **moving)
    assert (preprocess(listing, [0], resolution=8, channels=3).pixels == 255).all()


@pytest.mark.parametrize("mode", ["I", "F"])
def test_deep_images_without_a_range_name_the_option(tmp_path, mode):
    line = complaint(listing_of(tmp_path, Image.new(mode, (8, 8), 7), suffix="tif"))
    assert f"found mode {mode} of values 7 to 7: target.grey_range=LOW,HIGH" in line


@pytest.mark.parametrize("end", [-40, 2, 0])
@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp"])
def test_damaged_images_are_named_or_skipped(tmp_path, end, suffix):
    listing = listing_of(tmp_path, noise(64, 64, 3), noise(64, 64, 3), suffix=suffix)
    broken = tmp_path / f"0.{suffix}"
    broken.write_bytes(broken.read_bytes()[:end])
    assert "not a readable image" in complaint(listing)
    kept = preprocess(listing, [0, 1], resolution=8, channels=3, skip_unreadable=True)
    assert kept.indices.tolist() == [1]
    assert len(kept.pixels) == 1
    assert kept.skipped == (str(broken),)


def test_an_option_reads_what_is_enormous(tmp_path, monkeypatch):
    listing = listing_of(tmp_path, noise(8, 8, 3))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    assert "target.max_pixels=N" in complaint(listing._replace(max_pixels=63))
    preprocess(listing._replace(max_pixels=64), [0], resolution=8, channels=3)
    assert Image.MAX_IMAGE_PIXELS == 20


@pytest.mark.parametrize("limit", [40, 20])  # Pillow warns above its limit, raises above twice
def test_enormous_images_are_refused(tmp_path, monkeypatch, limit):
    listing = listing_of(tmp_path, noise(8, 8, 3))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    assert f"more than {limit} pixels" in complaint(listing)


@pytest.mark.parametrize("shape", [(16, 24), (24, 16)])
@pytest.mark.parametrize("resolution", [16, 8])
def test_what_is_not_square_is_padded_or_squeezed(tmp_path, shape, resolution):
    image = noise(*shape, 3)
    listing = listing_of(tmp_path, image)
    settings = {"resolution": resolution, "channels": 3}
    squeezed = preprocess(listing, [0], **settings, fit="squeeze").pixels[0]
    expected = image.resize((resolution, resolution), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(squeezed, np.asarray(expected))
    padded = preprocess(listing, [0], **settings, fit="pad").pixels[0]
    white = (padded == 255).all(axis=(1 if shape[0] < shape[1] else 0, 2))
    margin = resolution - round(resolution * 16 / 24)
    assert white.sum() == margin
    assert white[: margin // 2].all()
    assert white[-(margin - margin // 2) :].all()


@pytest.mark.parametrize("fit", ["crop", "pad", "squeeze"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_squares_are_the_same_however_they_fit(tmp_path, fit, mode):
    image = noise(16, 16, 3).convert(mode)
    settings = {"resolution": 16, "channels": len(mode)}
    pixels = preprocess(listing_of(tmp_path, image), [0], **settings, fit=fit).pixels[0]
    np.testing.assert_array_equal(pixels.squeeze(), np.asarray(image))


@pytest.mark.parametrize(("fit", "fits"), [("crop", False), ("pad", True), ("squeeze", False)])
def test_what_has_to_be_large_enough(tmp_path, fit, fits):
    listing = listing_of(tmp_path, noise(1, 8, 3))
    if fits:
        assert preprocess(listing, [0], resolution=8, channels=3, fit=fit).pixels[0, 0].min() == 255
    else:
        assert "target.enlarge=True" in complaint(listing, fit=fit)


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((), (0, 16), (0, 24)),
        ((0.0, 0.0, 1.0, 1.0), (0, 16), (0, 24)),
        ((0.25, 0.5, 0.5, 0.5), (4, 12), (12, 24)),
        ((0.3, 0.1, 0.6, 0.3), (5, 14), (2, 10)),  # edges fall between pixels
    ],
)
def test_a_box_is_cut_out_before_anything_else(tmp_path, box, rows, columns):
    """What is seen is as if the file held the box alone; its digest is that of the whole."""
    image = noise(16, 24, 3)
    cut = image.crop((columns[0], rows[0], columns[1], rows[1]))
    whole = listing_of(tmp_path, image)
    (tmp_path / "cut").mkdir()
    small = listing_of(tmp_path / "cut", cut)
    side = min(cut.size)
    found, expected = (
        preprocess(listing, [0], resolution=side, channels=3, box=given)
        for listing, given in ((whole, box), (small, ()))
    )
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    assert native_shape(whole, box) == (side, 3)
    assert found.digests == preprocess(whole, [0], resolution=side, channels=3).digests


def test_wrong_settings_are_refused(tmp_path):
    listing = listing_of(tmp_path, noise(8, 8, 3))
    with pytest.raises(InputError, match="1 or 3 channels, found 2"):
        preprocess(listing, [0], resolution=8, channels=2)
    with pytest.raises(InputError, match="as_is or convert, found 'grey'"):
        preprocess(listing, [0], resolution=8, channels=1, colour="grey")
    with pytest.raises(InputError, match="crop or pad or squeeze, found 'stretch'"):
        preprocess(listing, [0], resolution=8, channels=3, fit="stretch")
