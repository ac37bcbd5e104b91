"""Intra-cluster distance, a measure of diversity: how different images of one kind still look.

Ojha et al. 2021 (arXiv:2104.06820) with LPIPS; any distance between images will do. It says nothing
of quality: a generator that ignores the target scores high. Copies of the training images score 0.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from minegan_jax.errors import InputError

TrainPixels = UInt8[np.ndarray, "train height width channels"]
FakePixels = UInt8[np.ndarray, "fake height width channels"]
Distances = Callable[[np.ndarray, np.ndarray], Float[np.ndarray, "left right"]]


class IntraCluster(NamedTuple):
    """Higher is more diverse."""

    value: float  # mean over the clusters that have two members; 0 where none has
    with_empty: float  # the same with 0 for every other cluster
    num_clusters: int  # that have two members
    num_train: int  # clusters, one for each training image


def intra_cluster_distance(
    train: TrainPixels,
    fake: FakePixels,
    distances: Distances,
    *,
    max_members: int = 50,
    seed: int = 0,
) -> IntraCluster:
    """Mean distance of pairs of fakes that have one nearest training image, over these images.

    Of each cluster `max_members` fakes are drawn by lot. The published value leaves out clusters
    with fewer than two members, which favours generators that miss kinds; `with_empty` does not.

    Raises InputError for no training image, fewer than 2 fakes or members.
    """
    for name, found, least in (
        ("training images", len(train), 1),
        ("fakes", len(fake), 2),
        ("max_members", max_members, 2),
    ):
        if found < least:
            raise InputError(f"intra_cluster {name}: expected at least {least}, found {found}")
    cluster = distances(fake, train).argmin(axis=1)
    rng = np.random.default_rng(seed)
    means = []
    for number in range(len(train)):
        members = rng.permutation(np.flatnonzero(cluster == number))[:max_members]
        if len(members) > 1:
            means.append(_mean_of_pairs(fake[np.sort(members)], distances))
    value = float(np.mean(means)) if means else 0.0
    return IntraCluster(value, value * len(means) / len(train), len(means), len(train))


def _mean_of_pairs(images: np.ndarray, distances: Distances) -> float:
    between = distances(images, images)
    return float(between[np.triu_indices(len(images), 1)].mean())
