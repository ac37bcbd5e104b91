"""Frozen networks whose weights lie in a file that the user converted."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax

from minegan_jax import trees, weights
from minegan_jax.errors import InputError
from minegan_jax.features.extractor import TOGETHER, Extractor
from minegan_jax.files import as_path
from minegan_jax.types import Images, Params

WITHOUT = "report.features=digits measures in packaged features"

FORMAT = 1  # of the JSON beside a stored network


class StoredNetwork(NamedTuple):
    """A network out of a file."""

    name: str
    sha256: str
    params: Params


def load_network(
    file: str | Path, shapes: Params, *, name: str, advice: str, without: str = WITHOUT
) -> StoredNetwork:
    """Loads weights in single precision.

    Args:
      file: the weights; their description lies beside them, as `.json`.
      shapes: that they must have.
      name: of the network, for messages.
      advice: how to come by the file, for messages.
      without: what works without it, for messages.

    Raises:
      InputError: the file or its description is missing or damaged, or holds another network.
    """
    file = as_path(file)
    if not file.is_file():
        raise InputError(f"{file}: no such file: expected {name}: {advice}; without it {without}")
    fields = {"name": weights.TEXT, "sha256": weights.TEXT}
    description = weights.load_description(file.with_suffix(".json"), fields, FORMAT)
    params = weights.cast(weights.load_tree(file, description["sha256"]), "float32")
    if (found := trees.named_shapes(params)) != trees.named_shapes(shapes):
        raise InputError(f"{file}: expected the weights of {name}, found {len(found)} others")
    return StoredNetwork(description["name"], description["sha256"], params)


def as_extractor(
    kept: StoredNetwork,
    look: Callable[[Params, Images], tuple[jax.Array, jax.Array]],
    logits: Callable[[Params, Images], jax.Array],
    maps: Callable[[Params, Images], tuple[jax.Array, ...]],
    *,
    resolution: int | None,
    num_classes: int,
    together: int = TOGETHER,
    rule: str = "",
) -> Extractor:
    """Returns an extractor of `look`, which gives features and probabilities.

    Args:
      kept: the network.
      look: what it makes of images in [-1, 1].
      logits: of its classes.
      maps: what its layers make, the first one's first.
      resolution: in pixels; None: `look` resizes.
      num_classes: which are called by their numbers.
      together: images looked at together.
      rule: how images are resized, if figures depend on it; part of the name.
    """
    resident = jax.device_put(kept.params)
    return Extractor(
        name=f"{kept.name}, resized as {rule}" if rule else kept.name,
        sha256=kept.sha256,
        resolution=resolution,
        channels=3,
        class_names=tuple(str(number) for number in range(num_classes)),
        embed=partial(jax.jit(look), resident),
        logits=partial(logits, resident),
        maps=partial(maps, resident),
        together=together,
    )
