"""Batch normalisation with stored statistics, as at inference; no training updates them.

Fresh ones are those of the first maps that a network sees (Salimans and Kingma 2016, section 3), a
fixed scale and shift. Were they the batch's, an image would depend on what it is generated with.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from minegan_jax import trees
from minegan_jax.nets.spectral import constant
from minegan_jax.types import Params

Maps = Float[Array, "batch height width channels"]


def standardise(
    maps: Maps,
    mean: Float[Array, "channels"],
    variance: Float[Array, "channels"],
    *,
    epsilon: float,
) -> Maps:
    """Subtracts a mean and divides by sqrt(variance + epsilon), channel by channel."""
    scale = jax.lax.rsqrt(variance + epsilon)
    return maps * scale[None, None, None] - (mean * scale)[None, None, None]


class StoredNorm(nn.Module):
    """Standardises by statistics that lie among the weights and that no gradient moves.

    Attributes:
      epsilon: added to the variance.
    """

    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, maps: Maps) -> Maps:
        """Keeps the shape, (batch, height, width, channels)."""
        mean = self.param("mean", lambda _: maps.mean(axis=(0, 1, 2)))
        variance = self.param("variance", lambda _: maps.var(axis=(0, 1, 2)))
        return standardise(maps, constant(mean), constant(variance), epsilon=self.epsilon)


class Affine(nn.Module):
    """Multiplies each channel by a gain and adds a bias."""

    @nn.compact
    def __call__(self, maps: Maps) -> Maps:
        """Keeps the shape, (batch, height, width, channels)."""
        gain = self.param("gain", nn.initializers.ones, maps.shape[-1:], jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, maps.shape[-1:], jnp.float32)
        return maps * gain[None, None, None] + bias[None, None, None]


def accumulated(module: nn.Module, params: Params, batches: Iterable[Sequence[Any]]) -> Params:
    """Replaces stored statistics by the means of those of batches.

    Each batch goes through the network with its own statistics, as in training.

    Args:
      module: a network of `StoredNorm`.
      params: its weights; their statistics are not looked at.
      batches: inputs of the network, in batches of one size.
    """
    moving = {path: leaf for path, leaf in trees.by_path(params).items() if not _is_statistic(path)}
    learnt = trees.from_named_leaves(moving)

    @jax.jit
    def of_batch(learnt: Params, *inputs: Any) -> dict[str, jax.Array]:
        # What is missing starts from the maps it sees, see `StoredNorm`.
        _, fresh = module.apply(
            {"params": learnt}, *inputs, mutable=["params"], rngs={"params": jax.random.key(0)}
        )
        return {p: leaf for p, leaf in trees.by_path(fresh["params"]).items() if _is_statistic(p)}

    found = [jax.device_get(of_batch(learnt, *inputs)) for inputs in batches]
    means = {path: np.mean([one[path] for one in found], axis=0) for path in found[0]}
    return trees.from_named_leaves({**moving, **means})


def _is_statistic(path: str) -> bool:
    """Says whether a weight is a stored mean or variance."""
    return path.endswith(("/mean", "/variance"))
