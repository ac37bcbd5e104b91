"""From seeds to images, always by the inference path: the selector's p_i, then G_i(M_i(u)).

Image j of a seed is the same whatever else is drawn: its random numbers come from (seed, j).
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped

from minegan_jax.mining import selector
from minegan_jax.mining.method import TransferMethod
from minegan_jax.training.learner import State
from minegan_jax.types import Key, Latents, Pixels, to_pixels

BLOCK = 100  # images generated at a time, ...
BLOCK_PIXELS = 2**18  # ... fewer if they have more pixels than this together
STREAM = 0x5A  # keeps these draws apart from those of a training run with the same seed


def sample(
    method: TransferMethod,
    state: State,
    num_images: int,
    *,
    seed: int = 0,
    source: int | None = None,
) -> Pixels:
    """Draws images.

    Args:
      method: how the state was trained.
      state: the method's own.
      num_images: how many to draw, at least 1.
      seed: the same seed gives the same images.
      source: draws from this source alone; None lets the selector draw one for each image.

    Returns:
      (num_images, height, width, channels) in [0, 255].
    """
    key = jax.random.fold_in(jax.random.key(seed), STREAM)
    if source is None:
        chosen = choose_sources(method, state, num_images, key)
    else:
        chosen = np.full(num_images, source)
    images: dict[int, np.ndarray] = {}
    for number in np.unique(chosen):
        (places,) = np.nonzero(chosen == number)
        latents = draw_latents(key, places, method.latent_sizes[number])
        images |= zip(places, generate_pixels(method, state, int(number), latents), strict=True)
    return np.stack([images[place] for place in range(num_images)])


def choose_sources(method: TransferMethod, state: State, num_images: int, key: Key) -> np.ndarray:
    """Draws the source of each image by the selector's probabilities (section 3.3).

    A source that is never used changes no draw: an adapter may leave it out.
    """
    shares = np.asarray(selector.probabilities(method.selector(state)), np.float64)
    keys = _image_keys(jax.random.fold_in(key, 0), np.arange(num_images))
    uniform = np.asarray(jax.vmap(jax.random.uniform)(keys))
    return np.searchsorted(np.cumsum(shares / shares.sum()), uniform, side="right")


def draw_latents(key: Key, places: np.ndarray, latent_size: int) -> Latents:
    """Draws u from N(0, I) for each image's place in the sequence."""
    keys = _image_keys(jax.random.fold_in(key, 1), places)
    return jax.vmap(lambda key: jax.random.normal(key, (latent_size,)))(keys)


def generate_pixels(
    method: TransferMethod, state: State, source: int, latents: Latents
) -> Iterator[np.ndarray]:
    """Yields the image of each latent, in order."""
    size = _block_size(method, state, source, latents.shape[1])
    for first in range(0, len(latents), size):
        block = latents[first : first + size]
        # Padded, so that one compiled program serves every count.
        padded = jnp.pad(block, ((0, size - len(block)), (0, 0)))
        yield from np.asarray(to_pixels(method.generate(state, source, padded)))[: len(block)]


def _block_size(method: TransferMethod, state: State, source: int, latent_size: int) -> int:
    """Returns how many images are generated at a time, so that large ones fit into memory."""
    latents = jax.ShapeDtypeStruct((BLOCK, latent_size), jnp.float32)
    images = jax.eval_shape(lambda u: method.generate(state, source, u), latents)
    pixels = images.shape[1] * images.shape[2]
    return max(1, min(BLOCK, BLOCK_PIXELS // pixels))


def latent_walk(
    method: TransferMethod, state: State, *, num_walks: int, num_steps: int, seed: int = 0
) -> Pixels:
    """Walks between pairs of draws of the most probable source.

    The walk follows the arc between two draws, because on the chord between them latents are
    shorter than any that the prior gives. Where u names a class, it stays that of the first end:
    the numbers of classes lie in no order that one could walk through.

    Returns:
      (num_walks * num_steps, height, width, channels) in [0, 255], one walk after another.
    """
    source = int(selector.probabilities(method.selector(state)).argmax())
    places = np.arange(2 * num_walks)
    ends = draw_latents(
        jax.random.fold_in(jax.random.key(seed), STREAM + 1), places, method.latent_sizes[source]
    )
    angles = jnp.linspace(0.0, jnp.pi / 2, num_steps)[None, :, None]
    latents = jnp.cos(angles) * ends[0::2, None] + jnp.sin(angles) * ends[1::2, None]
    if source in method.classed:
        latents = latents.at[..., -1].set(ends[0::2, None, -1])
    return np.stack(
        list(generate_pixels(method, state, source, latents.reshape(-1, latents.shape[-1])))
    )


def _image_keys(key: Key, places: np.ndarray) -> Shaped[Array, "places"]:
    """Returns one key per place."""
    return jax.vmap(lambda place: jax.random.fold_in(key, place))(jnp.asarray(places))
