"""Zip archives of images are read where they lie."""

import io
import json
import tarfile
import zipfile

import numpy as np
import pytest
from loading import load_dataset
from PIL import Image

from minegan_jax.data import archive, open_index, preprocess
from minegan_jax.errors import InputError

IMAGES = np.random.default_rng(0).integers(256, size=(4, 8, 8, 3), dtype=np.uint8)


def png(number):
    file = io.BytesIO()
    Image.fromarray(IMAGES[number]).save(file, "PNG")
    return file.getvalue()


def pack(file, contents, **options):
    with zipfile.ZipFile(file, "w", **options) as archive:
        for name, content in contents.items():
            archive.writestr(name, content if isinstance(content, bytes) else png(content))
    return file


def complaint(spec):
    """The one line that a bad archive is answered with."""
    with pytest.raises(InputError) as caught:
        open_index(spec)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(spec)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["zip", "folder"])
@pytest.mark.parametrize("top", ["", "pets/"])
def test_an_archive_is_read_like_its_folder(tmp_path, kind, top):
    names = {"dog/1.png": 0, "cat/x/2": 1, "cat/1.PNG": 2, "cat/notes.txt": b"no image"}
    hidden = {"__MACOSX/cat/._1.PNG": b"", ".DS_Store": b""}
    contents = {top + name: content for name, content in names.items()} | hidden
    file = pack(tmp_path / "a.zip", contents, compression=zipfile.ZIP_DEFLATED)
    listing = open_index(f"{kind}:{file}")
    assert listing.names == [
        f"{file}/{top}{name}" for name in ("cat/1.PNG", "cat/x/2", "dog/1.png")
    ]
    assert listing.class_names == ("cat", "dog")
    assert listing.labels.tolist() == [0, 0, 1]
    assert listing.other_files == ("1 .txt",)
    pixels = preprocess(listing, [0, 1, 2], resolution=8, channels=3).pixels
    np.testing.assert_array_equal(pixels, IMAGES[[2, 1, 0]])


@pytest.mark.parametrize("top", ["", "set/"])
def test_labels_of_a_dataset_json(tmp_path, top):
    labels = [["00000/img0.png", 5], ["00000/img1.png", 2]]
    described = json.dumps({"labels": labels}).encode()
    contents = {"dataset.json": described, "00000/img0.png": 0, "00000/img1.png": 1}
    file = pack(tmp_path / "a.zip", {top + name: each for name, each in contents.items()})
    listing = open_index(f"folder:{file}")
    assert (listing.labels.tolist(), listing.other_files) == ([5, 2], ())


def test_a_folder_of_an_archive_is_named_like_one_of_a_folder(tmp_path):
    file = pack(tmp_path / "a.zip", {"x/train/cat/1.png": 0, "x/train/dog/1.png": 1, "x/test/1": 2})
    assert f"name one of them: folder:{file}/train" in complaint(f"folder:{file}")
    assert open_index(f"folder:{file}/train").class_names == ("cat", "dog")
    assert open_index(f"zip:{file}/test").labels.tolist() == [-1]
    assert "no images in it" in complaint(f"zip:{file}/nowhere")


def test_damaged_images_are_named_or_skipped(tmp_path):
    contents = {"0.png": png(0)[:60], "1.png": 1, "2.png": 2}
    file = pack(tmp_path / "a.zip", contents)
    content = bytearray(file.read_bytes())
    content[content.index(png(2)) + 70] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"a.zip/[02].png: not a readable image"):
        load_dataset(f"zip:{file}", resolution=8, channels=3)
    dataset = load_dataset(f"zip:{file}", resolution=8, channels=3, skip_unreadable=True)
    np.testing.assert_array_equal(dataset.train, IMAGES[1:2])
    assert sorted(dataset.description["skipped"]) == [f"{file}/0.png", f"{file}/2.png"]


def test_what_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "SMALL", 1000)
    contents = {"a.png": 0, "b.bmp": bytes(10**6)}
    file = pack(tmp_path / "a.zip", contents, compression=zipfile.ZIP_DEFLATED)
    assert "b.bmp: refused: its 985 bytes unpack to 1,000,000" in complaint(f"zip:{file}")


def test_locked_damaged_and_empty_archives_are_refused(tmp_path):
    file = pack(tmp_path / "a.zip", {"a.png": 0})
    content = file.read_bytes()
    place = content.index(b"PK\1\2") + 8
    locked, cut = tmp_path / "locked.zip", tmp_path / "cut.zip"
    locked.write_bytes(content[:place] + b"\1" + content[place + 1 :])
    cut.write_bytes(content[:-30])
    empty = pack(tmp_path / "empty.zip", {"notes.txt": b"text"})
    assert "a.png: expected no password" in complaint(f"zip:{locked}")
    assert "expected a zip archive" in complaint(f"zip:{cut}")
    assert "no images in it: 1 other file left out: 1 .txt" in complaint(f"folder:{empty}")
    assert "no such file" in complaint(f"zip:{tmp_path}/none.zip")
    assert f"found a folder: folder:{tmp_path}" in complaint(f"zip:{tmp_path}")
    assert f"first: zip:{file}" in complaint(f"{file}")


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz", "a.rar", "a.7z", "a.npz"])
def test_other_archives_are_told_what_reads_them(tmp_path, name):
    file = tmp_path / name
    if "t" in name:
        with tarfile.open(file, "w:gz" if "g" in name else "w") as packed:
            packed.addfile(tarfile.TarInfo("a.png"))
    else:
        np.savez(tmp_path / "a.npz", images=IMAGES)
        file.write_bytes((tmp_path / "a.npz").read_bytes() if "npz" in name else b"Rar!")
    line = complaint(f"folder:{file}")
    command = {"rar": "unrar x", "7z": "7z x", "npz": "npz:"}.get(name.split(".")[-1], "tar -xf ")
    assert f"{command.strip()}" in line
    assert str(file) in line.partition("found a file")[2]
