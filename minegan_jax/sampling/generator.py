"""The one object that images are drawn from: sources behind their miners, and how often each.

A source as it came, the state of a training run and an adapter each make one. Image j of a seed is
the same whatever else is drawn: its random numbers come from (seed, j).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Shaped

from minegan_jax.errors import InputError
from minegan_jax.mining import class_conditioning, selector
from minegan_jax.mining.method import MinedSource, TransferMethod, mined_source
from minegan_jax.mining.noise import Noise, NoiseShape, sample_noise, truncated
from minegan_jax.mining.selector import SelectorState
from minegan_jax.nets.image_resize import common_view
from minegan_jax.sources import Source
from minegan_jax.training.learner import State
from minegan_jax.types import Images, Key, Params, Pixels, to_pixels

BLOCK = 100  # images generated at a time, ...
BLOCK_PIXELS = 2**18  # ... fewer if they have more pixels than this together
STREAM = 0x5A  # keeps these draws apart from those of a training run with the same seed
WEIGHTS = ("ema", "raw")


class Generator(NamedTuple):
    """What one samples from."""

    names: tuple[str, ...]  # of the sources
    sources: tuple[MinedSource, ...]
    weights: tuple[Params, ...]  # of each source and its miner
    probabilities: Float[np.ndarray, "sources"]  # p (section 3.3), with a sum of 1
    kind: str = "raw"  # of WEIGHTS: "ema" where it is an EMA that draws
    measured: bool = False  # whether images come as they are measured, not as they are handed out

    def as_measured(self) -> "Generator":
        """Returns the generator of the same images as they are measured: in their game's view."""
        return self._replace(measured=any(source.measured for source in self.sources))

    def generate(self, source: int, noise: Noise, truncation: float | None = None) -> Images:
        """Returns G_i(M_i(u)), in [-1, 1], by the number of a source; `truncation` as in `sample`.

        Raises:
          InputError: the source cannot be truncated so.
        """
        behind, weights = self.sources[source], self.weights[source]
        generate = (self.measured and behind.measured) or behind.generate
        if truncation is None:
            return generate(weights, noise)
        if not behind.truncates:
            latents = truncated(noise.latents, truncation)
            return generate(weights, noise._replace(latents=latents))
        if not 0.0 < truncation <= 1.0:
            raise InputError(f"truncation {truncation}: expected more than 0, at most 1")
        return generate(weights, noise, truncation=truncation)

    def sample(
        self,
        num_images: int,
        seed: int = 0,
        source: str | None = None,
        truncation: float | None = None,
    ) -> Pixels:
        """Draws (num_images, height, width, channels) in [0, 255].

        Args:
          num_images: how many, at least 1.
          seed: the same seed gives the same images.
          source: the name of the source to draw from; None draws one for each image, by p.
          truncation: of sources that store a mean w or statistics for it, in (0, 1]; of others, the
            number of standard deviations beyond which no number of u lies (BigGAN's trick).

        Raises:
          InputError: there is no such source, or no such truncation.
        """
        if truncation is not None and truncation <= 0.0:
            raise InputError(f"truncation {truncation}: expected more than 0")
        if source is not None and source not in self.names:
            raise InputError(f"no source {source!r}: expected {', '.join(self.names)}")
        key = jax.random.fold_in(jax.random.key(seed), STREAM)
        if source is None:
            chosen = draw_sources(self.probabilities, num_images, key)
        else:
            chosen = np.full(num_images, self.names.index(source))
        images: np.ndarray | None = None  # made once its size is known, and never copied
        for number in map(int, np.unique(chosen)):
            (places,) = np.nonzero(chosen == number)
            noise = draw_noise(key, places, self.sources[number].noise)
            for place, image in zip(places, self._pixels(number, noise, truncation), strict=True):
                images = (
                    np.empty((num_images, *image.shape), np.uint8) if images is None else images
                )
                images[place] = image
        assert images is not None
        return images

    def walk(self, *, num_walks: int, num_steps: int, seed: int = 0) -> Pixels:
        """Walks between pairs of draws of the most probable source.

        The walk follows the arc between two latents, because on the chord between them latents are
        shorter than any that the prior gives. A class stays that of the first end: the numbers of
        classes lie in no order that one could walk through.

        Returns:
          (num_walks * num_steps, height, width, channels) in [0, 255], one walk after another.
        """
        source = int(self.probabilities.argmax())
        key = jax.random.fold_in(jax.random.key(seed), STREAM + 1)
        ends, labels = draw_noise(key, np.arange(2 * num_walks), self.sources[source].noise)
        angles = jnp.linspace(0.0, jnp.pi / 2, num_steps)[None, :, None]
        latents = jnp.cos(angles) * ends[0::2, None] + jnp.sin(angles) * ends[1::2, None]
        noise = Noise(
            latents.reshape(-1, latents.shape[-1]),
            None if labels is None else jnp.repeat(labels[0::2], num_steps),
        )
        return np.stack(list(self._pixels(source, noise)))

    def _pixels(
        self, source: int, noise: Noise, truncation: float | None = None
    ) -> Iterator[np.ndarray]:
        """Yields the image of each u, in order."""
        size, count = self._block_size(source, noise), len(noise.latents)
        for first in range(0, count, size):
            # Padded, so that one compiled program serves every count.
            block = jax.tree.map(partial(_rows, first=first, size=size), noise)
            images = np.asarray(to_pixels(self.generate(source, block, truncation)))
            yield from images[: count - first]

    def _block_size(self, source: int, noise: Noise) -> int:
        """Returns how many images are generated at a time, so that large ones fit into memory."""
        # As they leave the generator, however small a view of them is wanted.
        whole = self._replace(measured=False)
        images = jax.eval_shape(partial(whole.generate, source), noise)
        pixels = images.shape[1] * images.shape[2]
        return max(1, min(BLOCK, BLOCK_PIXELS // pixels))


def of_state(
    method: TransferMethod, state: State, names: Sequence[str], kind: str | None = None
) -> Generator:
    """Returns the generator of a state of training.

    Args:
      method: that trained it.
      state: the method's own.
      names: of its sources.
      kind: "ema" or "raw" weights; None takes the EMA where there is one.

    Raises:
      InputError: there are no such weights.
    """
    kind = chosen_kind(method, kind)
    return of_parts(method, select_parts(method, kind)(state), names, kind)


def chosen_kind(method: TransferMethod, kind: str | None) -> str:
    """Returns which weights draw where a user asks for "ema", "raw" or leaves it open.

    Raises:
      InputError: there are no such weights.
    """
    if kind is not None and kind not in WEIGHTS:
        raise InputError(f"no weights {kind!r}: expected {' or '.join(WEIGHTS)}")
    if kind == "ema" and method.ema is None:
        raise InputError("weights 'ema': no EMA was kept here: expected raw")
    return kind or ("raw" if method.ema is None else "ema")


def select_parts(method: TransferMethod, kind: str) -> Callable[[State], Any]:
    """Returns a function that takes a generator's parts out of a state: weights and selector."""
    weights = method.weights if kind == "raw" or method.ema is None else method.ema
    return lambda state: (weights(state), method.selector(state))


def of_parts(
    method: TransferMethod,
    parts: tuple[tuple[Params, ...], SelectorState],
    names: Sequence[str],
    kind: str,
) -> Generator:
    """Returns the generator of the parts that `select_parts` took out of a state."""
    weights, record = parts
    shares = np.asarray(selector.probabilities(record), np.float64)
    return Generator(tuple(names), method.sources, weights, shares, kind)


def of_source(
    source: Source,
    of_classes: str,
    *,
    resolution: int,
    channels: int,
    to_measured: Callable[[Images], Images] | None = None,
) -> Generator:
    """Returns a source as it came, which draws from its prior.

    Args:
      source: whose generator.
      of_classes: that a conditional one is asked for, see `mining.class_conditioning`.
      resolution: in which images are handed out, in pixels.
      channels: of these images.
      to_measured: how images are measured; None is as they are handed out.
    """
    networks = source.networks
    drawn = mined_source(
        class_conditioning.prior,
        class_conditioning.generator(networks, of_classes),
        common_view(resolution=resolution, channels=channels),
        class_conditioning.noise_shape(networks, of_classes),
        truncates=networks.truncates,
        to_measured=to_measured,
    )
    weights = {"miners": {}, "generators": source.generator}
    return Generator((source.name,), (drawn,), (weights,), np.ones(1))


def draw_sources(
    probabilities: Float[np.ndarray, "sources"], num_images: int, key: Key
) -> Int[np.ndarray, "images"]:
    """Draws the source of each image by p (section 3.3).

    A source that is never used changes no draw: an adapter may leave it out.
    """
    keys = _image_keys(jax.random.fold_in(key, 0), np.arange(num_images))
    uniform = np.asarray(jax.vmap(jax.random.uniform)(keys))
    return np.searchsorted(np.cumsum(probabilities / probabilities.sum()), uniform, side="right")


def draw_noise(key: Key, places: Int[np.ndarray, "places"], shape: NoiseShape) -> Noise:
    """Draws u for each image's place in the sequence."""
    keys = _image_keys(jax.random.fold_in(key, 1), places)
    return jax.vmap(lambda key: sample_noise(key, (), shape))(keys)


def _image_keys(key: Key, places: Int[np.ndarray, "places"]) -> Shaped[Array, "places"]:
    """Returns one key per place."""
    return jax.vmap(lambda place: jax.random.fold_in(key, place))(jnp.asarray(places))


def _rows(array: jax.Array, *, first: int, size: int) -> jax.Array:
    """Returns rows from `first`, filled up with zeros to `size`."""
    rows = array[first : first + size]
    return jnp.pad(rows, [(0, size - len(rows)), *[(0, 0)] * (rows.ndim - 1)])
