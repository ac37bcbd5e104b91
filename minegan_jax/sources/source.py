"""A pretrained source: a generator, its critic and how to call them; loading, checking, saving."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Int, UInt64

from minegan_jax import run_folder, trees, weights
from minegan_jax.errors import InputError
from minegan_jax.files import as_path
from minegan_jax.nets import family
from minegan_jax.nets.precision import full_float32
from minegan_jax.types import Conditions, Images, Params, Scores

PACKAGED = Path(__file__).parents[1] / "assets"
JSON_NAME = "source.json"
NETWORKS = ("generator", "critic")
SEEN = "seen.safetensors"
FORMAT = 1  # of source.json and what lies beside it
FIELDS = {
    "family": weights.TEXT,
    "arguments": weights.Kind(
        f"an object with whole numbers {', '.join(family.SIZES)}",
        lambda value: (
            isinstance(value, dict)
            and all(weights.is_count(value[name]) for name in family.SIZES if name in value)
        ),
    ),
    "weights": weights.Kind(
        f"the digests of {' and '.join(NETWORKS)}, or of one",
        lambda value: (
            isinstance(value, dict)
            and bool(value)
            and value.keys() <= set(NETWORKS)
            and all(map(weights.TEXT.fits, value.values()))
        ),
    ),
}


class Source(NamedTuple):
    """A pretrained GAN.

    Its generator maps draws of N(0, I) of length `networks.latent_size` to images in [-1, 1].
    """

    name: str
    location: str  # what `load_source` was given
    networks: family.Networks
    generator: Params  # empty if the source has none
    critic: Params  # empty if the source has none
    sha256: str  # of the weights as stored
    description: dict[str, Any]  # family, arguments, how it was made
    dtype: str = "float32"  # that it computes in
    # Digests of the images that it was trained on (`data.digests`); None where nobody wrote them.
    seen: UInt64[np.ndarray, "images"] | None = None
    has_weights: bool = True  # False: they were not read, and zeros that take no memory stand there

    def with_weights(self) -> "Source":
        """Returns the source with its weights, which are read if they were not.

        Raises:
          InputError: they are gone, damaged or those of another source by now.
        """
        if self.has_weights:
            return self
        read = load_source(self.location, self.dtype)
        if read.sha256 != self.sha256:
            raise InputError(
                f"source {self.name!r}: changed since it was opened: expected digest"
                f" {self.sha256[:12]}, found {read.sha256[:12]}"
            )
        return read._replace(name=self.name)

    @full_float32()
    def generate(
        self, latents: ArrayLike, labels: ArrayLike | None = None, truncation: float | None = None
    ) -> Images:
        """Generates images, in the range that the description states.

        Args:
          latents: (batch, latent_size), used as given.
          labels: class numbers, (batch,), or vectors, (batch, embedding_size); None draws the
            mean of all classes, and is all that a family without classes takes.
          truncation: in (0, 1], for a family that stores statistics for each (`biggan_deep`) or
            the mean w (`stylegan2`).

        Returns:
          (batch, height, width, channels).

        Raises:
          InputError: the source has no generator, or does not take these inputs.
        """
        inputs = _floats("latents", latents, (self.networks.latent_size,), self.dtype)
        conditions = self._conditions(labels, len(inputs))
        options = {} if truncation is None else {"truncation": float(truncation)}
        if options and not self.networks.truncates:
            raise InputError(f"source {self.name!r} has no statistics for a truncation")
        generate = jax.jit(self.networks.generate, static_argnames=tuple(options))
        return generate(self._weights("generator"), inputs, *conditions, **options)

    @full_float32()
    def score(self, images: ArrayLike, labels: ArrayLike | None = None) -> Scores:
        """Scores images with the critic.

        Args:
          images: (batch, height, width, channels), in the range that the description states.
          labels: class numbers, (batch,); None drops the critic's label term.

        Returns:
          (batch,).

        Raises:
          InputError: the source has no critic, or does not take these inputs.
        """
        size = self.networks.resolution
        inputs = _floats("images", images, (size, size, self.networks.channels), self.dtype)
        classes = _classes(self, labels, len(inputs))
        return jax.jit(self.networks.criticise)(self._weights("critic"), inputs, *classes)

    def _weights(self, network: str) -> Params:
        """Returns a network's weights."""
        found = {"generator": self.generator, "critic": self.critic}[network]
        if not found:
            raise InputError(f"source {self.name!r} has no {network}")
        return found

    def _conditions(self, labels: ArrayLike | None, batch: int) -> tuple[Conditions, ...]:
        """Returns labels as the generator takes them, or nothing."""
        size = self.networks.embedding_size
        if labels is not None and size and np.shape(labels) == (batch, size):
            return (jnp.asarray(labels, self.dtype),)
        return _classes(self, labels, batch)


def packaged_sources() -> list[str]:
    """Returns the names of the sources that come with the package."""
    return sorted(path.parent.name for path in PACKAGED.glob(f"*/{JSON_NAME}"))


def load_source(
    name_or_directory: str | Path, dtype: str = "float32", *, weights_too: bool = True
) -> Source:
    """Loads a packaged source by its name, or any source by its directory.

    Args:
      name_or_directory: of the source.
      dtype: float32, or float64 when JAX has x64 enabled.
      weights_too: False reads its description alone, see `Source.has_weights`.

    Raises:
      InputError: there is none, or its files are damaged or do not fit its family.
    """
    _check_dtype(dtype)
    location = str(name_or_directory)
    directory = PACKAGED / location if location in packaged_sources() else as_path(location)
    if not directory.is_dir():
        known = ", ".join(packaged_sources())
        raise InputError(f"no source {location!r}: expected a directory or one of {known}")
    path = directory / JSON_NAME
    if (directory / run_folder.CONFIG).is_file():
        place = directory / run_folder.SOURCE
        raise InputError(
            f"source {location!r}: a run's folder: expected {place}, there if it finetuned"
        )
    description = weights.load_description(path, FIELDS, FORMAT)
    networks, shapes = _built(path, description)
    digests = {
        name: description["weights"][name] for name in NETWORKS if name in description["weights"]
    }
    if weights_too:
        loaded = {
            name: weights.cast(weights.load_tree(_file(directory, name), digest), dtype)
            for name, digest in digests.items()
        }
        _check_shapes(directory, shapes, loaded)
    else:
        loaded = {name: trees.zeros(shapes[name], dtype) for name in digests}
    return Source(
        name=str(description.get("name", directory.name)),
        location=location,
        networks=networks,
        generator=loaded.get("generator", {}),
        critic=loaded.get("critic", {}),
        sha256=hashlib.sha256(" ".join(digests.values()).encode()).hexdigest(),
        description=description,
        dtype=dtype,
        seen=_load_seen(directory, description),
        has_weights=weights_too,
    )


def _check_dtype(dtype: str) -> None:
    """Makes sure that JAX computes in this precision."""
    if dtype not in ("float32", jnp.result_type(float).name):  # JAX's default has its precision
        raise InputError(f"dtype {dtype!r}: expected float32, or float64 with jax_enable_x64")


def makes_images(source: Source) -> bool:
    """Says whether some draws give images of finite numbers."""
    latents = jax.random.normal(jax.random.key(0), (4, source.networks.latent_size))
    return bool(jnp.isfinite(source.generate(latents)).all())


def _file(directory: Path, network: str) -> Path:
    """Returns where a network's weights lie."""
    return directory / f"{network}.safetensors"


def _load_seen(directory: Path, description: dict[str, Any]) -> UInt64[np.ndarray, "images"] | None:
    """Reads the digests of the images that a source saw, if it says which."""
    if "seen" not in description:
        return None
    tree = weights.load_tree(directory / SEEN, str(description["seen"]))
    return np.asarray(tree.get("images", ()), np.uint64)


def _built(path: Path, description: dict[str, Any]) -> tuple[family.Networks, dict[str, Params]]:
    """Builds the described networks; returns them and the shapes of their weights, by network.

    Raises:
      InputError: there are no such networks.
    """
    try:
        networks = family.build(description["family"], description["arguments"])
        # The key is made inside: outside it would wake the devices, before several processes met.
        shapes = jax.eval_shape(lambda: networks.init(jax.random.key(0)))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except Exception as error:  # whatever a module stumbles over, given what nobody meant
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{path}: field 'arguments': no such networks ({reason})") from error
    return networks, dict(zip(NETWORKS, shapes, strict=True))


def _check_shapes(directory: Path, shapes: dict[str, Params], loaded: dict[str, Any]) -> None:
    """Compares the stored weights with those that the networks would start with."""
    for network, tree in loaded.items():
        expected, found = trees.named_shapes(shapes[network]), trees.named_shapes(tree)
        for name in sorted(expected.keys() | found.keys()):
            if found.get(name) != expected.get(name):
                raise InputError(
                    f"{_file(directory, network)}: {name} should have shape {expected.get(name)},"
                    f" found {found.get(name)}"
                )


def _floats(name: str, array: ArrayLike, shape: tuple[int, ...], dtype: str) -> jax.Array:
    """Returns an array of (batch, *shape) in the wanted precision."""
    found = jnp.asarray(array, dtype)
    if found.shape[1:] != shape or found.ndim != len(shape) + 1:
        raise InputError(f"{name}: expected shape (batch, *{shape}), found {found.shape}")
    return found


def _classes(
    source: Source, labels: ArrayLike | None, batch: int
) -> tuple[Int[Array, "batch"], ...]:
    """Returns class numbers, or nothing."""
    if labels is None:
        return ()
    given, num_classes = np.asarray(labels), source.networks.num_classes
    if not num_classes:
        raise InputError(f"source {source.name!r} takes no labels, found some")
    fits = given.shape == (batch,) and given.dtype.kind in "iu"
    if not fits or (given < 0).any() or (given >= num_classes).any():
        vectors = f" or ({batch}, {source.networks.embedding_size}) vectors of the generator"
        raise InputError(
            f"labels: expected {batch} integers from 0 to {num_classes - 1}{vectors}, found"
            f" {given.dtype} of shape {given.shape}"
        )
    return (jnp.asarray(given, jnp.int32),)


def in_memory(
    name: str,
    family_name: str,
    arguments: dict[str, Any],
    generator: Params,
    critic: Params | None = None,
    *,
    dtype: str = "float32",
) -> Source:
    """Makes a source of weights that lie in memory, for example those of a training of one's own.

    Args:
      name: of the source.
      family_name: a key of `nets.family.FAMILIES`, to which `nets.family.register` adds others.
      arguments: of the family's networks, as in source.json.
      generator: its weights.
      critic: its weights; None if there is none.
      dtype: float32, or float64 when JAX has x64 enabled.

    Raises:
      InputError: there are no such networks, or the weights are not theirs.
    """
    _check_dtype(dtype)
    description = {"name": name, "family": family_name, "arguments": arguments}
    networks, shapes = _built(Path(name), description)
    given = {"generator": generator} | ({} if critic is None else {"critic": critic})
    loaded = {which: weights.cast(tree, dtype) for which, tree in given.items()}
    _check_shapes(Path(name), shapes, loaded)
    sha256 = trees.digest(loaded)
    return Source(
        name=name,
        location=f"memory:{name}:{sha256[:16]}",
        networks=networks,
        generator=loaded["generator"],
        critic=loaded.get("critic", {}),
        sha256=sha256,
        description=description,
        dtype=dtype,
    )


def save_source(
    directory: Path,
    params: dict[str, Params],
    description: dict[str, Any],
    *,
    seen: UInt64[np.ndarray, "images"] | None = None,
) -> None:
    """Writes a source that `load_source` can read.

    Args:
      directory: made if it does not exist.
      params: the trees `generator` and `critic`, or one of them, in the precision to store.
      description: at least `name`, `family` and `arguments`.
      seen: digests of the images that it was trained on, if they are known; 8 bytes each.
    """
    directory.mkdir(parents=True, exist_ok=True)
    digests = {
        name: weights.save_tree(_file(directory, name), params[name])
        for name in NETWORKS
        if name in params
    }
    facts = {"prior": "N(0, I)", "range": [-1.0, 1.0], **description, "weights": digests}
    if seen is not None:
        facts["seen"] = weights.save_tree(directory / SEEN, {"images": np.sort(seen)})
    weights.save_description(directory / JSON_NAME, facts, FORMAT)
