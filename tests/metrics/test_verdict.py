"""The word on copies: right however copies came about, and never said where there are none."""

import io

import numpy as np
import pytest
from PIL import Image
from toys import as_shown, gaussians

from minegan_jax.data import open_index
from minegan_jax.features.catalogue import load_extractor
from minegan_jax.features.embed import embed
from minegan_jax.metrics.copy_verdict import CLEAN, COPIES, UNKNOWN
from minegan_jax.metrics.near_copies import near_copies
from minegan_jax.metrics.overfitting import overfits, signs
from minegan_jax.metrics.shown import Shown, shown
from minegan_jax.report import measure

# Of features alone.


def verdict(train, held_out, fake):
    reals = measure.Reals(as_shown(train), as_shown(held_out))
    return measure.judged(reals, fake, measure.remembered(reals, fake, 0), None)["verdict"]


@pytest.mark.parametrize("num_held_out", [0, 1, 4, 100])
@pytest.mark.parametrize("num_train", [1, 2, 25, 300])
def test_exact_copies_are_never_called_anything_else(num_train, num_held_out):
    train, held_out = gaussians(num_train, num_held_out, width=8)
    fake = np.repeat(train, -(-50 // num_train), axis=0)
    assert verdict(train, held_out, fake) == COPIES
    (honest,) = gaussians(200, width=8, seed=1)
    assert verdict(train, held_out, np.concatenate([honest, fake[:50]])) == COPIES


@pytest.mark.parametrize("noise", [0.01, 0.3])
def test_features_alone_betray_near_copies_if_most_images_are(noise):
    train, held_out, fake = gaussians(100, 100, 400, width=32)
    assert verdict(train, held_out, np.repeat(train, 4, axis=0) + noise * fake) == COPIES


@pytest.mark.parametrize("scale", [1.0, 0.7, 1.3])
@pytest.mark.parametrize("num_held_out", [4, 30, 200])
@pytest.mark.parametrize("num_train", [10, 200])
def test_honest_images_are_not_called_copies(num_train, num_held_out, scale):
    # Images of less variety than the real ones are nearer to all of them, and still no copies.
    for seed in range(5):
        train, held_out, fake = gaussians(num_train, num_held_out, 500, width=16, seed=seed)
        assert verdict(train, held_out, scale * fake) == CLEAN


def test_nothing_is_said_of_honest_images_without_held_out_ones():
    train, held_out, fake = gaussians(50, 0, 300)
    assert verdict(train, held_out, fake) == UNKNOWN


def test_repeated_real_images_are_no_copies():
    train, fake = gaussians(100, 300)
    held_out = np.concatenate([train[:40], gaussians(60, seed=1)[0]])  # 40 % are known already
    assert verdict(train, held_out, np.concatenate([fake, train])) == CLEAN


@pytest.mark.parametrize("num_held_out", [0, 5])
def test_features_that_tell_no_image_from_another_accuse_nobody(num_held_out):
    assert verdict(np.ones((9, 4)), np.ones((num_held_out, 4)), np.ones((50, 4))) != COPIES


# Of real digits: fakes are images that training never saw, and copies among them.


@pytest.fixture(scope="module")
def digits():
    """Returns the 500 images of each digit, and what takes their features."""
    listing = open_index("digits")
    labels = listing.labels
    images = np.stack([listing.read(index) for index in range(len(labels))])[..., None]
    extractor = load_extractor("digits")
    return {n: images[labels == n] for n in range(10)}, lambda x: embed(extractor, x).features


def noisy(images, deviation=5.0):
    noise = np.random.default_rng(0).normal(size=images.shape) * deviation
    return np.clip(images + noise, 0, 255).round().astype(np.uint8)


def moved(images):
    ways = [(0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (-1, 1)]
    return np.stack([np.roll(image, ways[i % 6], (0, 1)) for i, image in enumerate(images)])


def compressed(images):
    files = []
    for image in images:
        content = io.BytesIO()
        Image.fromarray(image.squeeze()).save(content, "JPEG", quality=75)
        files.append(np.asarray(Image.open(content)).reshape(image.shape))
    return np.stack(files)


COPYING = {
    "plain": lambda images: images,
    "mirrored": lambda images: images[:, :, ::-1],
    "moved": moved,
    "compressed": compressed,
    "noisy": noisy,
}


def split(images, seed, *, num_train, num_held_out=100):
    """Training, held-out and new images, none of them twice."""
    images = images[np.random.default_rng(seed).permutation(len(images))]
    return np.split(images, [num_train, num_train + num_held_out])


def word(train, held_out, fakes, embedded, *, flip):
    train, held_out = (shown(part, flip=flip) for part in (train, held_out))
    rows = (embedded(p.rows) if p.num_images else np.zeros((0, 0)) for p in (train, held_out))
    reals = measure.Reals(
        *(p._replace(rows=r) for p, r in zip((train, held_out), rows, strict=True))
    )
    fake = embedded(fakes)
    near = near_copies(train, held_out, fakes)
    return measure.judged(reals, fake, measure.remembered(reals, fake, 0), near)["verdict"]


@pytest.mark.parametrize("duplicates", [0.0, 0.01, 0.2, 1.0])
@pytest.mark.parametrize("copying", COPYING)
def test_one_copy_in_five_is_called_copies(digits, copying, duplicates):
    images, embedded = digits
    for digit in (1, 2, 7, 8):
        train, held_out, new = split(images[digit], digit, num_train=100)
        copies = COPYING[copying](train[:50])
        train = np.concatenate([train, train[: round(100 * duplicates)]])
        fakes = np.concatenate([copies, new[:200]])
        flip = copying == "mirrored"
        assert word(train, held_out, fakes, embedded, flip=flip) == COPIES


@pytest.mark.parametrize("num_held_out", [0, 10])
def test_one_copy_in_five_of_few_images_is_called_copies(digits, num_held_out):
    images, embedded = digits
    train, held_out, new = split(images[7], 0, num_train=25, num_held_out=num_held_out)
    fakes = np.concatenate([noisy(np.repeat(train, 3, axis=0)), new[:300]])
    assert word(train, held_out, fakes, embedded, flip=False) == COPIES


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("duplicates", [0.0, 0.01, 0.2, 1.0])
@pytest.mark.parametrize("digit", [0, 1, 4, 7, 8])
def test_new_images_are_not_called_copies(digits, digit, duplicates, flip):
    images, embedded = digits
    for seed, num_train in enumerate((25, 100, 100)):
        train, held_out, new = split(images[digit], seed, num_train=num_train)
        train = np.concatenate([train, train[: round(num_train * duplicates)]])
        assert word(train, held_out, new, embedded, flip=flip) == CLEAN
        # Means of three images: smooth, and nearer to all real ones than these are to each other.
        smooth = np.stack([new[i::3][:90] for i in range(3)]).mean(axis=0).astype(np.uint8)
        assert word(train, held_out, smooth, embedded, flip=flip) == CLEAN


def test_mirror_images_are_no_copies_where_training_does_not_mirror(digits):
    images, embedded = digits
    train, held_out, _ = split(images[7], 0, num_train=100)
    assert word(train, held_out, train[:, :, ::-1], embedded, flip=False) == CLEAN


# Near copies.


def scenes(count, *, size=48, seed=0):
    """Colour images of soft shapes and fine texture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / size
    found = []
    for _ in range(count):
        image = np.zeros((size, size, 3)) + rng.uniform(60, 160, 3)
        for _ in range(6):
            row, column, spread = *rng.uniform(0, 1, 2), rng.uniform(0.05, 0.3)
            spot = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * spread**2))
            image = image + rng.uniform(-90, 90, 3) * spot[..., None]
        found.append(image + rng.normal(size=image.shape) * 6)
    return np.clip(found, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("copying", COPYING)
def test_near_copies_of_colour_images_are_counted_and_new_images_are_not(copying):
    # By chance one to three of a hundred real scenes pass for copies in half of such draws.
    train, held_out, new = np.split(scenes(160, seed=8), [60, 100])
    flip = copying == "mirrored"
    fakes = np.concatenate([COPYING[copying](train[:20]), new])
    found = near_copies(shown(train, flip=flip), shown(held_out, flip=flip), fakes)
    assert found == (20, 0, 80, 0, 100)
    assert found.shares() == {
        "near_copies": 0.25,
        "real_near_copies": 0.0,
        "near_copies_of_held_out": 0.0,
    }


def test_near_copies_of_held_out_images_are_told_from_those_of_training_images():
    train, held_out = np.split(scenes(60), [40])
    fakes = np.concatenate([noisy(held_out[:7]), noisy(train[:3])])
    real = shown(train, flip=False), shown(held_out, flip=False)
    assert near_copies(*real, fakes)[:2] == (3, 7)
    # A held-out image that is a training image counts among real near copies.
    known = shown(np.concatenate([held_out, noisy(train[:5])]), flip=False)
    assert near_copies(real[0], known, fakes).real == 5


def test_near_copies_need_a_real_image_beside_the_copied_one():
    train = scenes(3)
    none = shown(train[:0], flip=False)
    assert near_copies(shown(train[[0, 0, 1]], flip=False), none, train) is None
    assert near_copies(shown(train, flip=False), none, train)[0] == 3
    assert near_copies(shown(train[:1], flip=False), shown(train[1:], flip=False), train)[:2] == (
        1,
        2,
    )


@pytest.mark.parametrize("size", [1, 2, 5, 33])
def test_images_without_content_are_one_picture(size):
    grey = np.full((4, size, size, 1), 128, np.uint8)
    assert shown(grey, flip=True).pictures.tolist() == [0] * 8
    assert near_copies(shown(grey, flip=False), shown(grey, flip=False), grey) is None


# Pictures.


def test_equal_and_saved_again_images_are_one_picture_and_mirrored_ones_with_flip():
    first = scenes(5)
    images = np.concatenate([first, first[1:2], compressed(first[3:4]), first[:1, :, ::-1]])
    assert shown(images, flip=False).pictures.tolist() == [0, 1, 2, 3, 4, 1, 3, 5]
    both = shown(images, flip=True)
    assert both.pictures.tolist() == [0, 1, 2, 3, 4, 1, 3, 0] * 2
    assert both.first_rows.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(both.images, images)
    np.testing.assert_array_equal(both.rows[8:], images[:, :, ::-1])


def test_different_digits_are_different_pictures(digits):
    images, _ = digits
    for digit in range(10):
        assert len(shown(images[digit], flip=True).first_rows) == 500


# Early stopping.


@pytest.mark.parametrize("duplicates", [0.0, 0.05, 0.2, 1.0])
@pytest.mark.parametrize("copying", ["plain", "mirrored", "compressed", "noisy"])
def test_copies_end_a_phase_and_new_images_do_not(digits, copying, duplicates):
    images, embedded = digits
    for digit in (2, 7):
        train, _, new = split(images[digit], 0, num_train=20)
        copies = COPYING[copying](np.repeat(train, 10, axis=0))
        train = np.concatenate([train, train[: round(20 * duplicates)]])
        seen = shown(train, flip=copying == "mirrored")
        seen = seen._replace(rows=embedded(seen.rows))
        assert overfits(signs(2.0, seen, embedded(copies)))
        assert not overfits(signs(2.0, seen, embedded(new)))


def test_signs_do_not_feel_how_often_a_picture_occurs():
    train, fake = gaussians(30, 200)
    twins = Shown(np.concatenate([train, train]), np.tile(np.arange(30), 2), 60)
    assert signs(1.0, twins, fake) == signs(1.0, as_shown(train), fake)
