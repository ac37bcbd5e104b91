"""A folder of weights: `weights.safetensors` beside a JSON that describes it and knows its digest.

Nothing in such a folder is ever executed.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import safetensors
import safetensors.numpy

from minegan_jax import trees
from minegan_jax.errors import InputError
from minegan_jax.files import write_atomically

WEIGHTS = "weights.safetensors"


def save_weights(
    directory: Path, tree: Any, description: dict[str, Any], *, json_name: str
) -> None:
    """Writes a tree of arrays and what it is; the JSON comes last and makes it complete."""
    directory.mkdir(parents=True, exist_ok=True)
    named = trees.named_leaves(tree)
    write_atomically(directory / WEIGHTS, safetensors.numpy.save(named))
    text = json.dumps({**description, "sha256": trees.digest(named)}, indent=2)
    write_atomically(directory / json_name, text.encode())


def load_weights(
    directory: Path, *, json_name: str, fields: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Reads back the tree (nested dictionaries) and its description, which must have `fields`.

    Raises:
      InputError: a file is missing or damaged, or the weights are not those described.
    """
    for name in (json_name, WEIGHTS):
        if not (directory / name).is_file():
            raise InputError(
                f"{directory}: expected a folder with {json_name} and {WEIGHTS}, found no {name}"
            )
    try:
        description = json.loads((directory / json_name).read_text())
        named = safetensors.numpy.load_file(directory / WEIGHTS)
    except (ValueError, safetensors.SafetensorError) as error:
        raise InputError(f"{directory}: damaged file: {error}") from error
    for field in ("sha256", *fields):
        if not isinstance(description, dict) or field not in description:
            raise InputError(f"{directory / json_name}: expected a field {field!r}, found none")
    if (found := trees.digest(named)) != description["sha256"]:
        raise InputError(
            f"{directory / WEIGHTS}: changed or damaged: its digest is {found[:12]}, expected"
            f" {description['sha256'][:12]} from {json_name}"
        )
    return trees.from_named_leaves(named), description


def single_precision(tree: Any) -> Any:
    """Returns the tree in float32, in which everything is computed."""
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), tree)
