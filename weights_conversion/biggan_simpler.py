"""BigGANs trained without `--hier` or `--G_shared`, rewritten with both: the same images.

Without `--hier`, the whole latent enters at the bottom. Rewritten, that is a latent's first chunk,
and the other chunks, which blocks take, meet weights of zero.

Without `--G_shared`, every normalisation has a table W of its own, a row of gains or biases for
each class, that is not spectrally normalised. Rewritten, classes are rows of s * [identity, 0] for
all normalisations, with s the largest singular value of any of their tables, and the weights
of one are [W; e u], with u the right singular vector of the largest singular value of W and e such
that s becomes that of the whole: divided by it and multiplied by s, the rows of W are as they were.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from minegan_jax.errors import InputError

from .rules import shape_of

Arrays = Mapping[str, Any]
CONDITIONAL = re.compile(r"blocks\.\d+\.0\.bn[12]\.(gain|bias)\.weight")
FIRST = "blocks.0.0.bn1.gain"  # a conditional layer that every generator has


def as_published(arrays: Arrays, file: str) -> Arrays:
    """Returns the arrays of a generator as those of one with shared vectors and chunked latents.

    Raises:
      InputError: an array that tells how it was trained is missing or does not fit.
    """
    if "shared.weight" not in arrays:
        arrays = _with_shared_vectors(arrays, file)
    _, embedding_size = shape_of(arrays, "shared.weight", 2, file)
    _, condition_size = shape_of(arrays, f"{FIRST}.weight", 2, file)
    if condition_size != embedding_size:
        return arrays
    _, latent_size = shape_of(arrays, "linear.weight", 2, file)
    changes = {name: _widened(arrays, name, latent_size, file) for name in _conditional(arrays)}
    return {**arrays, **changes}


def rewritten(arrays: Arrays) -> tuple[str, ...]:
    """Says how a generator was trained that `as_published` rewrites, if it does."""
    if "shared.weight" not in arrays:
        return ("trained without --G_shared and --hier, rewritten as with both",)
    sizes = [np.shape(arrays.get(name, ()))[-1:] for name in ("shared.weight", f"{FIRST}.weight")]
    return ("trained without --hier, rewritten as with it",) if sizes[0] == sizes[1] else ()


def _conditional(arrays: Arrays) -> list[str]:
    """Returns the names of the gains and biases that depend on a class."""
    return [name for name in arrays if CONDITIONAL.fullmatch(name)]


def _widened(arrays: Arrays, name: str, chunk: int, file: str) -> np.ndarray:
    """Adds weights of zero for a chunk of the latent."""
    shape_of(arrays, name, 2, file)
    return np.pad(arrays[name], ((0, 0), (0, chunk)))


def _with_shared_vectors(arrays: Arrays, file: str) -> Arrays:
    """Rewrites a generator whose normalisations have a table each."""
    if f"{FIRST}.u0" in arrays:
        raise InputError(
            f"{file}: shared.weight: expected the classes' vectors, found none, as if trained"
            f" without --G_shared; but {FIRST} is no table of classes"
        )
    num_classes, _ = shape_of(arrays, f"{FIRST}.weight", 2, file)
    tables = {name: _table(arrays, name, num_classes, file) for name in _conditional(arrays)}
    spectra = {name: _largest(table) for name, table in tables.items()}
    largest = max(value for value, _ in spectra.values()) or 1.0
    changes = {"shared.weight": largest * np.eye(num_classes, num_classes + 1)}
    for name, table in tables.items():
        value, vector = spectra[name]
        rest = np.sqrt(max(largest**2 - value**2, 0.0))
        layer = name.removesuffix(".weight")
        changes[name] = np.concatenate([table.T, rest * vector[:, None]], axis=1)
        changes |= {f"{layer}.u0": vector[None], f"{layer}.sv0": np.ones(1)}
    return {**arrays, **changes}


def _table(arrays: Arrays, name: str, num_classes: int, file: str) -> np.ndarray:
    """Returns a table of gains or biases, (classes, channels), in double precision."""
    shape, found = shape_of(arrays, name, 2, file), arrays[name]
    if shape[0] != num_classes:
        raise InputError(f"{file}: {name}: expected {num_classes} classes, found {shape[0]}")
    if found.dtype.kind != "f" or not np.isfinite(found).all():
        raise InputError(f"{file}: {name}: expected finite floating point numbers")
    return found.astype(np.float64)


def _largest(table: np.ndarray) -> tuple[float, np.ndarray]:
    """Returns the largest singular value and its right singular vector."""
    _, values, vectors = np.linalg.svd(table, full_matrices=False)
    return float(values[0]), vectors[0]
