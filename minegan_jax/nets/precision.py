"""How exactly networks compute: with less memory and time, or in full float32 on every device.

The weights that move stay as they are, in either case.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

Network = Callable[..., jax.Array]  # of (params, *inputs)


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """Has products and convolutions traced inside take float32 as it is; also as a decorator.

    By default a TPU rounds their inputs to bfloat16, and a recent GPU to TF32. Training can take
    that; images and figures, which are compared with those of another machine, cannot.
    """
    with jax.default_matmul_precision("highest"):
        yield


def to_float32(x: jax.Array) -> jax.Array:
    """Returns maps in float32, or in float64 if they are, for a critic's last sum.

    A score in bfloat16 has 8 bits: far from 0 the scores of different images would tie, and ties
    are won by lot.
    """
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def mixed_precision(
    network: Network, precision: str = "float32", *, remat: bool = False
) -> Network:
    """Returns a network that computes in another precision, or keeps less for its derivative.

    Args:
      network: a function of (params, *inputs), in float32 or float64.
      precision: float32 or bfloat16. In "bfloat16" the network sees weights and inputs rounded
        to that, and its output is float32 again, so that gradients of float32 weights are as well;
        a critic's last sum is `to_float32`.
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
