"""The random input u of section 3: a draw of N(0, I) and, for a conditional source, of a class."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.stats import norm
from jaxtyping import Array, Float, Int

from minegan_jax.types import Key, Latents


class NoiseShape(NamedTuple):
    """What one draw of u holds."""

    latent_size: int
    num_classes: int = 0  # of which u draws one; 0: it names none

    @property
    def num_numbers(self) -> int:
        """Draws of N(0, 1) that one draw of u takes."""
        return self.latent_size + (self.num_classes > 0)


class Noise(NamedTuple):
    """Draws of u, a tree of arrays with the same leading axes."""

    latents: Float[Array, "*places latent"]  # from N(0, I)
    labels: Int[Array, "*places"] | None = None  # classes, each as often; None: u names none


def sample_noise(key: Key, places: tuple[int, ...], shape: NoiseShape) -> Noise:
    """Draws u from its prior.

    A class is the quantile of one more draw of N(0, 1), so that classes change no latent's draw
    from one number of classes to another.

    Args:
      key: of these draws.
      places: the leading axes.
      shape: of one draw.
    """
    return as_noise(jax.random.normal(key, (*places, shape.num_numbers)), shape)


def as_noise(numbers: Float[Array, "*places numbers"], shape: NoiseShape) -> Noise:
    """Reads draws of N(0, I), `shape.num_numbers` for each place, as u."""
    if not shape.num_classes:
        return Noise(numbers)
    return Noise(numbers[..., :-1], _quantiles(numbers[..., -1], shape.num_classes))


def zero_noise(count: int, shape: NoiseShape) -> Noise:
    """Returns u = 0, of class 0, in as many rows; its shapes are those of draws."""
    labels = jnp.zeros(count, jnp.int32) if shape.num_classes else None
    return Noise(jnp.zeros((count, shape.latent_size)), labels)


def truncated(draws: Latents, limit: float) -> Latents:
    """Maps draws of N(0, 1) to draws of its part within +-`limit`; their order stays."""
    low, high = norm.cdf(-limit), norm.cdf(limit)
    return norm.ppf(low + (high - low) * norm.cdf(draws)).clip(-limit, limit)


def _quantiles(numbers: Float[Array, "*places"], count: int) -> Int[Array, "*places"]:
    """Turns draws of N(0, 1) into numbers below `count`, each as often as another."""
    shares = norm.cdf(numbers)
    return jnp.minimum((shares * count).astype(jnp.int32), count - 1)
