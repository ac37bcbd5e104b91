"""Few-shot subsets: which images to train on, and which training never sees."""

import difflib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from minegan_jax.errors import InputError
from minegan_jax.types import Labels

HELD_OUT, TRAIN = 0, 1  # separate streams of random numbers, so that neither moves the other
MAX_LISTED = 20  # labels that an error names before it stops
Indices = Int[np.ndarray, "_"]  # each call has its own number of them


class Subset(NamedTuple):
    """Indices of images; no image is in both parts."""

    train: np.ndarray
    held_out: np.ndarray


def choose(
    labels: Labels,
    *,
    keep_labels: tuple[int, ...] = (),
    ratios: tuple[float, ...] = (),
    max_images: int | None = None,
    num_held_out: int = 0,
    seed: int = 0,
    class_names: tuple[str, ...] = (),
) -> Subset:
    """Chooses images by seed, by label (all if none is named) and in ratios (as they come if none).

    The held-out part is the same for every `max_images`; a smaller training set is the start of a
    larger one.
    """
    _check_counts(max_images, num_held_out, seed)
    _check_labels(labels, keep_labels, class_names)
    _check_ratios(keep_labels, ratios)
    groups = _groups(labels, keep_labels, ratios)
    held_out = _take_turns(_shuffled(groups, seed, HELD_OUT), ratios)[:num_held_out]
    rest = [np.setdiff1d(group, held_out) for group in groups]
    train = _take_turns(_shuffled(rest, seed, TRAIN), ratios)[:max_images]
    # Ratios that only a smaller set can have are an error; without ratios less is fine.
    wanted = max_images if ratios and max_images else 1
    if len(held_out) < num_held_out or len(train) < wanted:
        found = ", ".join(str(len(group)) for group in groups)
        shares = f" in ratios {', '.join(map(str, ratios))}" if ratios else ""
        raise InputError(
            f"too few images: expected {num_held_out} to hold out and at least {wanted} to train "
            f"on{shares}, found {found}"
        )
    return Subset(train, held_out)


def _groups(
    labels: Labels, keep_labels: tuple[int, ...], ratios: tuple[float, ...]
) -> list[Indices]:
    """The images of each label if ratios tell labels apart, else all of them together."""
    if ratios:
        return [np.flatnonzero(labels == label) for label in keep_labels]
    if keep_labels:
        return [np.flatnonzero(np.isin(labels, keep_labels))]
    return [np.arange(len(labels))]


def _shuffled(groups: list[Indices], seed: int, stream: int) -> list[Indices]:
    return [
        np.random.default_rng([seed, stream, number]).permutation(group)
        for number, group in enumerate(groups)
    ]


def _take_turns(groups: Sequence[Indices], ratios: tuple[float, ...]) -> Indices:
    """Merges groups so that every beginning of the result is in the ratios, rounded.

    The k-th image of a group is due at (k + 1/2) / ratio, as seats are in Webster's apportionment:
    rounding each beginning on its own by largest remainders could take an image back when one
    more is asked for. Stops where a group has none left to give.
    """
    ends = [np.append(group, -1) for group in groups]
    shares = ratios or (1.0,)
    due = [(np.arange(len(end)) + 0.5) / share for end, share in zip(ends, shares, strict=True)]
    merged = np.concatenate(ends)[np.argsort(np.concatenate(due), kind="stable")]
    return merged[: np.argmax(merged == -1)]


def _check_counts(max_images: int | None, num_held_out: int, seed: int) -> None:
    if max_images is not None and max_images < 1:
        raise InputError(f"max_images: expected 1 or more, found {max_images}")
    if num_held_out < 0:
        raise InputError(f"num_held_out: expected 0 or more, found {num_held_out}")
    if seed < 0:
        raise InputError(f"seed: expected 0 or more, found {seed}")


def label_numbers(
    keep_labels: Sequence[int | str], labels: Labels, class_names: tuple[str, ...]
) -> tuple[int, ...]:
    """Labels that may be given as the names of classes, as numbers.

    Args:
      keep_labels: names, or labels themselves; what is both is a name.
      labels: of all images.
      class_names: by label; empty where classes have none.

    Raises:
      InputError: there is no class of this name; says which there are, and the nearest one.
    """
    numbers = {name: number for number, name in enumerate(class_names)}
    found = [numbers.get(str(label), label) for label in keep_labels]
    for label in found:
        if isinstance(label, str):
            near = difflib.get_close_matches(label, class_names, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise InputError(
                f"label {label!r}: no image has it: {_known(labels, class_names)}{hint}"
            )
    return tuple(map(int, found))


def _known(labels: Labels, class_names: tuple[str, ...]) -> str:
    """Says which labels there are."""
    known = np.unique(labels[labels >= 0]).tolist()
    named = [f"{k} ({class_names[k]})" if k < len(class_names) else str(k) for k in known]
    if len(named) > MAX_LISTED:
        named = [*named[:MAX_LISTED], f"... ({len(named)} in all)"]
    return f"there are {', '.join(named)}" if named else "the images have no labels"


def _check_labels(
    labels: Labels, keep_labels: tuple[int, ...], class_names: tuple[str, ...]
) -> None:
    for label in keep_labels:
        if label < 0 or label not in labels:
            raise InputError(f"label {label}: no image has it: {_known(labels, class_names)}")
        if keep_labels.count(label) > 1:
            raise InputError(f"label {label}: expected each label once, found it twice")


def _check_ratios(keep_labels: tuple[int, ...], ratios: tuple[float, ...]) -> None:
    if not ratios:
        return
    if len(ratios) != len(keep_labels):
        raise InputError(f"ratios: expected one per label, {len(keep_labels)}, found {len(ratios)}")
    if min(ratios) <= 0 or abs(sum(ratios) - 1) > 1e-6:
        raise InputError(f"ratios: expected positive numbers that sum to 1, found {ratios}")
