"""Networks that need less memory and time, from outside: the weights that move stay as they are."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

Network = Callable[..., jax.Array]  # of (params, *inputs)


def lighter(network: Network, precision: str = "float32", *, remat: bool = False) -> Network:
    """Returns a network that computes in another precision, or keeps less for its derivative.

    Args:
      network: a function of (params, *inputs), in float32 or float64.
      precision: float32 or bfloat16. In "bfloat16" the network sees weights and inputs rounded
        to that, and its output is float32 again, so that gradients of float32 weights are as well.
        "float32" leaves the network as it is.
      remat: computes the activations a second time for the derivative instead of keeping them.
    """
    if precision == "bfloat16":
        network = _in_bfloat16(network)
    return jax.checkpoint(network) if remat else network


def _in_bfloat16(network: Network) -> Network:
    """Rounds what goes in, and widens what comes out."""

    def rounded(x: jax.Array) -> jax.Array:
        return x.astype(jnp.bfloat16) if x.dtype == jnp.float32 else x

    def compute(params: Any, *inputs: Any, **options: Any) -> jax.Array:
        params, inputs = jax.tree.map(rounded, (params, inputs))
        return network(params, *inputs, **options).astype(jnp.float32)

    return compute
