"""The target images of an experiment: named by a user, read as large as its sources need them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import ArrayLike

from minegan_jax.data import (
    Dataset,
    in_words,
    keep_array,
    load_dataset,
    occurs_in,
    open_listing,
)
from minegan_jax.data.identity import identity
from minegan_jax.errors import InputError
from minegan_jax.experiment import build
from minegan_jax.sources import Source


class Target(NamedTuple):
    """Target images as `open_images` found them; its fields are those of `Config`."""

    target: str
    labels: tuple[int, ...]
    ratios: tuple[float, ...]
    max_images: int | None
    num_held_out: int
    target_seed: int
    exclude: str | None
    part: str
    colour: str
    skip_unreadable: bool
    enlarge: bool
    fit: str
    grey_range: tuple[float, ...]
    max_pixels: int | None


def open_images(
    images: str | np.ndarray,
    *,
    image_labels: ArrayLike | None = None,
    labels: tuple[int, ...] = (),
    ratios: tuple[float, ...] = (),
    max_images: int | None = None,
    num_held_out: int = 0,
    seed: int = 0,
    exclude: str | None = None,
    part: str = "",
    colour: str = "as_is",
    skip_unreadable: bool = False,
    enlarge: bool = False,
    fit: str = "crop",
    grey_range: tuple[float, ...] = (),
    max_pixels: int | None = None,
) -> Target:
    """Finds target images; they are read once the sources say how large they must be.

    Args:
      images: "digits", "folder:PATH", "npz:FILE", "tfds:NAME[:SPLIT]" or "zip:FILE"; or the images
        themselves, uint8 of shape (n, h, w) or (n, h, w, channels).
      image_labels: class numbers of images that are given themselves; None where there are none.
      labels: keep only these classes; () keeps all.
      ratios: share of each of `labels`; () takes what a random draw gives.
      max_images: training images to draw; None takes all.
      num_held_out: images that training never sees, for the report.
      seed: which images are drawn.
      exclude: leave out images that also occur in these.
      part: "K/N" takes only the K-th of N disjoint parts, which an image's pixels choose.
      colour: "convert" turns grey into colour images, or back, as the source needs.
      skip_unreadable: skip damaged images instead of stopping.
      enlarge: enlarge images that are smaller than the critic's instead of stopping.
      fit: what becomes of images that are not square: "crop", "pad" or "squeeze".
      grey_range: values of deep grey that become black and white; () is the range of 16 bits.
      max_pixels: of one image, or it is refused; None is 89 million.

    Raises:
      InputError: there are no such images.
    """
    if isinstance(images, str):
        if image_labels is not None:
            raise InputError("image_labels: expected none beside a spec, whose data has its own")
        spec = images
        open_listing(spec)
    else:
        spec = keep_array(images, image_labels)
    return Target(
        target=spec,
        labels=labels,
        ratios=ratios,
        max_images=max_images,
        num_held_out=num_held_out,
        target_seed=seed,
        exclude=exclude,
        part=part,
        colour=colour,
        skip_unreadable=skip_unreadable,
        enlarge=enlarge,
        fit=fit,
        grey_range=grey_range,
        max_pixels=max_pixels,
    )


def load(experiment: build.Experiment) -> Dataset:
    """Reads the target images at the size and in the colours of the sources."""
    config = experiment.config
    return load_dataset(
        config.target,
        resolution=experiment.resolution,
        channels=experiment.channels,
        labels=config.labels,
        ratios=config.ratios,
        max_images=config.max_images,
        num_held_out=config.num_held_out,
        num_left_out=config.num_left_out,
        seed=config.target_seed,
        colour=config.colour,
        skip_unreadable=config.skip_unreadable,
        exclude=config.exclude,
        part=config.part,
        enlarge=config.enlarge,
        fit=config.fit,
        grey_range=config.grey_range,
        max_pixels=config.max_pixels,
    )


def check_unchanged(dataset: Dataset, trained_with: Mapping[str, Any]) -> None:
    """Makes sure that images are those of a run.

    Args:
      dataset: the images as they are now.
      trained_with: the `identity` of those that the run was trained with.

    Raises:
      InputError: they are not; says what changed.
    """
    now = identity(dataset)
    if now["sha256"] == trained_with.get("sha256"):
        return
    counts = [f"{each.get('train')} and {each.get('held_out')}" for each in (trained_with, now)]
    changed = f"expected {counts[0]}, found {counts[1]}"
    if counts[0] == counts[1]:
        changed = f"as many, {counts[0]}, but other pixels, labels or another order"
    raise InputError(
        f"{dataset.description['spec']}: its images to train on and held out are no longer those"
        f" that the run was trained with: {changed}"
    )


def remarks(dataset: Dataset, started_from: Sequence[Source]) -> list[str]:
    """Returns what to know of the images: what was left out, which sources saw the held-out ones.

    Args:
      dataset: the images.
      started_from: the sources whose generators or critic the run starts from; one that does not
        say which images it saw is passed over.
    """
    held_out = dataset.held_out_digests
    seen = {
        source.name: int(occurs_in(held_out, source.seen).sum())
        for source in started_from
        if source.seen is not None
    }
    found = [
        f"source {name!r} was trained on {count} of the {len(held_out)} held-out images: these are"
        " not new to it"
        for name, count in seen.items()
        if count
    ]
    others = in_words(dataset.description.get("other_files", ()))
    return [*found, f"{dataset.description['spec']}: {others}"] if others else found


def check(experiment: build.Experiment, dataset: Dataset) -> None:
    """Makes sure that there are as many images, of such labels, as the method takes."""
    config, count, labels = experiment.config, len(dataset.train), np.unique(dataset.train_labels)
    if config.num_classes and (labels.min() < 0 or labels.max() >= config.num_classes):
        raise InputError(
            f"labels {', '.join(map(str, labels))} of {config.target}: expected 0 to"
            f" {config.num_classes - 1}, as --config.num_classes says"
        )
    found, processes = f"{count} training images", jax.process_count()
    if experiment.num_images not in (None, count):
        raise InputError(f"{found}: expected {experiment.num_images}, as --config.max_images says")
    if count < processes:
        raise InputError(f"{found} for {processes} processes: expected one for each at least")
