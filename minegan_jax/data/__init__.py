"""Target images: from a spec such as "folder:/data/cats" to arrays of pixels and to batches."""

import difflib
import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minegan_jax.data.archive import advice, inside, open_zip
from minegan_jax.data.arrays import KIND, open_array
from minegan_jax.data.arrays import keep_array as keep_array
from minegan_jax.data.batches import make_batch_at as make_batch_at
from minegan_jax.data.digests import Digests as Digests
from minegan_jax.data.digests import in_part, read_digests
from minegan_jax.data.digests import occurs_in as occurs_in
from minegan_jax.data.digits import open_digits
from minegan_jax.data.duplicates import MAX_COMPARED, repeated
from minegan_jax.data.folder import open_folder
from minegan_jax.data.image_index import ImageIndex as ImageIndex
from minegan_jax.data.npz import open_npz
from minegan_jax.data.pictures import in_words as in_words
from minegan_jax.data.preprocess import native_shape as native_shape
from minegan_jax.data.preprocess import preprocess as preprocess
from minegan_jax.data.settings import TargetConfig as TargetConfig
from minegan_jax.data.subsets import Subset as Subset
from minegan_jax.data.subsets import choose as choose
from minegan_jax.data.subsets import label_numbers
from minegan_jax.data.tfds import open_tfds
from minegan_jax.errors import InputError
from minegan_jax.files import as_path
from minegan_jax.types import Labels, Pixels

LOG = logging.getLogger(__name__)
# What stands before the colon -> what opens the rest.
KINDS: dict[str, Callable[[str], ImageIndex]] = {
    "digits": open_digits,
    "folder": open_folder,
    "npz": open_npz,
    "tfds": open_tfds,
    "zip": open_zip,
    KIND: open_array,
}


class Dataset(NamedTuple):
    """The target images of an experiment."""

    train: Pixels
    train_labels: Labels
    held_out: Pixels  # no rows where nothing is held out
    held_out_labels: Labels
    validation: Pixels  # of the training images, those that only early stopping sees
    description: dict[str, Any]  # how it came about: plain values, ready for JSON
    train_digests: Digests  # of the training images, those for validation among them
    held_out_digests: Digests
    class_names: tuple[str, ...] = ()  # by label, where the data has names


def open_index(spec: str) -> ImageIndex:
    """Opens `digits`, `folder:PATH`, `npz:FILE`, `tfds:NAME[:SPLIT]` or `zip:FILE`."""
    kind, _, rest = spec.partition(":")
    if kind in KINDS:
        return KINDS[kind](rest)
    if "://" in spec or (spec and os.path.exists(os.path.expanduser(spec))):
        raise InputError(f"{spec}: expected a kind of data first{_kind_first(as_path(spec), spec)}")
    near = difflib.get_close_matches(kind, KINDS, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise InputError(f"{spec!r}: expected one of {', '.join(KINDS)}, found {kind!r}{hint}")


def as_spec(images: str) -> str:
    """Returns the spec of a path: `folder:`, `zip:` or `npz:`; a spec stays as it is."""
    if images.partition(":")[0] in KINDS:
        return images
    path = as_path(images)
    is_file = path.is_file() or inside(path) is not None
    return f"{('zip' if inside(path) else 'npz') if is_file else 'folder'}:{images}"


def _kind_first(path: Path, spec: str) -> str:
    """Says with which kind a path is right, or how it becomes so."""
    if path.is_dir() or inside(path):
        return f": {'folder' if path.is_dir() else 'zip'}:{spec}"
    return advice(path) or f", one of {', '.join(KINDS)}, found a file of another kind"


def load_dataset(target: TargetConfig, *, resolution: int, channels: int) -> Dataset:
    """Opens, chooses and reads images.

    Where some are held out, or are for validation, only one of each picture is taken: a copy of an
    image that training sees must not be among those that it should not see. The last
    `num_validation` of the training images are no longer among them.

    Args:
      target: which images, and how they are read.
      resolution: in pixels, that all get.
      channels: 1 grey, 3 RGB.

    Raises:
      InputError: there are no such images, or they do not fit.
    """
    spec, listing = target.images, open_target(target)
    if listing.other_files:
        LOG.warning("%s: %s", spec, in_words(listing.other_files))
    chosen = _choose(listing, target)
    read = partial(
        preprocess,
        listing,
        resolution=resolution,
        channels=channels,
        colour=target.colour,
        skip_unreadable=target.skip_unreadable,
        enlarge=target.enlarge,
        fit=target.fit,
        box=target.box,
    )
    train, held_out = read(chosen.train), read(chosen.held_out)
    if not len(train.pixels):
        raise InputError(f"{spec}: none of the {len(chosen.train)} chosen images is readable")
    count = _count_to_train_on(spec, len(train.pixels), target.num_validation)
    description = {
        "spec": spec,
        "exclude": target.exclude,
        "part": target.part,
        "train": count,
        "held_out": len(held_out.pixels),
        "equal": chosen.num_copies,
        "seed": target.seed,
        "labels": list(chosen.labels),
        "ratios": list(target.ratios),
        "other_files": list(listing.other_files),
        "skipped": [*chosen.unreadable, *train.skipped, *held_out.skipped],
    }
    return Dataset(
        train.pixels[:count],
        listing.labels[train.indices[:count]],
        held_out.pixels,
        listing.labels[held_out.indices],
        train.pixels[count:],
        description,
        train.digests,
        held_out.digests,
        tuple(listing.class_names),
    )


def open_target(target: TargetConfig) -> ImageIndex:
    """Opens all images of a target's spec, to be read as the target says."""
    _check_grey_range(target.grey_range)
    return open_index(target.images)._replace(
        grey_range=target.grey_range, max_pixels=target.max_pixels
    )


class _Chosen(NamedTuple):
    """Which images of a listing are taken, by index."""

    train: np.ndarray
    held_out: np.ndarray
    labels: tuple[int, ...]  # that were asked for; none are all
    num_copies: int  # images that were not taken because another shows the same picture
    unreadable: tuple[str, ...]  # names of images that could not be read


def _choose(listing: ImageIndex, target: TargetConfig) -> _Chosen:
    """Chooses a target's images."""
    skip_unreadable = target.skip_unreadable
    labels = label_numbers(target.labels, listing.labels, listing.class_names)
    candidates, unreadable = _candidates(listing, target.exclude, target.part, skip_unreadable)
    split = target.num_held_out or target.num_validation
    copies = _copies(listing, candidates, labels, skip_unreadable) if split else candidates[:0]
    candidates = np.setdiff1d(candidates, copies)
    subset = choose(
        listing.labels[candidates],
        keep_labels=labels,
        ratios=target.ratios,
        max_images=target.max_images,
        num_held_out=target.num_held_out,
        seed=target.seed,
        class_names=listing.class_names,
    )
    train, held_out = (candidates[places] for places in subset)
    return _Chosen(train, held_out, labels, len(copies), unreadable)


def _check_grey_range(grey_range: tuple[float, ...]) -> None:
    """Makes sure that it is none, or a black and a white: the white may be less than the black."""
    if grey_range and (len(grey_range) != 2 or grey_range[0] == grey_range[1]):
        raise InputError(f"target.grey_range: expected two different numbers, found {grey_range}")


def _count_to_train_on(spec: str, found: int, num_validation: int) -> int:
    """Returns how many images training sees; there must be one."""
    if found > num_validation:
        return found - num_validation
    raise InputError(
        f"{spec}: {num_validation} of {found} training images are for validation: expected one to"
        " train on at least"
    )


def _candidates(
    listing: ImageIndex, exclude: str | None, part: str | None, skip_unreadable: bool
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The indices of images that may be chosen, and the names of those found unreadable."""
    everything = np.arange(len(listing.labels))
    if exclude is None and part is None:
        return everything, ()
    readable, digests, unreadable = read_digests(
        listing, everything, skip_unreadable=skip_unreadable
    )
    wanted = in_part(digests, part) if part is not None else np.ones(len(digests), bool)
    if exclude is not None:
        others = open_index(exclude)._replace(
            grey_range=listing.grey_range, max_pixels=listing.max_pixels
        )
        theirs = np.arange(len(others.labels))
        wanted &= ~occurs_in(
            digests, read_digests(others, theirs, skip_unreadable=skip_unreadable)[1]
        )
    return readable[wanted], unreadable


def _copies(
    listing: ImageIndex, candidates: np.ndarray, labels: tuple[int, ...], skip_unreadable: bool
) -> np.ndarray:
    """The indices of images that show the same picture as an earlier one that may be chosen."""
    known = listing.labels[candidates]
    wanted = candidates[np.isin(known, labels)] if labels else candidates
    found = wanted[repeated(listing, wanted, skip_unreadable=skip_unreadable)]
    if len(wanted) > MAX_COMPARED:
        LOG.warning(
            "%s: of %d images only those of equal pixels are found: copies that were stored again"
            " are looked for among %d or fewer",
            listing.name,
            len(wanted),
            MAX_COMPARED,
        )
    if len(found):
        LOG.warning(
            "%s: %d of %d images show the same picture as another, for example %s: one of each is"
            " taken",
            listing.name,
            len(found),
            len(wanted),
            listing.names[found[0]],
        )
    return found
