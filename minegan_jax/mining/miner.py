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
STARTS = ("prior", "collapsed", "affine", "residual")  # how miners may start, see `make_miner`


class Start(NamedTuple):
    """What the kernels of the first, the middle and the last layer start from, and all biases."""

    first: Callable[..., jax.Array]
    between: Callable[..., jax.Array]
    last: Callable[..., jax.Array]
    bias: Callable[[int], nn.initializers.Initializer] = lambda _: (
        nn.initializers.zeros
    )  # of inputs
    least_width: int = 1  # units of a hidden layer that these kernels need
    last_bias: nn.initializers.Initializer | None = None  # of the last layer, if it has its own


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


def at_prior(size: int, copies: int = 1) -> Start:
    """Starts at M(x) = the first `size` numbers of x, exactly, so many times one after the other.

    The first layer splits each into (relu(x), relu(-x)), which the last one joins again: this takes
    two hidden units for each.
    """

    def first(key: Key, shape: tuple[int, int], dtype: DTypeLike = jnp.float32) -> jax.Array:
        passed = jnp.eye(shape[0], size, dtype=dtype)
        return _padded(key, jnp.concatenate([passed, -passed], axis=1), shape[1], dtype)

    def last(key: Key, shape: tuple[int, int], dtype: DTypeLike = jnp.float32) -> jax.Array:
        del key
        one = (shape[0], size)
        kernel = jnp.eye(*one, dtype=dtype) - jnp.eye(*one, k=-size, dtype=dtype)
        return jnp.tile(kernel, (1, copies))

    return Start(first, _identity_between, last, least_width=2 * size)


def at_gaussian(table: Float[Array, "classes embedding"], size: int) -> Start:
    """Starts at M(x) = m + x A, of the classes' mean m and covariance A^T A, up to `size` axes.

    So M^c(u) of Fig. 2, which sees no class, asks at first for vectors that spread as the classes'
    do; exactly, by the same two hidden units for each number of x as `at_prior`.
    """
    centre = table.mean(axis=0)
    _, lengths, axes = jnp.linalg.svd(table - centre[None], full_matrices=False)
    spread = (lengths[:, None] * axes)[:size] / len(table) ** 0.5  # A: (axes, embedding)

    def last(key: Key, shape: tuple[int, int], dtype: DTypeLike = jnp.float32) -> jax.Array:
        del key
        taken = len(spread)
        kernel = jnp.zeros(shape, dtype).at[:taken].set(spread.astype(dtype))
        return kernel.at[size : size + taken].set(-spread.astype(dtype))

    def bias(key: Key, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> jax.Array:
        del key, shape
        return centre.astype(dtype)

    return at_prior(size)._replace(last=last, last_bias=bias)


def at_classes(table: Float[Array, "classes embedding"]) -> Start:
    """Starts at the vector of the class that the last numbers of the input, one-hot, name.

    This takes one hidden unit for each class.
    """
    num_classes = len(table)

    def first(key: Key, shape: tuple[int, int], dtype: DTypeLike = jnp.float32) -> jax.Array:
        passed = jnp.eye(shape[0], num_classes, k=num_classes - shape[0], dtype=dtype)
        return _padded(key, passed, shape[1], dtype)

    def last(key: Key, shape: tuple[int, int], dtype: DTypeLike = jnp.float32) -> jax.Array:
        del key
        return jnp.zeros(shape, dtype).at[:num_classes].set(table.astype(dtype))

    return Start(first, _identity_between, last, least_width=num_classes)


def _uniform(inputs: int) -> nn.initializers.Initializer:
    """Draws U(-1/sqrt(inputs), 1/sqrt(inputs)), PyTorch's default for a linear layer, bias too."""

    def init(key: Key, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -(inputs**-0.5), inputs**-0.5)

    return init


def _uniform_kernel(key: Key, shape: tuple[int, int], dtype: DTypeLike = jnp.float32) -> jax.Array:
    """Draws a kernel of (inputs, outputs) so."""
    return _uniform(shape[0])(key, shape, dtype)


RESIDUAL = Start(_uniform_kernel, _uniform_kernel, nn.initializers.zeros)
COLLAPSED = Start(_uniform_kernel, _uniform_kernel, _uniform_kernel, _uniform)


class Miner(nn.Module):
    """A perceptron with ReLU between its layers and a linear last one (section 4, Architectures).

    Attributes:
      outputs: length of M(u).
      start: what its kernels start from.
      depth: number of fully connected layers, at least 2: 2 for MNIST, 4 otherwise in the paper.
      width: least units of each hidden layer; a start that needs more has those.
    """

    outputs: int
    start: Start
    depth: int = 4
    width: int = 256

    @nn.compact
    def __call__(self, draws: Draws) -> Outputs:
        """Maps (batch, inputs) to (batch, outputs)."""

        def layer(
            x: Draws,
            features: int,
            kernel: Callable[..., jax.Array],
            bias: nn.initializers.Initializer | None = None,
        ) -> Outputs:
            bias = bias or self.start.bias(x.shape[-1])
            return nn.Dense(features, kernel_init=kernel, bias_init=bias)(x)

        width = max(self.width, self.start.least_width)
        x = nn.relu(layer(draws, width, self.start.first))
        for _ in range(self.depth - 2):
            x = nn.relu(layer(x, width, self.start.between))
        return layer(x, self.outputs, self.start.last, self.start.last_bias)


class ResidualMiner(nn.Module):
    """M(x) = x + f(x): a perceptron f, which starts at 0, moves what it is given.

    It needs no two hidden units for each number of x, as `at_prior` does: of 512 numbers, a hidden
    layer of 64 units makes 66,000 weights, and `at_prior` a million.

    Attributes:
      size: of the numbers of x, the first ones, that are moved.
      copies: how many times x is given, each moved in its own way.
      depth: number of layers of f, at least 2.
      width: units of its hidden layers.
    """

    size: int
    copies: int = 1
    depth: int = 2
    width: int = 64

    @nn.compact
    def __call__(self, draws: Draws) -> Outputs:
        """Maps (batch, inputs) to (batch, copies * size)."""
        moved = Miner(self.copies * self.size, RESIDUAL, self.depth, self.width)(draws)
        return jnp.tile(draws[:, : self.size], (1, self.copies)) + moved


class AffineMiner(nn.Module):
    """The miner of the authors' BigGAN code: spectrally normalised layers and nothing between them.

    Each layer but the last has as many outputs as u has numbers. Kernels and biases start as
    PyTorch starts them, because that code, which resumes from published weights, skips its own
    start: M(u) is then nearly constant. With a spectral norm of 1 no layer spreads u farther.

    Attributes:
      outputs: length of M(u).
      depth: number of layers; 4 in that code.
    """

    outputs: int
    depth: int = 4

    @nn.compact
    def __call__(self, draws: Draws) -> Outputs:
        """Maps (batch, inputs) to (batch, outputs)."""
        for features in (*[draws.shape[-1]] * (self.depth - 1), self.outputs):
            start = _uniform(draws.shape[-1])
            draws = SpectralDense(features, kernel_init=start, bias_init=start)(draws)
        return draws


class ConditionalMiner(nn.Module):
    """M^z and M^c of the same u (Fig. 2): a latent, and a vector in the place of its class's.

    u draws a class as well, each as often: both miners see the latent and that class, one-hot.

    Attributes:
      latent: M^z.
      condition: M^c.
      num_classes: of the source.
    """

    latent: nn.Module
    condition: nn.Module
    num_classes: int

    def __call__(
        self, latents: Latents, labels: Int[Array, "batch"]
    ) -> tuple[Latents, ClassVectors]:
        """Maps (batch, latent_size) and (batch,) to as many latents and (batch, embedding_size)."""
        classes = jax.nn.one_hot(labels, self.num_classes, dtype=latents.dtype)
        inputs = jnp.concatenate([latents, classes], axis=1)
        return self.latent(inputs), self.condition(inputs)


class PairedMiner(nn.Module):
    """M^z and M^c of the same u, which draws no class: Fig. 2 as printed.

    Attributes:
      latent: M^z.
      condition: M^c.
    """

    latent: nn.Module
    condition: nn.Module

    def __call__(self, draws: Draws) -> tuple[Latents, ClassVectors]:
        """Maps (batch, latent_size) to (batch, latent_size) and (batch, embedding_size)."""
        return self.latent(draws), self.condition(draws)


def make_miner(
    size: int,
    start: str,
    at_source: Start | None = None,
    *,
    depth: int,
    width: int,
    copies: int = 1,
) -> nn.Module:
    """Returns a miner of one kind.

    Args:
      size: length of M(u), or of each of its copies.
      start: of `STARTS`. "prior": at step 0 the source samples as it always did. "residual": so it
        does, by a miner that adds to what it is given. "collapsed": the default start of the
        authors' PyTorch code, whose output is nearly constant. "affine": their BigGAN's miner, an
        `AffineMiner`.
      at_source: how a miner starts for "prior" and "residual" whose output is not its input; None:
        it is, as often as there are copies.
      depth: number of layers.
      width: units of each hidden layer; for "prior", at least; "affine" has as many as u has.
      copies: how many times over a miner gives `size` numbers.

    Raises:
      InputError: there is no such start.
    """
    if start not in STARTS:
        raise InputError(f"miner_start {start!r}: expected {' or '.join(STARTS)}")
    if start == "affine":
        return AffineMiner(copies * size, depth)
    if start == "residual" and at_source is None:
        return ResidualMiner(size, copies, depth, width)
    first = COLLAPSED if start == "collapsed" else at_source or at_prior(size, copies)
    return Miner(copies * size, first, depth, width)
