"""The adapter: miners as a small file that, with the named sources, gives the generator back."""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from minegan_jax import weights
from minegan_jax.errors import InputError
from minegan_jax.files import as_path
from minegan_jax.mining import minegan
from minegan_jax.mining.view import View, read_boxes
from minegan_jax.nets.image_resize import ImageShape
from minegan_jax.sampling.generator import WEIGHTS, Generator
from minegan_jax.sources import Source, load_source
from minegan_jax.types import Params

JSON_NAME = "adapter.json"
FORMAT = 1  # of adapter.json and what lies beside it
TOLERANCE = 1e-3  # by which probabilities may miss a sum of 1
SOURCE_FIELDS = dict.fromkeys(("name", "location", "sha256"), weights.TEXT)


def _is_miner(value: Any) -> bool:
    """Says whether a value describes miners: what `mining.MinerShape` has, or some of it."""
    kinds = {"depth": weights.is_count, "width": weights.is_count, "start": weights.TEXT.fits}
    kinds["classes"] = weights.TEXT.fits
    kinds["space"] = weights.TEXT.fits
    kinds["draws_class"] = lambda value: isinstance(value, bool)
    known = isinstance(value, dict) and value.keys() <= kinds.keys()
    return known and all(kinds[name](given) for name, given in value.items())


def _are_shares(value: Any) -> bool:
    """Says whether a value is a list of numbers from 0 to 1 whose sum is 1."""
    numbers = isinstance(value, list) and all(type(share) in (int, float) for share in value)
    return numbers and all(0 <= p <= 1 for p in value) and abs(sum(value) - 1) <= TOLERANCE


def _is_image_shape(value: Any) -> bool:
    """Says whether a value is a resolution with a number of channels."""
    numbers = isinstance(value, list) and len(value) == 2 and all(map(weights.is_count, value))
    return numbers and value[1] in (1, 3)


def _are_numbers(value: Any) -> bool:
    """Says whether a value is a list of finite numbers."""
    numbers = isinstance(value, list) and all(type(n) in (int, float) for n in value)
    return numbers and all(map(math.isfinite, value))


FIELDS = {
    "sources": weights.list_of("objects", weights.OBJECT.fits),
    "miner": weights.Kind("an object of depth, width, start and classes", _is_miner),
    "probabilities": weights.Kind("a list of shares whose sum is 1", _are_shares),
    "weights": weights.Kind(" or ".join(WEIGHTS), lambda value: value in WEIGHTS),
    "image_shape": weights.Kind("[resolution, channels]", _is_image_shape),
}
VIEW_FIELDS = {
    "image_shape": FIELDS["image_shape"],
    "boxes": weights.Kind("a list of numbers, four for each source", _are_numbers),
}


def save_adapter(
    directory: Path,
    miners: Sequence[Params],
    *,
    sources: Sequence[Source],
    shape: minegan.MinerShape,
    probabilities: Sequence[float],
    view: View,
    about: dict[str, Any],
) -> None:
    """Writes the miners, how often each is used, and which sources they belong to.

    Images are handed out and measured as in the game's view. Sources that are never used, because
    they won nothing, are left out.
    """
    used = [number for number, share in enumerate(probabilities) if share > 0]
    tree = {str(place): miners[number] for place, number in enumerate(used)}
    described = [
        {name: getattr(sources[number], name) for name in ("name", "location", "sha256")}
        for number in used
    ]
    description = {
        "sources": described,
        "miner": shape._asdict(),
        "image_shape": list(view.handed_out),
        "view": {
            "image_shape": list(view.shape),
            "boxes": [share for number in used for share in view.boxes[number]],
        },
        "prior": "N(0, I)",
        "probabilities": [probabilities[number] for number in used],
        **about,
    }
    weights.save_weights(directory, tree, description, json_name=JSON_NAME, version=FORMAT)


def load_adapter(directory: str | Path, sources: Sequence[Source] | None = None) -> Generator:
    """Puts stored miners in front of their sources again.

    Args:
      directory: of the adapter.
      sources: those it was made with, in order; None loads them from where they were.

    Raises:
      InputError: a file is missing or damaged, or a source is not the one it was made with.
    """
    tree, description = weights.load_weights(
        as_path(directory), json_name=JSON_NAME, fields=FIELDS, version=FORMAT
    )
    named, shares = description["sources"], description["probabilities"]
    for entry in named:
        weights.check_fields(f"{directory}: field 'sources'", entry, SOURCE_FIELDS)
    if not len(named) == len(shares) == len(tree):
        raise InputError(
            f"{directory}: expected as many sources as probabilities and miners, found"
            f" {len(named)}, {len(shares)} and {len(tree)}"
        )
    if sources is None:
        sources = [load_source(entry["location"]) for entry in named]
    if len(sources) != len(named):
        raise InputError(f"{directory}: expected {len(named)} sources, found {len(sources)}")
    for source, entry in zip(sources, named, strict=True):
        if source.sha256 != entry["sha256"]:
            raise InputError(
                f"{directory}: made with source {entry['name']!r} of digest {entry['sha256'][:12]},"
                f" found {source.name!r} of digest {source.sha256[:12]}"
            )
    shape = minegan.MinerShape(**description["miner"])
    miners = tuple(weights.cast(tree.get(str(i), {}), "float32") for i in range(len(sources)))
    starts = jax.eval_shape(partial(minegan.init_miners, sources, shape), jax.random.key(0))
    found, expected = (jax.tree.map(np.shape, m) for m in (miners, starts))
    if found != expected:
        raise InputError(f"{directory}: expected miners of shapes {expected}, found {found}")
    return Generator(
        names=tuple(entry["name"] for entry in named),
        sources=minegan.mined_sources(sources, shape, _view(directory, description, sources)),
        weights=tuple(
            {"miners": miner, "generators": source.generator}
            for miner, source in zip(miners, sources, strict=True)
        ),
        probabilities=np.asarray(shares) / sum(shares),
        kind=description["weights"],
    )


def _view(directory: str | Path, description: dict[str, Any], sources: Sequence[Source]) -> View:
    """Returns the view that an adapter describes; one of before had none of its own.

    Raises:
      InputError: it describes none.
    """
    handed_out = ImageShape(*description["image_shape"])
    described = description.get("view", {"image_shape": list(handed_out), "boxes": []})
    place = f"{directory}: field 'view'"
    if not weights.OBJECT.fits(described):
        raise InputError(f"{place}: expected {weights.OBJECT.words}, found {described!r:.60}")
    weights.check_fields(place, described, VIEW_FIELDS)
    boxes = read_boxes(tuple(map(float, described["boxes"])), len(sources))
    return minegan.view_of(sources, ImageShape(*described["image_shape"]), boxes, handed_out)
