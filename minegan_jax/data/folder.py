"""`folder:PATH`: every image below a folder; its immediate sub-folders are the classes."""

import logging
import os
from pathlib import Path

from minegan_jax.data import archive, classes
from minegan_jax.data.image_index import ImageIndex
from minegan_jax.data.pictures import counted, in_words, is_picture, open_picture
from minegan_jax.data.system_errors import is_of_the_system, unread
from minegan_jax.data.walk import Found, find_files, is_output
from minegan_jax.errors import InputError
from minegan_jax.files import path_of

LOG = logging.getLogger(__name__)


def open_folder(rest: str) -> ImageIndex:
    """The images below a folder, sorted by path; a moving image counts as its first frame."""
    spec = f"folder:{rest}"
    root = path_of(spec)
    if archive.inside(root) is not None:
        return archive.open_archive(root, spec)
    _check_root(root, spec)
    found = find_files(root)
    names = [name for name in found.files if _is_picture(root / name)]
    others = sorted({*found.files} - {*names, classes.DATASET_JSON})
    left_out = _left_out(others, found)
    if not names:
        said = f": {in_words(left_out)}" if left_out else ""
        raise InputError(f"{spec}: no images in it{said}{_way_in(root, others)}")
    labels, class_names = _classify(root, names, spec)
    _warn_of_one_folder(names, class_names, spec)
    return ImageIndex(
        name=spec,
        labels=labels,
        class_names=class_names,
        read=lambda index: open_picture(root / names[index], names[index]),
        names=[str(root / name) for name in names],
        other_files=left_out,
    )


def _check_root(root: Path, spec: str) -> None:
    if os.path.islink(root) and not os.path.exists(root):
        raise InputError(f"{spec}: expected a folder, found a link that leads to none")
    if not os.path.exists(root):
        raise InputError(f"{spec}: no such folder")
    if not root.is_dir():
        found = archive.advice(root) or f": {archive.kind(root)}"
        raise InputError(f"{spec}: expected a folder, found a file{found}")
    if is_output(root):
        raise InputError(f"{spec}: expected photographs, found a folder that this program wrote")


def _way_in(root: Path, others: list[str]) -> str:
    """Says how images are reached that lie in an archive, the first one of a folder."""
    ways = (archive.way_in(root / name) for name in others)
    return next(filter(None, ways), "")


def _is_picture(path: Path) -> bool:
    try:
        return is_picture(path, path.name)
    except Exception as error:
        if not is_of_the_system(error):
            raise
        raise unread(str(path), error) from error


def _left_out(others: list[str], found: Found) -> tuple[str, ...]:
    """Counts what is not taken."""
    kinds = {
        "link{s} to nothing or to what is read anyway": found.links,
        "folder{s} that this program wrote": found.outputs,
    }
    more = [
        f"{len(names)} {kind.format(s='s' * (len(names) > 1))}"
        for kind, names in kinds.items()
        if names
    ]
    return (*counted(others), *more)


def _classify(root: Path, names: list[str], spec: str) -> classes.Classes:
    """Takes the classes of `dataset.json`, if the folder has one, or of the sub-folders."""
    file = root / classes.DATASET_JSON
    try:
        content = file.read_bytes() if file.is_file() else None
    except OSError as error:
        raise unread(str(file), error) from error
    found = None if content is None else classes.by_json(content, names, str(file))
    if found is not None:
        return found
    return classes.by_folder(names, spec)


def _warn_of_one_folder(names: list[str], class_names: tuple[str, ...], spec: str) -> None:
    """Says that all images are one class, where a folder lies around the folders of classes."""
    if len(class_names) == 1 and all(name.count("/") > 1 for name in names):
        LOG.warning(
            "%s: all images are of one class, %s: expected %s/%s if its sub-folders are classes",
            spec,
            class_names[0],
            spec.rstrip("/"),
            class_names[0],
        )
