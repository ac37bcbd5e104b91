"""The adapter: miners as a small file that, with the named sources, gives the generator back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from minegan_jax import sampling, weights
from minegan_jax.errors import InputError
from minegan_jax.methods import adversarial, mining
from minegan_jax.methods.base import State, TransferMethod
from minegan_jax.selector import SelectorState
from minegan_jax.sources import Source, load_source
from minegan_jax.types import Params, Pixels

JSON_NAME = "adapter.json"


class Mined(NamedTuple):
    """A trained method that draws images."""

    method: TransferMethod
    state: State

    def sample(self, num_images: int, seed: int = 0) -> Pixels:
        """Draws (num_images, height, width, channels) in [0, 255]."""
        return sampling.sample(self.method, self.state, num_images, seed=seed)


def save_adapter(
    directory: Path,
    miners: Sequence[Params],
    *,
    sources: Sequence[Source],
    shape: mining.MinerShape,
    probabilities: Sequence[float],
    about: dict[str, Any],
) -> None:
    """Writes the miners, how often each is used, and which sources they belong to."""
    tree = {str(number): miner for number, miner in enumerate(miners)}
    description = {
        "sources": [
            {"name": source.name, "location": source.location, "sha256": source.sha256}
            for source in sources
        ],
        "miner": shape._asdict(),
        "prior": "N(0, I)",
        "probabilities": list(probabilities),
        **about,
    }
    weights.save_weights(directory, tree, description, json_name=JSON_NAME)


def load_adapter(directory: str | Path, sources: Sequence[Source] | None = None) -> Mined:
    """Puts stored miners in front of their sources again.

    Args:
      directory: of the adapter.
      sources: those it was made with, in order; None loads them from where they were.

    Raises:
      InputError: a file is missing or damaged, or a source is not the one it was made with.
    """
    tree, description = weights.load_weights(
        Path(directory), json_name=JSON_NAME, fields=("sources", "miner", "probabilities")
    )
    named = description["sources"]
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
    shape = mining.MinerShape(**description["miner"])
    method = mining.mine(sources, adversarial.Rules(), shape)
    miners = tuple(weights.cast(tree[str(i)], "float32") for i in range(len(sources)))
    state = method.learner.init(None, jax.random.key(0))
    found, expected = (jax.tree.map(np.shape, m) for m in (miners, state.averages["miners"]))
    if found != expected:
        raise InputError(f"{directory}: expected miners of shapes {expected}, found {found}")
    record = SelectorState(jnp.asarray([description["probabilities"]]), jnp.ones((), jnp.int32))
    return Mined(method, state._replace(averages={"miners": miners}, selector=record))
