"""Which classes a conditional generator is asked for, where no miner says so (Fig. 2, Table 2).

Where all classes take part, u draws one of them: see `mining.noise`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from minegan_jax.mining.noise import Noise, NoiseShape
from minegan_jax.nets.conditioning import class_table
from minegan_jax.nets.family import Networks
from minegan_jax.nets.precision import full_float32
from minegan_jax.types import ClassVectors, Images, Latents, Params

ALL = "all"  # mined from all classes; each as often where nothing is mined
MEAN = "mean"  # always the mean of all classes' vectors; a number always asks for that class
NO_SPREAD = 1e-6  # in the place of a standard deviation of 0, where there is a single class


def takes_part(networks: Networks, classes: str) -> bool:
    """Says whether the class is a part of u: a source has classes, and all are asked for."""
    return networks.num_classes > 0 and classes == ALL


def noise_shape(networks: Networks, classes: str) -> NoiseShape:
    """Returns the shape of a draw of u."""
    drawn = networks.num_classes if takes_part(networks, classes) else 0
    return NoiseShape(networks.latent_size, drawn)


def generator(networks: Networks, classes: str) -> Callable[..., Images]:
    """Returns the generator as a function of (params, mined): a latent, or one with its class.

    Options are those of `Networks.generate`.
    """
    if takes_part(networks, classes):
        return lambda params, mined, **options: networks.generate(params, *mined, **options)
    if not networks.num_classes or classes == MEAN:
        return networks.generate

    def of_one_class(params: Params, latents: Latents, **options: Any) -> Images:
        labels = jnp.full(len(latents), int(classes))
        return networks.generate(params, latents, labels, **options)

    return of_one_class


def prior(params: Params, generator: Params, noise: Noise) -> Any:
    """Stands in a miner's place: hands u on as it is, a latent or one with its class."""
    del params, generator
    return noise.latents if noise.labels is None else (noise.latents, noise.labels)


def searched_size(networks: Networks, classes: str) -> int:
    """Returns the length of what `searchable` opens to a search."""
    part = networks.embedding_size if takes_part(networks, classes) else 0
    return networks.latent_size + part


def searchable(
    networks: Networks, classes: str
) -> Callable[[Params, Noise], tuple[Latents, Callable[[Latents], Images]]]:
    """Returns a function of (params, u) that gives a search its start and its images.

    It gives what to start from, and images as a function of it: a latent and, where all classes
    take part, behind it a class's vector, whose numbers are standardised over all classes. A search
    that starts at the class which u names may leave it.
    """
    generate = generator(networks, classes)
    if not takes_part(networks, classes):
        return lambda params, noise: (noise.latents, partial(generate, params))

    def opened(params: Params, noise: Noise) -> tuple[Latents, Callable[[Latents], Images]]:
        latents, labels = prior({}, {}, noise)
        table = class_table(params, networks.num_classes)
        mean, spread = table.mean(axis=0)[None], jnp.maximum(table.std(axis=0), NO_SPREAD)[None]

        def images_of(searched: Latents) -> Images:
            latents, standard = jnp.split(searched, [networks.latent_size], axis=1)
            return generate(params, (latents, mean + spread * standard))

        return jnp.concatenate([latents, (table[labels] - mean) / spread], axis=1), images_of

    return opened


@full_float32()
def nearest(
    vectors: ClassVectors, table: Float[Array, "classes embedding"]
) -> tuple[Int[Array, "batch"], Float[Array, "batch"]]:
    """Returns the class whose vector is nearest to each, and how far it is (Euclidean)."""
    distances = _distances(vectors, table)
    return distances.argmin(axis=1), distances.min(axis=1)


@full_float32()
def spacing(table: Float[Array, "classes embedding"]) -> Float[Array, ""]:
    """Returns the mean distance from a class's vector to the nearest other one."""
    if len(table) == 1:
        return jnp.ones(())
    alone = jnp.eye(len(table), dtype=bool)
    return jnp.where(alone, jnp.inf, _distances(table, table)).min(axis=1).mean()


def _distances(
    vectors: ClassVectors, table: Float[Array, "classes embedding"]
) -> Float[Array, "batch classes"]:
    """Returns the Euclidean distance of each vector to each row of a table."""
    squares = (vectors**2).sum(axis=1)[:, None] + (table**2).sum(axis=1)[None]
    return jnp.sqrt(jnp.maximum(squares - 2.0 * vectors @ table.T, 0.0))
