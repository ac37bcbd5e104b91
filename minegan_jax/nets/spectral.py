"""Spectral normalisation (Miyato et al. 2018): weights divided by an estimate of their largest
singular value, by one step of the power method from a stored vector u.

The step is taken at inference as well, and does not write u back: a network is a function of its
weights, and gives what the published code gives at evaluation. In training `power_iteration` does.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from minegan_jax.nets.convolution import Convolution, conv
from minegan_jax.types import Key, Params

Matrix = Float[Array, "inputs outputs"]
Vector = Float[Array, "outputs"]
SMALLEST = 1e-12  # of a norm that is divided by


def constant(stored: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Marks what lies among the weights but is a statistic: no gradient ever moves it."""
    return jax.lax.stop_gradient(stored)


def spectral_norm(
    matrix: Matrix, u: Vector, v: Float[Array, "inputs"] | None = None
) -> Float[Array, ""]:
    """Estimates the largest singular value: v = norm(W u), u' = norm(W^T v), sigma = v^T W u'.

    As in the published training code, the gradient takes u' and v as constants.

    Args:
      matrix: W.
      u: stored, of any length.
      v: stored beside u; then both are taken as they are, without a step: sigma = v^T W u.
    """
    if v is not None:
        return constant(v) @ (matrix @ constant(u))
    stepped, v = power_step(constant(matrix), constant(u))
    return v @ (matrix @ stepped)


def power_step(matrix: Matrix, u: Vector) -> tuple[Vector, Float[Array, "inputs"]]:
    """Takes one step of the power method from u, of any length; returns u' and v, of length 1."""
    v = _normalise(matrix @ u)
    return _normalise(v @ matrix), v


def _normalise(vector: Float[Array, "size"]) -> Float[Array, "size"]:
    """Scales to length 1; the zero vector stays."""
    return vector / jnp.maximum(jnp.linalg.norm(vector), SMALLEST)


def _unit(key: Key, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> Vector:
    """Draws a vector of length 1."""
    return _normalise(jax.random.normal(key, shape, dtype))


def is_vector(path: tuple[Any, ...]) -> bool:
    """Says whether a leaf, by its path in a tree of weights, is a stored vector u or v."""
    return jax.tree_util.keystr(path[-1:], simple=True) in ("u", "v")


def power_iteration(
    whole: Callable[[optax.Params], optax.Params] = lambda params: params,
) -> optax.GradientTransformation:
    """Replaces the updates of the stored vectors, which get no gradient, by a step from them.

    That is the step which the networks took in the same turn, from the weights before their update:
    as in the published training code, each turn goes on where the last one's norms came to. Pairs
    of u and v, which networks take without a step, are a turn behind.

    Args:
      whole: makes weights whole of which devices hold parts; the stored vectors always are.
    """

    def step(updates: optax.Updates, params: optax.Params | None) -> optax.Updates:
        weights = dict(jax.tree_util.tree_leaves_with_path(whole(params)))

        def replace(path: tuple[Any, ...], update: jax.Array) -> jax.Array:
            if not is_vector(path):
                return update
            *module, name = (*path[:-1], jax.tree_util.keystr(path[-1:], simple=True))
            stored = {
                key: weights[place]
                for key in ("u", "v", "kernel", "vectors")
                if (place := (*module, jax.tree_util.DictKey(key))) in weights
            }
            u, v = power_step(_matrix(stored), stored["u"])
            return {"u": u, "v": v}[name] - stored[name]

        return jax.tree_util.tree_map_with_path(replace, updates)

    return optax.stateless(step)


def _matrix(stored: Params) -> Matrix:
    """Returns the weights beside a stored u as the matrix that it belongs to."""
    if "vectors" in stored:
        return stored["vectors"].T
    return stored["kernel"].reshape(-1, stored["kernel"].shape[-1])  # (everything else, outputs)


def _normalised(module: nn.Module, kernel: Float[Array, "*inputs outputs"]) -> jax.Array:
    """Divides a module's kernel by its spectral norm; makes the stored vectors."""
    matrix = _matrix({"kernel": kernel})
    u = module.param("u", _unit, matrix.shape[1:])
    if not module.keeps_v:
        return kernel / spectral_norm(matrix, u)
    v = module.param("v", lambda _: _normalise(matrix @ u))
    return kernel / spectral_norm(matrix, u, v)


class SpectralDense(nn.Module):
    """A dense layer with spectral normalisation.

    Attributes:
      features: outputs.
      use_bias: whether a bias is added.
      keeps_v: whether v is stored beside u, so that no step is taken.
      kernel_init: makes the kernel from a key and its shape, (inputs, features).
      bias_init: makes the bias likewise.
    """

    features: int
    use_bias: bool = True
    keeps_v: bool = False
    kernel_init: nn.initializers.Initializer = nn.initializers.orthogonal()
    bias_init: nn.initializers.Initializer = nn.initializers.zeros

    @nn.compact
    def __call__(self, x: Float[Array, "batch inputs"]) -> Float[Array, "batch outputs"]:
        """Maps (batch, inputs) to (batch, features)."""
        shape = (x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        y = x @ _normalised(self, kernel)
        if self.use_bias:
            y += self.param("bias", self.bias_init, (self.features,), jnp.float32)[None]
        return y


class SpectralConv(nn.Module):
    """A convolution with stride 1, SAME padding and spectral normalisation.

    It may double or halve the resolution.

    Attributes:
      features: channels of the output.
      kernel_size: rows and columns of the kernel.
      use_bias: whether a bias is added.
      keeps_v: whether v is stored beside u, so that no step is taken.
      convolve: of maps and kernel; `conv`, or one that doubles or halves the resolution as well.
    """

    features: int
    kernel_size: int = 3
    use_bias: bool = True
    keeps_v: bool = False
    convolve: Convolution = conv

    @nn.compact
    def __call__(
        self, maps: Float[Array, "batch height width inputs"]
    ) -> Float[Array, "batch _ _ outputs"]:
        """Maps (batch, h, w, inputs) to (batch, h, w, features), if `convolve` keeps the size."""
        shape = (self.kernel_size, self.kernel_size, maps.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.orthogonal(), shape, jnp.float32)
        y = self.convolve(maps, _normalised(self, kernel))
        if self.use_bias:
            y += self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)[
                None, None, None
            ]
        return y


class SpectralEmbedding(nn.Module):
    """A vector for each class, with spectral normalisation over the classes.

    Attributes:
      num_classes: of vectors.
      features: length of a vector.
    """

    num_classes: int
    features: int

    @nn.compact
    def __call__(self) -> Float[Array, "classes features"]:
        """Returns the normalised vectors."""
        shape = (self.num_classes, self.features)
        vectors = self.param("vectors", nn.initializers.orthogonal(), shape, jnp.float32)
        u = self.param("u", _unit, (self.num_classes,))
        return vectors / spectral_norm(_matrix({"vectors": vectors}), u)
