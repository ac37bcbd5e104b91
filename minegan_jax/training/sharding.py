"""Weights that devices share: each keeps a part and borrows the rest for as long as it needs it.

Otherwise every device would hold all N generators and, in finetuning, their averages and Adam's
two moments. This way D devices hold one D-th of that each, and one whole generator at a time
(ZeRO, stage 3, Rajbhandari et al. 2020). A step's result is the same. Images of a minibatch are
shared likewise by a critic that compares them.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from minegan_jax.nets.family import Networks
from minegan_jax.types import Scores

Shaped = jax.Array | np.ndarray | jax.ShapeDtypeStruct
AXIS = "devices"  # the mesh's only one


def split_axis(shape: Sequence[int], num_devices: int) -> int | None:
    """Returns the longest axis that splits evenly, or None; vectors are not worth it."""
    if len(shape) < 2:
        return None
    axes = [axis for axis, size in enumerate(shape) if size and size % num_devices == 0]
    return max(axes, key=lambda axis: shape[axis], default=None)


def all_gather(parts: Any, like: Any) -> Any:
    """Returns a tree whole: its leaves, where they are parts of those of `like`, are gathered."""
    return jax.tree.map(_all_gather, parts, like)


def mean_over_devices(tree: Any, parts: Any | None = None) -> Any:
    """Returns the mean over devices, but of a leaf that they share only this device's part.

    Args:
      tree: on every device another one, whole.
      parts: a tree with the shapes that are wanted; None wants all leaves whole.
    """
    return jax.tree.map(_mean_over_devices, tree, tree if parts is None else parts)


def over_batch(
    compute: Callable[[Float[Array, "batch *shape"]], Float[Array, "batch"]],
    rows: Float[Array, "share *shape"],
) -> Float[Array, "share"]:
    """Computes something of the rows of all devices, in their order; returns the own ones' results.

    A derivative goes back to the rows of all. Outside a step the rows are all there are.
    """
    if _num_devices() == 1:
        return compute(rows)
    results = compute(jax.lax.all_gather(rows, AXIS, axis=0, tiled=True))
    return jax.lax.dynamic_slice_in_dim(results, jax.lax.axis_index(AXIS) * len(rows), len(rows))


def _num_devices() -> int:
    """Returns how many devices take part in what is traced."""
    try:
        return jax.lax.axis_size(AXIS)
    except NameError:  # no device mapping is around
        return 1


def criticise(networks: Networks, *, alone: bool = False) -> Callable[..., Scores]:
    """Returns a critic, which compares the images of all devices if it compares any.

    Args:
      networks: whose critic.
      alone: whether it scores each image by itself, even if it compares.
    """
    if networks.group == 1:
        return networks.criticise
    if alone:
        return partial(networks.criticise, alone=True)
    return partial(networks.criticise, over_batch=over_batch)


def _all_gather(part: jax.Array, like: Shaped) -> jax.Array:
    axis = _differs_in(part, like)
    return part if axis is None else jax.lax.all_gather(part, AXIS, axis=axis, tiled=True)


def _mean_over_devices(leaf: jax.Array, part: Shaped) -> jax.Array:
    axis = _differs_in(part, leaf)
    if axis is None:
        return jax.lax.pmean(leaf, AXIS)
    total = jax.lax.psum_scatter(leaf, AXIS, scatter_dimension=axis, tiled=True)
    return total / jax.lax.axis_size(AXIS)


def _differs_in(part: Shaped, leaf: Shaped) -> int | None:
    """Returns the axis of which `part` has only some, or None."""
    pairs = enumerate(zip(part.shape, leaf.shape, strict=True))
    return next((axis for axis, (some, all_of_it) in pairs if some != all_of_it), None)
