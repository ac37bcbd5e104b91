"""Images that cannot be used: one line says which, what was expected and what was found."""

import json
import os

import numpy as np
import pytest
from bad_inputs import PAGE, POINTER, png, saved, write, zipped
from PIL import Image

pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")
# The method that is built in no time: it needs no source.
CONFIG = """
from minegan_jax.config import default_config

def get_config():
    config = default_config()
    config.update({"method": "classifier", "run": {"train_steps": 1, "batch_size": 8}})
    config.network.num_classes = 2
    return config
"""


@pytest.fixture
def unread(refused, tmp_path):
    """Trains on images that cannot be read; returns the line."""
    file = tmp_path / "own.py"
    file.write_text(CONFIG)

    def run(images, *flags):
        fields = (f"images={images}", *flags)
        given = (f"--config.target.{field}" for field in fields)
        return refused("train", f"--config={file}", f"--workdir={tmp_path / 'run'}", *given)

    return run


def folder(files):
    """A spec of a folder of these files."""
    return lambda place: f"folder:{write(place / 'photos', files)}"


def file_of(kind, name, content):
    """A spec of one file of a kind of data."""
    return lambda place: f"{kind}:{write(place / 'data', {name: content}) / name}"


def linked(place, *links):
    """A folder of links alone: their names, and what they lead to."""
    (place / "photos").mkdir()
    for name, target in links:
        os.symlink(target, place / "photos" / name)
    return f"folder:{place / 'photos'}"


def deep(pixels, name):
    """A spec of a folder with a picture of deep grey."""

    def make(place):
        (place / "photos").mkdir()
        Image.fromarray(pixels).save(place / "photos" / name)
        return f"folder:{place / 'photos'}"

    return make


def labelled(labels):
    """A spec of a folder of two pictures, with what its dataset.json says."""
    content = labels if isinstance(labels, bytes) else json.dumps({"labels": labels})
    return folder({"a.png": png(), "b.png": png(seed=1), "dataset.json": content})


def arrays(**named):
    """A spec of an .npz file."""
    return file_of("npz", "a.npz", saved(np.savez, **named))


def classes(*names):
    """A spec of a folder with a picture in each of these folders."""
    return folder({f"{name}/{i}.png": png(seed=i) for i, name in enumerate(names)})


IMAGES = np.zeros((2, 28, 28), np.uint8)
FILES = {
    "HEIC alone": (folder({"a.heic": b"\0\0\0\x18ftypheic"}), "left out: 1 .heic"),
    "raw alone": (folder({"a.CR2": b"II*\0", "b.nef": b"MM\0*"}), "1 .cr2, 1 .nef"),
    "SVG alone": (folder({"a.svg": "<svg/>"}), "no images in it"),
    "a film": (folder({"a.mp4": b"\0\0\0\x18ftypmp42"}), "1 .mp4"),
    "records alone": (folder({"a.tfrecord": b"1", "b.tfrecord": b"1"}), "2 .tfrecord"),
    "hidden alone": (folder({".a.png": png()}), "no images in it"),
    "what a Mac leaves": (folder({"__MACOSX/._a.png": b"\0", ".DS_Store": b"1"}), "no images"),
    "an empty image": (folder({"a.png": b""}), "a.png: not a readable image (expected an image,"),
    "a page": (folder({"a.jpg": PAGE}), "expected an image, found a web page"),
    "a pointer": (folder({"a.jpg": POINTER}), "found a pointer of Git LFS"),
    "JSON": (folder({"a.webp": b'{"error": 404}'}), "found text in JSON"),
    "a text": (folder({"a.gif": b"hello"}), "found another, damaged or shortened file"),
    "a cut image": (folder({"a.png": png()[:60]}), "a.png: not a readable image"),
    "a changed image": (folder({"a.png": png()[:80] + b"x" + png()[81:]}), "not a readable image"),
    "a line in a name": (folder({"a\nb.png": b"x"}), "a\\nb.png: not a readable image"),
    "too small": (folder({"a.png": png(size=27)}), "expected at least 28x28 pixels, found 27x27"),
    "floats": (deep(np.ones((28, 28), np.float32), "a.tif"), "grey_range=LOW,HIGH"),
    "no numbers": (deep(np.full((28, 28), np.nan, np.float32), "a.tif"), "that are no numbers"),
    "32 bits": (deep(np.ones((28, 28), np.int32), "a.tif"), "grey_range=LOW,HIGH"),
    "a dead link": (lambda p: linked(p, ("a.png", "gone.png")), "1 link to nothing"),
    "a loop": (lambda p: linked(p, ("a", "b"), ("b", "a")), "2 links to nothing"),
    "a link to its folder": (lambda p: linked(p, ("again", ".")), "1 link to nothing"),
    "only a zip": (folder({"a.zip": zipped({"a.png": png()})}), "a.zip"),
    "only an npz": (folder({"a.npz": saved(np.savez, images=IMAGES)}), ": npz:"),
    "only a 7z": (folder({"a.7z": b"7z\xbc\xaf"}), "unpack it: 7z x"),
}
CLASSES = {
    "train and val": (classes("train/cat", "val/cat"), "/photos/train"),
    "in capitals": (classes("TEST/cat", "Train/cat"), "/photos/Train"),
    "train alone": (classes("train/cat", "train/dog"), "found parts of a data set, train"),
    "parts of CycleGAN": (classes("trainA", "trainB", "testA", "testB"), "/photos/trainA"),
    "parts of COCO": (classes("train2017", "val2017"), "/photos/train2017"),
    "parts and notes": (classes("train/a", "test/a", "annotations"), "parts of a data set"),
    "images of parts": (classes("train_images", "test-images"), "parts of a data set"),
    "1 and 01": (classes("1", "01"), "which are both label 1"),
    "007 and 7": (classes("007", "7", "8"), "which are both label 7"),
}
JSON = {
    "a part": (labelled([["a.png", 0]]), "found none for b.png"),
    "none": (labelled([]), "found none for a.png and 1 more"),
    "words": (labelled([["a.png", "cat"], ["b.png", "dog"]]), 'found ["a.png", "cat"]'),
    "one hot": (labelled([["a.png", [1, 0]], ["b.png", [0, 1]]]), "expected"),
    "an object": (labelled({"a.png": 0, "b.png": 1}), "found dict"),
    "below none": (labelled([["a.png", -1], ["b.png", 0]]), 'found ["a.png", -1]'),
    "too large": (labelled([["a.png", 2**40], ["b.png", 0]]), "found"),
    "halves": (labelled([["a.png", 0.5], ["b.png", 0]]), 'found ["a.png", 0.5]'),
    "truth": (labelled([["a.png", True], ["b.png", False]]), 'found ["a.png", true]'),
    "two of one": (labelled([["a.png", 0], ["./a.png", 1], ["b.png", 0]]), "and also 1"),
    "damaged": (labelled(b"{"), "expected JSON, found a damaged file"),
    "no text": (labelled(b"\xff\xfe{"), "expected JSON, found a damaged file"),
}
ARCHIVES = {
    "empty": (file_of("zip", "a.zip", zipped({})), "no images in it"),
    "cut": (file_of("zip", "a.zip", zipped({"a.png": png()})[:-9]), "found another, damaged"),
    "no bytes": (file_of("zip", "a.zip", b""), "expected a zip archive, found an empty file"),
    "a page": (file_of("zip", "a.zip", PAGE), "expected a zip archive, found a web page"),
    "a pointer": (file_of("zip", "a.zip", POINTER), "found a pointer of Git LFS"),
    "an image": (file_of("zip", "a.png", png()), "an image: name the folder that it lies in"),
    "zip in zip": (file_of("zip", "a.zip", zipped({"b.zip": zipped({})})), "unpack the archive"),
    "parts in it": (
        file_of("zip", "a.zip", zipped({"d/train/a.png": png(), "d/val/a.png": png()})),
        "name one of them",
    ),
    "no such folder": (
        lambda p: file_of("zip", "a.zip", zipped({"a.png": png()}))(p) + "/cats",
        "no images in it",
    ),
    "a folder": (lambda p: f"zip:{write(p / 'photos', {})}", "found a folder: folder:"),
    "as a folder": (file_of("folder", "a.rar", b"Rar!\x1a\7\0"), "unpack it: unrar x"),
    "a list": (file_of("folder", "a.txt", b"a.png\n"), "expected a folder, found a file: another"),
    "an image as a folder": (file_of("folder", "a.png", png()), "name the folder that it lies in"),
}
ARRAYS = {
    "an .idx of MNIST": (file_of("npz", "t10k-images-idx3-ubyte", b"\0\0\x08\3"), "found another"),
    "a packed .idx": (file_of("npz", "a.gz", b"\x1f\x8b\x08\0"), "found a gzip archive"),
    "HDF5": (file_of("npz", "a.h5", b"\x89HDF\r\n\x1a\n"), "found an HDF5 file"),
    "a pickle": (file_of("npz", "a.pkl", b"\x80\4N."), "found a pickle"),
    "a page": (file_of("npz", "a.npz", PAGE), "expected an .npz or .npy file, found a web page"),
    "no bytes": (file_of("npz", "a.npz", b""), "found an empty file"),
    "cut": (file_of("npz", "a.npz", saved(np.savez, images=IMAGES)[:-9]), "not a readable .npz"),
    "two of them": (arrays(a=IMAGES, b=IMAGES), "expected an array 'images', found a of uint8"),
    "none": (arrays(), "expected an array 'images', found none"),
    "no images": (arrays(images=IMAGES[:0]), "found (0, 28, 28)"),
    "shares": (arrays(images=np.full((2, 28, 28), 0.5)), "found float64 from 0.5 to 0.5: store"),
    "infinite": (arrays(images=np.full((2, 28, 28), np.inf)), "found float64 from inf to inf"),
    "truth": (arrays(images=IMAGES > 0), "found bool"),
    "five channels": (arrays(images=np.zeros((2, 28, 28, 5), np.uint8)), "found (2, 28, 28, 5)"),
    "one image": (arrays(images=IMAGES[0]), "found (28, 28)"),
    "few labels": (arrays(images=IMAGES, labels=np.zeros(1, int)), "of 2 integers"),
    "one hot": (arrays(images=IMAGES, labels=np.eye(2, dtype=int)), "of shape (2, 2)"),
    "labels below none": (arrays(images=IMAGES, labels=np.array([-5, 0])), "found -5 to 0"),
    "labels too large": (arrays(images=IMAGES, labels=np.array([0, 2**40])), "found 0 to 1099511"),
}
CASES = {
    f"{kind}: {name}": case
    for kind, cases in {
        "files": FILES,
        "classes": CLASSES,
        "dataset.json": JSON,
        "archives": ARCHIVES,
        "arrays": ARRAYS,
    }.items()
    for name, case in cases.items()
}


@pytest.mark.parametrize("case", CASES)
def test_images_that_cannot_be_used(case, unread, tmp_path):
    make, said = CASES[case]
    assert said in unread(make(tmp_path))


PLACES = {
    "folder:": "expected a path behind the colon, found none",
    "zip:": "expected a path behind the colon, found none",
    "npz:": "expected a path behind the colon, found none",
    "tfds:": "expected tfds:NAME",
    "": "expected one of digits, folder",
    "folder:gone": "no such folder",
    "zip:gone.zip": "no such file",
    "npz:gone.npz": "no such file",
    "folder:gs://bucket/photos": "gs://bucket/photos: expected a local path, found a URL",
    "npz:http://host/a.npz": "expected a local path, found a URL",
    "zip:s3://bucket/a.zip": "expected a local path, found a URL",
    "folder:file:///photos": "expected a local path, found a URL",
    "https://host/photos": "expected a local path, found a URL",
    "folder:~no-such-user/photos": "there is no such home",
    "folder:a\nb": "folder:a\\nb: no such folder",
    "folder:a\0b": "found a NUL in it",
    "npz:/dev/null": "no such file",
    "folders:photos": "did you mean folder?",
    "Folder:photos": "did you mean folder?",
    "array:abc": "lay in another process's memory",
    "own.py": "own.py: expected a kind of data first",
    "tfds:gs://bucket/mnist": "no data set is called gs",
    f"folder:{'a' * 300}": "no such folder",
}


@pytest.mark.parametrize("spec", PLACES)
def test_places_where_no_images_are(spec, unread):
    assert PLACES[spec] in unread(spec)


SETTINGS = {
    ("labels=cow",): "label 'cow': no image has it: there are 0 (cat), 1 (dog)",
    ("labels=dogs",): "did you mean dog?",
    ("labels=2",): "label 2: no image has it",
    ("labels=cat,0",): "expected each label once, found it twice",
    ("labels=cat", "ratios=0.5,0.5"): "ratios: expected one per label, 1, found 2",
    ("labels=cat,dog", "ratios=0.5,0.6"): "numbers that sum to 1",
    ("num_held_out=2",): "too few images: expected 2 to hold out",
    ("part=0/3",): "expected K/N with K from 1 to N",
    ("part=third",): "expected K/N with K from 1 to N",
    ("exclude=nowhere",): "expected one of digits, folder",
    ("exclude=folder:gs://b",): "expected a local path, found a URL",
    ("grey_range=3",): "expected two different numbers",
    ("box=0.1,0.1,0.8",): "expected top, left, height and width of a part of the image",
    ("box=0.5,0,0.6,0.6",): "expected top, left, height and width of a part of the image",
    ("box=0,0.1,0.5,0",): "expected top, left, height and width of a part of the image",
    ("box=0,0,1e-6,1",): "target.box is less than a pixel of",
    ("max_pixels=100",): "refused: has more than 100 pixels: --config.target.max_pixels=N",
}


@pytest.mark.parametrize("fields", SETTINGS)
def test_settings_that_do_not_fit_the_images(fields, unread, tmp_path):
    assert SETTINGS[fields] in unread(classes("cat", "dog")(tmp_path), *fields)
