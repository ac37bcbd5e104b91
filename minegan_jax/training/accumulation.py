"""Big minibatches on small devices: what is computed from one, computed part by part.

The authors' 800 images per minibatch are 8 parts of 100. Only one part's activations are ever in
memory, beside the sum of what was computed so far.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def accumulate(compute: Callable[..., Any], num_parts: int) -> Callable[..., Any]:
    """Returns a function's mean over parts of a minibatch, which it sees one after the other.

    That is its value for the whole minibatch where it takes a mean over images. It does not where a
    critic compares the images of a batch, as ProGAN's does: each part, of all devices together, is
    then a batch by itself.

    Args:
      compute: maps trees of arrays, whose first axis is the batch, to a tree of floats.
      num_parts: divides the batch; 1 leaves the function as it is.
    """
    if num_parts == 1:  # without a loop, in which XLA's CPU backend is slow
        return compute

    def mean(*given: Any) -> Any:
        # (parts, images of one, ...)
        parts = jax.tree.map(lambda x: x.reshape(num_parts, -1, *x.shape[1:]), given)

        def add_part(total: Any, part: Any) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, total, compute(*part)), None

        shapes = jax.eval_shape(lambda: compute(*jax.tree.map(lambda x: x[0], parts)))
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        total, _ = jax.lax.scan(add_part, zeros, parts)
        return jax.tree.map(lambda x: x / num_parts, total)

    return mean
