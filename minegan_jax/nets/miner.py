"""The miner M: a small network that turns a draw of the prior into a latent (section 3.2).

In front of a conditional generator there are two, M^z for the latent and M^c for the class (section
3.3, Conditional GANs, Fig. 2).
"""

from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int

from minegan_jax.errors import InputError
from minegan_jax.nets.spectral import SpectralDense
from minegan_jax.types import ClassVectors, Key, Latents

Draws = Float[Array, "batch inputs"]  # u
Outputs = Float[Array, "batch outputs"]
STARTS = ("prior", "collapsed", "affine")  # how miners may start, see `make_miner`


class Start(NamedTuple):
    """What the kernels of the first, the middle and the last layer start from."""

    first: Callable[..., jax.Array]
    between: Callable[..., jax.Array]
    last: Callable[..., jax.Array]


def _identity_between(
    key: Key, shape: tuple[int, int], dtype: DTypeLike = jnp.float32
) -> jax.Array:
    """Passes on what a ReLU left, which is never negative."""
    del key
    return jnp.eye(*shape, dtype=dtype)


def _padded(
    key: Key, rows: Float[Array, "inputs taken"], units: int, dtype: DTypeLike
) -> Float[Array, "inputs units"]:
    """Gives the units that are left over random features of the input."""
    inputs, taken = rows.shape
    features = inputs**-0.5 * jax.random.normal(key, (inputs, units - taken), dtype)
    return jnp.concatenate([rows.astype(dtype), features], axis=1)


def _wide_enough(units: int, needed: int, what: str) -> None:
    """Makes sure that a start has the units that it needs."""
    if units < needed:
        raise InputError(
            f"a miner that starts at {what} needs a miner_width of {needed} or more, found {units}"
        )


def at_prior(size: int) -> Start:
    """Starts at M(x) = the first `size` numbers of x, exactly.

    The first layer splits each into (relu(x), relu(-x)), which the last one joins again.
    """

    def first(key: Key, shape: tuple[int, int], dtype: DTypeLike = jnp.float32) -> jax.Array:
        _wide_enough(shape[1], 2 * size, f"the prior of {size} latents")
        passed = jnp.eye(shape[0], size, dtype=dtype)
        return _padded(key, jnp.concatenate([passed, -passed], axis=1), shape[1], dtype)

    def last(key: Key, shape: tuple[int, int], dtype: DTypeLike = jnp.float32) -> jax.Array:
        del key
        kernel = jnp.eye(*shape, dtype=dtype)
        return kernel - jnp.eye(*shape, k=-size, dtype=dtype)

    return Start(first, _identity_between, last)


def at_classes(table: Float[Array, "classes embedding"]) -> Start:
    """Starts at the vector of the class that the last numbers of the input, one-hot, name."""
    num_classes = len(table)

    def first(key: Key, shape: tuple[int, int], dtype: DTypeLike = jnp.float32) -> jax.Array:
        _wide_enough(shape[1], num_classes, f"{num_classes} classes")
        passed = jnp.eye(shape[0], num_classes, k=num_classes - shape[0], dtype=dtype)
        return _padded(key, passed, shape[1], dtype)

    def last(key: Key, shape: tuple[int, int], dtype: DTypeLike = jnp.float32) -> jax.Array:
        del key
        return jnp.zeros(shape, dtype).at[:num_classes].set(table.astype(dtype))

    return Start(first, _identity_between, last)


def _uniform_fan_in(key: Key, shape: tuple[int, int], dtype: DTypeLike = jnp.float32) -> jax.Array:
    """Draws U(-1/sqrt(inputs), 1/sqrt(inputs)), PyTorch's default for a linear layer."""
    bound = shape[0] ** -0.5
    return jax.random.uniform(key, shape, dtype, -bound, bound)


COLLAPSED = Start(_uniform_fan_in, _uniform_fan_in, _uniform_fan_in)


class Miner(nn.Module):
    """A perceptron with ReLU between its layers and a linear last one (section 4, Architectures).

    Attributes:
      outputs: length of M(u).
      start: what its kernels start from.
      depth: number of fully connected layers, at least 2: 2 for MNIST, 4 otherwise in the paper.
      width: units of each hidden layer.
    """

    outputs: int
    start: Start
    depth: int = 4
    width: int = 256

    @nn.compact
    def __call__(self, draws: Draws) -> Outputs:
        """Maps (batch, inputs) to (batch, outputs)."""
        first, between, last = self.start
        x = nn.relu(nn.Dense(self.width, kernel_init=first)(draws))
        for _ in range(self.depth - 2):
            x = nn.relu(nn.Dense(self.width, kernel_init=between)(x))
        return nn.Dense(self.outputs, kernel_init=last)(x)


class AffineMiner(nn.Module):
    """The miner of the authors' BigGAN code: spectrally normalised layers and nothing between them.

    Attributes:
      outputs: length of M(u).
      depth: number of layers.
      width: outputs of each but the last.
    """

    outputs: int
    depth: int = 4
    width: int = 256

    @nn.compact
    def __call__(self, draws: Draws) -> Outputs:
        """Maps (batch, inputs) to (batch, outputs)."""
        for features in (*[self.width] * (self.depth - 1), self.outputs):
            draws = SpectralDense(features)(draws)
        return draws


class ConditionalMiner(nn.Module):
    """M^z and M^c of the same u (Fig. 2): a latent, and a vector in the place of its class's.

    Of u = (z, t), drawn from N(0, I), t names a class, each as often: both miners see z and that
    class, one-hot.

    Attributes:
      latent: M^z.
      condition: M^c.
      num_classes: of the source.
    """

    latent: nn.Module
    condition: nn.Module
    num_classes: int

    def __call__(self, draws: Draws) -> tuple[Latents, ClassVectors]:
        """Maps (batch, latent_size + 1) to (batch, latent_size) and (batch, embedding_size)."""
        classes = jax.nn.one_hot(class_drawn(draws[:, -1], self.num_classes), self.num_classes)
        seen = jnp.concatenate([draws[:, :-1], classes.astype(draws.dtype)], axis=1)
        return self.latent(seen), self.condition(seen)


def class_drawn(numbers: Float[Array, "batch"], num_classes: int) -> Int[Array, "batch"]:
    """Turns draws of N(0, 1) into class numbers, each as often as another."""
    shares = jax.scipy.stats.norm.cdf(numbers)
    return jnp.minimum((shares * num_classes).astype(jnp.int32), num_classes - 1)


def make_miner(outputs: int, start: str, at_source: Start, *, depth: int, width: int) -> nn.Module:
    """Returns a miner of one kind.

    Args:
      outputs: length of M(u).
      start: of `STARTS`. "prior": at step 0 the source samples as it always did. "collapsed": the
        default start of the authors' PyTorch code, whose output is nearly constant. "affine": their
        BigGAN's miner, an `AffineMiner`.
      at_source: how the miner starts for "prior".
      depth: number of layers.
      width: units of each hidden layer.

    Raises:
      InputError: there is no such start.
    """
    if start == "affine":
        return AffineMiner(outputs, depth, width)
    if start not in STARTS:
        raise InputError(f"miner_start {start!r}: expected {' or '.join(STARTS)}")
    return Miner(outputs, COLLAPSED if start == "collapsed" else at_source, depth, width)
