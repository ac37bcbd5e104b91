"""The prior that a generator was trained with, as a map of standard Gaussian noise.

Everything in front of a generator (the miner, the sampler, searches) draws u from N(0, I). A
generator with another prior starts by turning u into a draw of that, so that what a miner M
learns is a distribution of u, in front of the map: M works in the Gaussian space. No latent
outside a bounded prior can be reached from there.
"""

import jax
from jax.scipy.stats import norm
from jaxtyping import Array, Float

from minegan_jax.errors import InputError

NORMAL, UNIFORM = "normal", "uniform"
PRIORS = {NORMAL: "N(0, I)", UNIFORM: "U(-1, 1)"}  # and what a description says


def prior_sample(noise: Float[Array, "*shape"], prior: str) -> Float[Array, "*shape"]:
    """Turns draws of N(0, I) into draws of a prior, number by number.

    Args:
      noise: u.
      prior: "normal": u; "uniform": 2 Phi(u) - 1 in (-1, 1), with Phi the cumulative distribution.

    Raises:
      InputError: there is no such prior.
    """
    if prior not in PRIORS:
        raise InputError(f"prior {prior!r}: expected {' or '.join(PRIORS)}")
    return noise if prior == NORMAL else 2.0 * norm.cdf(noise) - 1.0


def prior_noise(latents: Float[Array, "*shape"], prior: str) -> Float[Array, "*shape"]:
    """Returns the noise that `prior_sample` turns into these latents, such as published ones."""
    if prior not in PRIORS:
        raise InputError(f"prior {prior!r}: expected {' or '.join(PRIORS)}")
    return latents if prior == NORMAL else jax.scipy.special.ndtri((latents + 1.0) / 2.0)
