"""`folder:PATH`: every image below a folder; its immediate sub-folders are the classes."""

from pathlib import Path

import numpy as np
from PIL import Image

from minegan_jax.data.listing import Listing
from minegan_jax.errors import InputError
from minegan_jax.types import Labels

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
MAX_DIGITS = 9  # a longer number does not fit an int32 label, and is a name


def open_folder(rest: str) -> Listing:
    """The images below a folder, sorted by path; a moving image counts as its first frame."""
    root = Path(rest).expanduser()
    if not rest or not root.exists():
        raise InputError(f"folder:{rest}: no such folder")
    if not root.is_dir():
        raise InputError(f"folder:{rest}: expected a folder, found a file")
    paths = _find_images(root)
    if not paths:
        raise InputError(f"folder:{rest}: no images in it: looked for {', '.join(SUFFIXES)}")
    labels, class_names = _classify([_class_of(path, root) for path in paths])
    return Listing(
        name=f"folder:{rest}",
        labels=labels,
        class_names=class_names,
        read=lambda index: Image.open(paths[index]),
        names=[str(path) for path in paths],
    )


def _find_images(root: Path) -> list[Path]:
    """Every image below the folder, sorted the same way on every system."""
    return sorted(
        (
            path
            for path in root.rglob("*")
            if path.suffix.lower() in SUFFIXES and path.is_file()
            # macOS leaves a "._cat.jpg" beside "cat.jpg" that is no image.
            if not any(part.startswith(".") for part in path.relative_to(root).parts)
        ),
        key=lambda path: path.relative_to(root).as_posix(),
    )


def _class_of(path: Path, root: Path) -> str | None:
    """The name of the immediate sub-folder that an image lies in."""
    parts = path.relative_to(root).parts
    return parts[0] if len(parts) > 1 else None


def _classify(classes: list[str | None]) -> tuple[Labels, tuple[str, ...]]:
    """Numbers the classes: by themselves if they all are numbers, else in the order of names."""
    names = sorted({name for name in classes if name is not None})
    are_numbers = all(_is_number(name) for name in names)
    numbers = {name: int(name) if are_numbers else order for order, name in enumerate(names)}
    labels = np.array([-1 if name is None else numbers[name] for name in classes], np.int32)
    return labels, () if are_numbers else tuple(names)


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) <= MAX_DIGITS
