"""A pretrained source: a generator, its critic and how to call them; loading, checking, saving."""

from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from minegan_jax import trees, weights
from minegan_jax.errors import InputError
from minegan_jax.nets import family
from minegan_jax.types import Params

PACKAGED = Path(__file__).parent / "assets"
JSON_NAME = "source.json"


class Source(NamedTuple):
    """A pretrained GAN.

    Its generator maps draws of N(0, I) of length `networks.latent_size` to images in [-1, 1].
    """

    name: str
    location: str  # what `load_source` was given
    networks: family.Networks
    generator: Params
    critic: Params
    sha256: str  # of the weights as stored
    description: dict[str, Any]  # family, arguments, how it was made


def packaged_sources() -> list[str]:
    """Returns the names of the sources that come with the package."""
    return sorted(path.parent.name for path in PACKAGED.glob(f"*/{JSON_NAME}"))


def load_source(name_or_directory: str | Path) -> Source:
    """Loads a packaged source by its name, or any source by its directory.

    Raises:
      InputError: there is none, or its files are damaged or do not fit its family.
    """
    location = str(name_or_directory)
    directory = PACKAGED / location if location in packaged_sources() else Path(location)
    if not directory.is_dir():
        known = ", ".join(packaged_sources())
        raise InputError(f"no source {location!r}: expected a directory or one of {known}")
    tree, description = weights.load_weights(
        directory, json_name=JSON_NAME, fields=("family", "arguments")
    )
    networks = family.build(description["family"], description["arguments"])
    tree = weights.single_precision(tree)
    _check_shapes(directory, networks, tree)
    return Source(
        name=description.get("name", directory.name),
        location=location,
        networks=networks,
        generator=tree["generator"],
        critic=tree["critic"],
        sha256=description["sha256"],
        description=description,
    )


def makes_images(source: Source) -> bool:
    """Says whether some draws give images of finite numbers."""
    latents = jax.random.normal(jax.random.key(0), (4, source.networks.latent_size))
    return bool(jnp.isfinite(jax.jit(source.networks.generate)(source.generator, latents)).all())


def _check_shapes(directory: Path, networks: family.Networks, tree: dict[str, Any]) -> None:
    """Compares the stored weights with those that the networks would start with."""
    generator, critic = jax.eval_shape(networks.init, jax.random.key(0))
    expected = jax.tree_util.tree_leaves_with_path({"generator": generator, "critic": critic})
    found = {path: leaf.shape for path, leaf in trees.named_leaves(tree).items()}
    for path, leaf in expected:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        if found.pop(name, None) != leaf.shape:
            shape = trees.named_leaves(tree).get(name, jnp.zeros(0)).shape
            raise InputError(f"{directory}: {name} should have shape {leaf.shape}, found {shape}")
    if found:
        raise InputError(f"{directory}: unexpected weights {', '.join(sorted(found))}")


def save_source(directory: Path, params: dict[str, Params], description: dict[str, Any]) -> None:
    """Writes a source that `load_source` can read.

    Args:
      directory: made if it does not exist.
      params: the trees `generator` and `critic`; stored in half precision.
      description: at least `name`, `family` and `arguments`.
    """
    tree = {name: params[name] for name in ("generator", "critic")}
    half = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float16), tree)
    weights.save_weights(directory, half, description, json_name=JSON_NAME)
