"""`npz:FILE`: images in a NumPy archive, such as the ones this project writes when it samples."""

import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from minegan_jax.data.image_index import ImageIndex, unlabelled
from minegan_jax.data.system_errors import is_of_the_system, unread
from minegan_jax.errors import InputError
from minegan_jax.file_kinds import BEGINNING, describe
from minegan_jax.files import path_of
from minegan_jax.types import Labels

NUM_CHANNELS = (1, 3, 4)  # grey, RGB, RGB with opacity
CHANNELS_FIRST = (1, 3)
RATIO = 100  # images that unpack to more than this, times their file, are not images
MAGIC = (b"PK", b"\x93NUMPY")  # how zip archives, and arrays without a name, begin
SMALL = 64 * 2**20  # bytes that any file may unpack to
MAX_LISTED = 8  # arrays that an error names
# Names of images and of their labels: ours, those of unnamed arrays, BigGAN-PyTorch's.
NAMES = {"images": "labels", "arr_0": "arr_1", "x": "y"}
# How the values of an array that is not of uint8 become whole numbers from 0 to 255.
CONVERSIONS = (
    (-1.0, 1.0, "((a + 1) * 127.5).round().astype('uint8')"),
    (0.0, 1.0, "(a * 255).round().astype('uint8')"),
    (0.0, 255.0, "a.round().astype('uint8')"),
)


def open_npz(rest: str) -> ImageIndex:
    """Images (n, h, w), (n, h, w, c) or (n, c, h, w) of uint8 and, if there, labels (n,).

    They are called as `NAMES` says; images of another name are taken if no others are there. A
    single array of an .npy file is one of images.
    """
    name = f"npz:{rest}"
    path = path_of(name)
    if os.path.isdir(path):
        raise InputError(f"{name}: expected a file, found a folder: folder:{rest}")
    if not os.path.isfile(path):
        raise InputError(f"{name}: no such file")
    images, labels = _read_arrays(path, name)
    return ImageIndex(
        name=name,
        labels=labels,
        class_names=(),
        read=images.__getitem__,
        names=[f"{path}[{index}]" for index in range(len(images))],
    )


def _read_arrays(path: Path, name: str) -> tuple[np.ndarray, Labels]:
    try:
        # Opened here because NumPy leaves a damaged archive open.
        with path.open("rb") as file:
            _check_kind(file, path, name)
            # A pickled object inside an archive is a program: never run it.
            found = np.load(file, allow_pickle=False)
            if not isinstance(found, np.lib.npyio.NpzFile):
                images = checked_images(found, name, "its array")
                return images, unlabelled(len(images))
            _check_unpacked(path, name)
            return _chosen(found, name)
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{name}: its images do not fit into memory") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if is_of_the_system(error):
            raise unread(name, error) from error
        reason = str(error).partition("\n")[0]
        raise InputError(f"{name}: not a readable .npz archive ({reason})") from error


def _check_kind(file: BinaryIO, path: Path, name: str) -> None:
    """Refuses a file that NumPy would take for a pickle."""
    start = file.read(BEGINNING)
    file.seek(0)
    if not start.startswith(MAGIC):
        raise InputError(f"{name}: expected an .npz or .npy file, found {describe(path, start)}")


def _chosen(archive: Mapping[str, np.ndarray], name: str) -> tuple[np.ndarray, Labels]:
    """The images of an archive, and their labels if they go by the name that belongs to theirs."""
    key = next((each for each in NAMES if each in archive), None) or _only_images(archive, name)
    images = checked_images(archive[key], name, repr(key))
    second = NAMES.get(key, "labels")
    if second not in archive:
        return images, unlabelled(len(images))
    return images, checked_labels(archive[second], name, repr(second), len(images))


def _only_images(archive: Mapping[str, np.ndarray], name: str) -> str:
    """The name of the only array that may be one of images."""
    found, described = [], []
    for key in archive:
        try:
            array = archive[key]
        except ValueError:
            described.append(f"{key} of objects")
            continue
        if not isinstance(array, np.ndarray):  # a file that NumPy did not write
            described.append(f"the file {key}")
            continue
        described.append(f"{key} of {array.dtype} {array.shape}")
        if array.dtype == np.uint8 and array.ndim in (3, 4):
            found.append(key)
    if len(found) == 1:
        return found[0]
    there = ", ".join(described[:MAX_LISTED]) or "none"
    raise InputError(f"{name}: expected an array 'images', found {there}")


def _check_unpacked(path: Path, name: str) -> None:
    """Refuses a small file that would fill the memory; NumPy reads no more than an entry says."""
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    packed = path.stat().st_size
    if unpacked > max(SMALL, RATIO * packed):
        raise InputError(
            f"{name}: refused: its {packed:,} bytes unpack to {unpacked:,},"
            f" more than {RATIO} times as many"
        )


def checked_images(images: np.ndarray, name: str, what: str) -> np.ndarray:
    """Images with their channels last.

    Args:
      images: of any type and shape.
      name: of where they come from, for messages.
      what: they are called there, for messages.

    Raises:
      InputError: they are not of uint8, or their shape is not one of images.
    """
    if images.dtype != np.uint8:
        raise InputError(
            f"{name}: expected {what} of uint8, found {images.dtype}{_conversion(images)}"
        )
    if (
        images.ndim == 4
        and images.shape[3] not in NUM_CHANNELS
        and images.shape[1] in CHANNELS_FIRST
    ):
        images = np.moveaxis(images, 1, 3)  # (images, height, width, channels)
    grey = images.ndim == 3
    if not (grey or (images.ndim == 4 and images.shape[3] in NUM_CHANNELS)) or not images.size:
        raise InputError(
            f"{name}: expected {what} of shape (n, h, w), (n, h, w, 1 or 3 or 4) or"
            f" (n, 1 or 3, h, w), found {images.shape}"
        )
    return images


def _conversion(images: np.ndarray) -> str:
    """Says how numbers of another type become images; nothing if their range says nothing."""
    if not images.size or images.dtype.kind not in "fiu":
        return ""
    low, high = float(images.min()), float(images.max())
    for least, most, recipe in CONVERSIONS:
        if (low < 0) == (least < 0) and least <= low and high <= most:
            return f" from {low:g} to {high:g}: store {recipe}"
    return f" from {low:g} to {high:g}"


def checked_labels(labels: np.ndarray, name: str, what: str, num_images: int) -> Labels:
    """Labels as int32; arguments and errors are those of `checked_images`."""
    if labels.shape == (num_images, 1):
        labels = labels[:, 0]
    if labels.shape != (num_images,) or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"{name}: expected {what} of {num_images} integers, "
            f"found {labels.dtype} of shape {labels.shape}"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < -1 or high >= 2**31:
        raise InputError(
            f"{name}: expected {what} of numbers from 0, or -1 for none, found {low} to {high}"
        )
    return labels.astype(np.int32)
