"""The target images of an experiment: named by a user, read as large as its sources need them."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from minegan_jax.config import from_values
from minegan_jax.data import (
    Dataset,
    TargetConfig,
    in_words,
    keep_array,
    load_dataset,
    native_shape,
    occurs_in,
    open_index,
    open_target,
)
from minegan_jax.data.identity import identity
from minegan_jax.errors import InputError
from minegan_jax.experiment import build
from minegan_jax.nets.image_resize import ImageShape
from minegan_jax.sources import Source


def open_images(
    images: str | np.ndarray, *, image_labels: ArrayLike | None = None, **fields: Any
) -> TargetConfig:
    """Finds target images; they are read once the sources say how large they must be.

    Args:
      images: "digits", "folder:PATH", "npz:FILE", "tfds:NAME[:SPLIT]" or "zip:FILE"; or the images
        themselves, uint8 of shape (n, h, w) or (n, h, w, channels).
      image_labels: class numbers of images that are given themselves; None where there are none.
      **fields: any other of `TargetConfig`, for example labels, max_images or num_held_out.

    Raises:
      InputError: there are no such images, or no such field.
    """
    if isinstance(images, str):
        if image_labels is not None:
            raise InputError("image_labels: expected none beside a spec, whose data has its own")
        spec = images
        open_index(spec)
    else:
        spec = keep_array(images, image_labels)
    return from_values({"target": {"images": spec, **fields}}).target


def load(experiment: build.Experiment) -> Dataset:
    """Reads the target images as the critic sees them."""
    return load_dataset(
        experiment.config.target, resolution=experiment.resolution, channels=experiment.channels
    )


def first_shape(target: TargetConfig) -> ImageShape:
    """Reads the first target image: as many pixels as its square has, and its colours."""
    return ImageShape(*native_shape(open_target(target), target.box))


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
    """Returns remarks on the images: files left out, sources that saw held-out ones.

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
    known = config.network.num_classes
    if known and (labels.min() < 0 or labels.max() >= known):
        raise InputError(
            f"labels {', '.join(map(str, labels))} of {config.target.images}: expected 0 to"
            f" {known - 1}, as network.num_classes={known} says"
        )
    found, processes = f"{count} training images", jax.process_count()
    if experiment.num_images not in (None, count):
        raise InputError(
            f"{found}: expected as many as target.max_images={experiment.num_images} says"
        )
    if count < processes:
        raise InputError(f"{found} for {processes} processes: expected one for each at least")
