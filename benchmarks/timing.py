"""What the timings share: work that takes as long as the real one, and medians of turns."""

import statistics
import time
from collections.abc import Callable, Hashable
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from minegan_jax.nets import family
from minegan_jax.sources import Source
from minegan_jax.types import Batch

Name = TypeVar("Name", bound=Hashable)


def seconds(run: Callable[[], object]) -> float:
    """Returns how long one call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def medians(runs: dict[Name, Callable[[], object]], rounds: int) -> dict[Name, float]:
    """Calls all in turn, so that a busy machine hurts all alike; returns seconds per call."""
    times = [{name: seconds(run) for name, run in runs.items()} for _ in range(rounds + 1)]
    return {name: statistics.median(row[name] for row in times[1:]) for name in runs}


def fresh_source(
    family_name: str = "dcgan", *, seed: int = 0, **arguments: int | tuple[int, ...]
) -> Source:
    """Makes a source of untrained weights: they take as long as trained ones.

    Single numbers and vectors, such as biases, are drawn as well, so that none is without effect;
    statistics stay what they are, for a variance is never negative.
    """
    arguments = {"resolution": 28, "channels": 1, **arguments}
    networks = family.build(family_name, arguments)
    rng = np.random.default_rng(seed)

    def stir(path: tuple, weight: jax.Array) -> jax.Array:
        if weight.ndim > 1 or "statistics" in jax.tree_util.keystr(path):
            return weight
        return weight + 0.1 * rng.normal(size=weight.shape)

    weights = networks.init(jax.random.key(seed))
    generator, critic = jax.tree_util.tree_map_with_path(stir, weights)
    description = {"arguments": arguments}
    return Source(f"fresh{seed}", "", networks, generator, critic, "", description)


def fresh_batch(batch_size: int, turns: int, resolution: int = 28, channels: int = 1) -> Batch:
    """Makes images of noise."""
    shape = (batch_size, turns, resolution, resolution, channels)
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return Batch(jnp.asarray(pixels), *jnp.zeros((2, *shape[:2]), jnp.int32))
