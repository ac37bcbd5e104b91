"""What a conditional network is told: the classes' vectors."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from minegan_jax.types import ClassVectors, Conditions


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
