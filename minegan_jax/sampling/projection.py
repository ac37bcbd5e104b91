"""Projection: the image nearest to a given one that a generator can make, by gradient search.

The search moves a latent z (with a class's vector behind it where all classes take part) or, behind
a mapping network, w. It starts from those of many fresh draws whose images are nearest already.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from minegan_jax.errors import InputError
from minegan_jax.features.extractor import Extractor
from minegan_jax.metrics.distances import squared_distances
from minegan_jax.mining import class_conditioning
from minegan_jax.mining.noise import sample_noise
from minegan_jax.nets.family import Networks
from minegan_jax.nets.image_resize import fit
from minegan_jax.nets.precision import full_float32
from minegan_jax.types import Images, Key, Latents, Params

LIMIT = 3.0  # standard deviations of the prior, beyond which no number of z goes
RATE = 0.05  # of Adam, in units of the start's spread; it falls to 0 along half a cosine
SMALLEST = 1e-12  # in the place of a difference of 0


class Space(NamedTuple):
    """What is searched in front of a generator."""

    name: str  # "z" or "w"
    start: Callable[[Params, Key, int], Latents]  # fresh draws, as many
    make: Callable[[Params, Latents], Images]
    limit: float | None = None  # that no number exceeds


class Comparison(NamedTuple):
    """How different images are: 1 is as different as two images of the target are on average.

    Pixels and a frozen network's features count alike, each as a mean square.
    """

    embed: Callable[[Images], Array]  # to features
    pixel_unit: float = 1.0  # mean square difference of the pixels of two images of the target
    feature_unit: float = 1.0  # and of their features

    def coordinates(self, images: Images) -> Float[Array, "batch coordinates"]:
        """Returns rows whose Euclidean distance is how different two images are."""
        pixels = images.reshape(len(images), -1)  # (batch, rows * columns * channels)
        features = self.embed(images)
        parts = ((pixels, self.pixel_unit), (features, self.feature_unit))
        scaled = [part / np.sqrt(2.0 * unit * part.shape[1]) for part, unit in parts]
        return jnp.concatenate(scaled, axis=1)


class Projection(NamedTuple):
    """The nearest images that were found."""

    latents: Float[np.ndarray, "targets latent"]
    images: Float[np.ndarray, "targets height width channels"]  # in [-1, 1]
    distances: Float[np.ndarray, "targets"]  # see `Comparison`


def spaces(networks: Networks, of_classes: str) -> tuple[Space, ...]:
    """Returns the latent spaces of a source that can be searched.

    Args:
      networks: the source's.
      of_classes: that a conditional one is asked for, see `mining.class_conditioning`.
    """
    searchable = class_conditioning.searchable(networks, of_classes)
    shape = class_conditioning.noise_shape(networks, of_classes)

    def start(params: Params, key: Key, count: int) -> Latents:
        return searchable(params, sample_noise(key, (count,), shape))[0]

    def make(params: Params, searched: Latents) -> Images:
        # What it starts from matters not: images are a function of what is searched.
        start = sample_noise(jax.random.key(0), (len(searched),), shape)
        return searchable(params, start)[1](searched)

    found = (Space("z", start, make, LIMIT),)
    to_w, synthesise = networks.to_w, networks.synthesise
    if to_w is None or synthesise is None or networks.num_classes:
        return found

    def start_w(params: Params, key: Key, count: int) -> Latents:
        return to_w(params, start(params, key, count))

    return (*found, Space("w", start_w, synthesise))


def comparison(extractor: Extractor, target: Images) -> Comparison:
    """Returns how images are compared with those of a target.

    Args:
      extractor: whose features count beside pixels.
      target: at least two different images.

    Raises:
      InputError: there are not.
    """

    def embed(images: Images) -> Array:
        return extractor.embed(fit(images, extractor.resolution, extractor.channels))[0]

    def unit(rows: np.ndarray) -> float:
        return float(2.0 * rows.var(axis=0, ddof=1).mean())  # mean square difference of two rows

    pixels = np.asarray(target, np.float64).reshape(len(target), -1)
    features = np.asarray(embed(target), np.float64)
    if len(target) < 2 or not unit(pixels):
        raise InputError("expected two different target images at least: their difference is 1")
    return Comparison(embed, unit(pixels), max(unit(features), SMALLEST))


@full_float32()
def project(
    space: Space,
    params: Params,
    compare: Comparison,
    targets: Images,
    key: Key,
    *,
    num_draws: int = 500,
    num_starts: int = 2,
    num_steps: int = 100,
    together: int = 64,
) -> Projection:
    """Searches the nearest image to each target.

    Args:
      space: what is searched.
      params: the generator's.
      compare: says how different images are.
      targets: in [-1, 1].
      key: of the fresh draws.
      num_draws: among which starts are sought.
      num_starts: of each target, those of the draws that are nearest to it.
      num_steps: of Adam from each start.
      together: images that are made at a time.
    """
    pool = space.start(params, key, num_draws)
    coordinates = jax.jit(lambda params, latents: compare.coordinates(space.make(params, latents)))
    made = _in_blocks(partial(coordinates, params), together, pool)
    wanted = _in_blocks(jax.jit(compare.coordinates), together, targets)
    nearest = np.argsort(squared_distances(wanted, made), axis=1)[
        :, :num_starts
    ]  # (targets, starts)
    starts = np.asarray(pool)[nearest].reshape(-1, pool.shape[1])
    # Numbers of w spread less than those of z: Adam's rate is one of the start's spread.
    search = jax.jit(_search(space, compare, RATE * float(pool.std()), num_steps))
    found, distances = _in_blocks(
        partial(search, params), together, starts, wanted.repeat(nearest.shape[1], axis=0)
    )
    best = distances.reshape(nearest.shape).argmin(axis=1)
    rows = np.arange(len(best)) * nearest.shape[1] + best
    images = _in_blocks(jax.jit(partial(space.make, params)), together, found[rows])
    return Projection(found[rows], images, distances[rows])


def _search(
    space: Space, compare: Comparison, rate: float, num_steps: int
) -> Callable[..., tuple[Latents, Float[Array, "batch"]]]:
    """Returns the search from starts, as a function of (params, starts, targets' coordinates)."""
    optimizer = optax.adam(optax.cosine_decay_schedule(rate, num_steps))

    def search(
        params: Params, starts: Latents, wanted: Float[Array, "batch coordinates"]
    ) -> tuple[Latents, Float[Array, "batch"]]:
        def squares(latents: Latents) -> tuple[Array, Float[Array, "batch"]]:
            made = compare.coordinates(space.make(params, latents))
            each = jnp.square(made - wanted).sum(axis=1)
            return each.sum(), each  # the sum's gradient is that of each in its own row

        def step(carry: Any, _: None) -> tuple[Any, None]:
            latents, moments, best, least = carry
            gradient, now = jax.grad(squares, has_aux=True)(latents)
            better = now < least
            best, least = jnp.where(better[:, None], latents, best), jnp.minimum(now, least)
            updates, moments = optimizer.update(gradient, moments)
            latents = optax.apply_updates(latents, updates)
            if space.limit is not None:
                latents = latents.clip(-space.limit, space.limit)
            return (latents, moments, best, least), None

        least = jnp.full(len(starts), jnp.inf, starts.dtype)
        carry = (starts, optimizer.init(starts), starts, least)
        (last, _, best, least), _ = jax.lax.scan(step, carry, None, num_steps)
        now = squares(last)[1]
        best = jnp.where((now < least)[:, None], last, best)
        return best, jnp.sqrt(jnp.minimum(now, least))

    return search


def _in_blocks(compute: Callable[..., Any], size: int, *rows: Any) -> Any:
    """Applies a function to rows, `size` or fewer at a time; padded, so that it compiles once."""
    total, blocks = len(rows[0]), []
    size = -(-total // -(-total // size))  # as few blocks, with the least padding
    for first in range(0, total, size):
        block = [np.asarray(each[first : first + size]) for each in rows]
        count = len(block[0])
        padded = [np.pad(b, [(0, size - count), *[(0, 0)] * (b.ndim - 1)]) for b in block]
        made = map(np.asarray, jax.tree.leaves(computed := compute(*padded)))
        blocks.append([each[:count] for each in made])
    joined = map(np.concatenate, zip(*blocks, strict=True))
    return jax.tree.unflatten(jax.tree.structure(computed), joined)
