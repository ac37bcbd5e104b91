"""Weights that devices share: each keeps a part and borrows the rest for as long as it needs it.

Otherwise every device would hold all N generators and, in finetuning, their averages and Adam's
two moments. This way D devices hold one D-th of that each, and one whole generator at a time
(ZeRO, stage 3, Rajbhandari et al. 2020). A step's result is the same.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

Shaped = jax.Array | np.ndarray | jax.ShapeDtypeStruct
AXIS = "devices"  # the mesh's only one


def split_axis(shape: Sequence[int], num_devices: int) -> int | None:
    """Returns the longest axis that splits evenly, or None; vectors are not worth it."""
    if len(shape) < 2:
        return None
    axes = [axis for axis, size in enumerate(shape) if size and size % num_devices == 0]
    return max(axes, key=lambda axis: shape[axis], default=None)


def whole(parts: Any, like: Any) -> Any:
    """Returns a tree whole: its leaves, where they are parts of those of `like`, are gathered."""
    return jax.tree.map(_whole, parts, like)


def average(tree: Any, parts: Any | None = None) -> Any:
    """Returns the mean over devices, but of a leaf that they share only this device's part.

    Args:
      tree: on every device another one, whole.
      parts: a tree with the shapes that are wanted; None wants all leaves whole.
    """
    return jax.tree.map(_average, tree, tree if parts is None else parts)


def _whole(part: jax.Array, like: Shaped) -> jax.Array:
    axis = _differs_in(part, like)
    return part if axis is None else jax.lax.all_gather(part, AXIS, axis=axis, tiled=True)


def _average(leaf: jax.Array, part: Shaped) -> jax.Array:
    axis = _differs_in(part, leaf)
    if axis is None:
        return jax.lax.pmean(leaf, AXIS)
    total = jax.lax.psum_scatter(leaf, AXIS, scatter_dimension=axis, tiled=True)
    return total / jax.lax.axis_size(AXIS)


def _differs_in(part: Shaped, leaf: Shaped) -> int | None:
    """Returns the axis of which `part` has only some, or None."""
    pairs = enumerate(zip(part.shape, leaf.shape, strict=True))
    return next((axis for axis, (some, all_of_it) in pairs if some != all_of_it), None)
