"""The miner M: a small perceptron that turns a draw of the prior into a latent (section 3.2)."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from minegan_jax.errors import InputError
from minegan_jax.types import Key, Latents

Start = str  # a key of STARTS


def _identity_in(key: Key, shape: tuple[int, int], dtype: DTypeLike = jnp.float32) -> jax.Array:
    """Splits the input x into (relu(x), relu(-x)); units left over are random features."""
    inputs, units = shape
    if units < 2 * inputs:
        raise InputError(
            f"a miner that starts at the prior of {inputs} latents needs a miner_width of"
            f" {2 * inputs} or more, found {units}"
        )
    features = inputs**-0.5 * jax.random.normal(key, (inputs, units - 2 * inputs), dtype)
    return jnp.concatenate(
        [jnp.eye(inputs, dtype=dtype), -jnp.eye(inputs, dtype=dtype), features], 1
    )


def _identity_between(
    key: Key, shape: tuple[int, int], dtype: DTypeLike = jnp.float32
) -> jax.Array:
    """Passes on what a ReLU left, which is never negative."""
    del key
    return jnp.eye(*shape, dtype=dtype)


def _identity_out(key: Key, shape: tuple[int, int], dtype: DTypeLike = jnp.float32) -> jax.Array:
    """Joins x = relu(x) - relu(-x) again; the random features start unheard."""
    del key
    units, outputs = shape
    rows = [jnp.eye(outputs, dtype=dtype), -jnp.eye(outputs, dtype=dtype)]
    return jnp.concatenate([*rows, jnp.zeros((units - 2 * outputs, outputs), dtype)], 0)


def _uniform_fan_in(key: Key, shape: tuple[int, int], dtype: DTypeLike = jnp.float32) -> jax.Array:
    """Draws U(-1/sqrt(inputs), 1/sqrt(inputs)), PyTorch's default for a linear layer."""
    bound = shape[0] ** -0.5
    return jax.random.uniform(key, shape, dtype, -bound, bound)


# How the first, the middle and the last layer start. "prior": M(u) = u, so that at step 0 the
# source samples as it always did. "collapsed": the default start of the authors' PyTorch code,
# whose output is nearly constant (std about 0.07 for BigGAN's miner).
STARTS: dict[Start, tuple[Callable, Callable, Callable]] = {
    "prior": (_identity_in, _identity_between, _identity_out),
    "collapsed": (_uniform_fan_in, _uniform_fan_in, _uniform_fan_in),
}


class Miner(nn.Module):
    """A perceptron with ReLU between its layers and a linear last one (section 4, Architectures).

    Attributes:
      latent_size: length of u and of M(u): the source's latent size.
      depth: number of fully connected layers, at least 2: 2 for MNIST, 4 otherwise in the paper.
      width: units of each hidden layer; at least 2 * latent_size for the start "prior".
      start: a key of `STARTS`.
    """

    latent_size: int
    depth: int = 4
    width: int = 256
    start: Start = "prior"

    @nn.compact
    def __call__(self, latents: Latents) -> Latents:
        """Maps (batch, latent_size) to (batch, latent_size)."""
        first, between, last = STARTS[self.start]
        x = nn.relu(nn.Dense(self.width, kernel_init=first)(latents))
        for _ in range(self.depth - 2):
            x = nn.relu(nn.Dense(self.width, kernel_init=between)(x))
        return nn.Dense(self.latent_size, kernel_init=last)(x)
