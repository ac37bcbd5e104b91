"""What a conditional network is told: the classes' vectors."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from minegan_jax.types import ClassVectors, Conditions, Images, Params


def class_table(generator: Params, num_classes: int) -> Float[Array, "classes embedding"]:
    """Returns the vectors of all classes of a generator; without an embedding they are one-hot."""
    return jnp.asarray(generator.get("embedding", jnp.eye(num_classes)))


def class_vectors(
    table: Float[Array, "classes embedding"], labels: Conditions | None, batch: int
) -> ClassVectors:
    """Looks up the vectors of classes; vectors are passed on, None is the mean of all classes.

    Args:
      table: a vector for each class.
      labels: class numbers, (batch,), or vectors, (batch, embedding).
      batch: how many vectors are wanted.
    """
    if labels is None:
        return jnp.broadcast_to(table.mean(axis=0)[None], (batch, table.shape[1]))
    return labels if jnp.issubdtype(labels.dtype, jnp.floating) else table[labels]


def with_class_maps(
    images: Images, labels: Int[Array, "batch"] | None, num_classes: int
) -> Float[Array, "batch height width _"]:
    """Puts a map for each class beside the images' channels, one-hot; None is none of them."""
    numbers = jnp.full(len(images), -1) if labels is None else labels
    classes = jax.nn.one_hot(numbers, num_classes, dtype=images.dtype)[:, None, None]
    maps = jnp.broadcast_to(classes, (*images.shape[:3], num_classes))
    return jnp.concatenate([images, maps], axis=3)
