"""`npz:FILE`: images in a NumPy archive, such as the ones this project writes when it samples."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from minegan_jax.data.listing import Listing, unlabelled
from minegan_jax.errors import InputError
from minegan_jax.types import Labels

NUM_CHANNELS = (1, 3, 4)  # grey, RGB, RGB with opacity
RATIO = 100  # images that unpack to more than this, times their file, are not images
SMALL = 64 * 2**20  # bytes that any file may unpack to


def open_npz(rest: str) -> Listing:
    """The arrays `images` (n, h, w) or (n, h, w, c) of uint8 and, if there, `labels` (n,)."""
    name, path = f"npz:{rest}", Path(rest).expanduser()
    if not rest or not path.is_file():
        raise InputError(f"{name}: no such file")
    arrays = _read_arrays(path, name)
    images = _checked_images(arrays, name)
    return Listing(
        name=name,
        labels=_checked_labels(arrays, name, len(images)),
        class_names=(),
        read=images.__getitem__,
        names=[f"{path}[{index}]" for index in range(len(images))],
    )


def _read_arrays(path: Path, name: str) -> dict[str, np.ndarray]:
    try:
        # Opened here because NumPy leaves a damaged archive open.
        with path.open("rb") as file:
            # A pickled object inside an archive is a program: never run it.
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise InputError(f"{name}: expected an .npz archive, found a single array")
            _check_unpacked(path, name)
            return {key: archive[key] for key in ("images", "labels") if key in archive}
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{name}: its images do not fit into memory") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{name}: not a readable .npz archive ({reason})") from error


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


def _checked_images(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    if "images" not in arrays:
        raise InputError(f"{name}: expected an array 'images', found none")
    images = arrays["images"]
    if images.dtype != np.uint8:
        raise InputError(f"{name}: expected 'images' of uint8, found {images.dtype}")
    grey = images.ndim == 3
    if not (grey or (images.ndim == 4 and images.shape[3] in NUM_CHANNELS)) or not images.size:
        raise InputError(
            f"{name}: expected 'images' of shape (n, h, w) or (n, h, w, 1 or 3 or 4), "
            f"found {images.shape}"
        )
    return images


def _checked_labels(arrays: dict[str, np.ndarray], name: str, num_images: int) -> Labels:
    if "labels" not in arrays:
        return unlabelled(num_images)
    labels = arrays["labels"]
    if labels.shape != (num_images,) or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"{name}: expected 'labels' of {num_images} integers, "
            f"found {labels.dtype} of shape {labels.shape}"
        )
    return labels.astype(np.int32)
