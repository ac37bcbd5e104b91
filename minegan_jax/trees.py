"""Trees of arrays: their names, digests and counts."""

import hashlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


def named_leaves(tree: Any) -> dict[str, np.ndarray]:
    """Returns the leaves on the host by their path, for example `Dense_0/kernel`."""
    return {path: np.asarray(leaf) for path, leaf in by_path(tree).items()}


def named_shapes(tree: Any) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of arrays, or of what `jax.eval_shape` gives, by their path."""
    return {path: leaf.shape for path, leaf in by_path(tree).items()}


def by_path(tree: Any) -> dict[str, Any]:
    """Returns the leaves as they are by their path."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def zeros(shapes: Any, dtype: str) -> Any:
    """Returns zeros of the shapes in a tree, all of which are one number in memory."""
    return jax.tree.map(lambda leaf: np.broadcast_to(np.zeros((), dtype), leaf.shape), shapes)


def labelled(label: Callable[[str], str], tree: Any) -> Any:
    """Returns the tree with each leaf's label, which depends on its path, in its place."""
    return jax.tree.unflatten(jax.tree.structure(tree), map(label, by_path(tree)))


def from_named_leaves(named: dict[str, Any]) -> dict[str, Any]:
    """Builds nested dictionaries from the paths of `named_leaves`; the inverse for these."""
    tree: dict[str, Any] = {}
    for path, leaf in named.items():
        *parents, last = path.split("/")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[last] = leaf
    return tree


def digest(tree: Any) -> str:
    """Returns the SHA-256 of all names, shapes, types and values, as 64 hexadecimal digits."""
    total = hashlib.sha256()
    for path, leaf in sorted(by_path(tree).items()):
        _update(total, path, np.asarray(leaf))
    return total.hexdigest()


def leaf_digests(tree: Any) -> dict[str, str]:
    """Returns the SHA-256 of each leaf's name, shape, type and values by its path."""
    digests = {}
    for path, leaf in by_path(tree).items():
        one = hashlib.sha256()
        _update(one, path, np.asarray(leaf))
        digests[path] = one.hexdigest()
    return digests


def _update(total: Any, path: str, leaf: np.ndarray) -> None:
    """Adds a leaf to a digest, without a copy of its values."""
    total.update(f"{path} {leaf.dtype} {leaf.shape}\n".encode())
    total.update(np.ascontiguousarray(leaf).reshape(-1).view(np.uint8).data)


def first_not_finite(tree: Any) -> str | None:
    """Returns the path of a leaf that holds a NaN or an infinity, if there is one."""
    for path, leaf in named_leaves(tree).items():
        if np.issubdtype(leaf.dtype, np.floating) and not np.isfinite(leaf).all():
            return path
    return None


def count_parameters(tree: Any) -> int:
    """Returns how many numbers the tree holds."""
    return sum(leaf.size for leaf in jax.tree.leaves(tree))
