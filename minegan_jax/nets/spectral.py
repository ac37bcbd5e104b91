"""Spectral normalisation (Miyato et al. 2018): weights divided by an estimate of their largest
singular value, by one step of the power method from a stored vector u.

The step is taken at inference as well, and u is never written back: a network is a function of its
weights. PyTorch and Chainer compute the same at evaluation.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Matrix = Float[Array, "inputs outputs"]
Vector = Float[Array, "outputs"]
SMALLEST = 1e-12  # of a norm that is divided by


def constant(stored: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Marks what lies among the weights but is a statistic: no gradient ever moves it."""
    return jax.lax.stop_gradient(stored)


def spectral_norm(matrix: Matrix, u: Vector) -> Float[Array, ""]:
    """Estimates the largest singular value: v = norm(W u), u' = norm(W^T v), sigma = v^T W u'.

    As in the published training code, the gradient takes u' and v as constants.
    """
    fixed = constant(matrix)
    v = _normalise(fixed @ constant(u))
    return v @ (matrix @ _normalise(v @ fixed))


def _normalise(vector: Float[Array, "size"]) -> Float[Array, "size"]:
    """Scales to length 1; the zero vector stays."""
    return vector / jnp.maximum(jnp.linalg.norm(vector), SMALLEST)


class SpectralDense(nn.Module):
    """A dense layer with spectral normalisation.

    Attributes:
      features: outputs.
      use_bias: whether a bias is added.
    """

    features: int
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: Float[Array, "batch inputs"]) -> Float[Array, "batch outputs"]:
        """Maps (batch, inputs) to (batch, features)."""
        kernel = self.param(
            "kernel", nn.initializers.orthogonal(), (x.shape[-1], self.features), jnp.float32
        )
        u = self.param("u", nn.initializers.normal(1.0), (self.features,), jnp.float32)
        y = x @ (kernel / spectral_norm(kernel, u))
        if self.use_bias:
            y += self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)[None]
        return y


class SpectralConv(nn.Module):
    """A convolution with stride 1, SAME padding and spectral normalisation.

    Attributes:
      features: channels of the output.
      kernel_size: rows and columns of the kernel.
      use_bias: whether a bias is added.
    """

    features: int
    kernel_size: int = 3
    use_bias: bool = True

    @nn.compact
    def __call__(
        self, maps: Float[Array, "batch height width inputs"]
    ) -> Float[Array, "batch height width outputs"]:
        """Maps (batch, h, w, inputs) to (batch, h, w, features)."""
        shape = (self.kernel_size, self.kernel_size, maps.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.orthogonal(), shape, jnp.float32)
        u = self.param("u", nn.initializers.normal(1.0), (self.features,), jnp.float32)
        kernel = kernel / spectral_norm(kernel.reshape(-1, self.features), u)
        y = conv(maps, kernel)
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
        u = self.param("u", nn.initializers.normal(1.0), (self.num_classes,), jnp.float32)
        return vectors / spectral_norm(vectors.T, u)


def conv(
    maps: Float[Array, "batch height width inputs"],
    kernel: Float[Array, "rows columns inputs outputs"],
) -> Float[Array, "batch height width outputs"]:
    """Convolves with stride 1 and SAME padding; a 1x1 kernel is a matrix product."""
    if kernel.shape[:2] == (1, 1):
        return maps @ kernel[0, 0]
    return jax.lax.conv_general_dilated(
        maps, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
