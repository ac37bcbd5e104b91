"""tmp."""

import flax.linen as nn
import jax
import jax.numpy as jnp


def init(stdev_fan):
    pass


def _u(fi, fo):
    def f(key, shape, dtype=jnp.float32):
        s = (4 / (fi + fo)) ** 0.5 * 3**0.5
        return jax.random.uniform(key, shape, dtype, -s, s)

    return f


class StridedConv(nn.Module):
    features: int

    @nn.compact
    def __call__(self, x):
        b, h, w, c = x.shape
        k = self.param("kernel", _u(c * 25, self.features * 25 / 4), (5, 5, c, self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        oh, ow = -(-h // 2), -(-w // 2)
        ph, pw = max((oh - 1) * 2 + 5 - h, 0), max((ow - 1) * 2 + 5 - w, 0)
        x = jnp.pad(x, ((0, 0), (ph // 2, ph - ph // 2 + 1), (pw // 2, pw - pw // 2 + 1), (0, 0)))
        p = jnp.concatenate(
            [x[:, i : i + 2 * oh : 2, j : j + 2 * ow : 2] for i in range(5) for j in range(5)], -1
        )
        return p.reshape(-1, 25 * c).dot(k.reshape(25 * c, -1)).reshape(b, oh, ow, -1) + bias


class StridedConvTranspose(nn.Module):
    features: int

    @nn.compact
    def __call__(self, x):
        b, h, w, c = x.shape
        k = self.param("kernel", _u(c * 25 / 4, self.features * 25), (5, 5, c, self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        kk = jnp.flip(k, (0, 1)).swapaxes(2, 3)
        zero = 0.0 * jnp.tile(x[..., :1], (1, 2, 2, self.features))
        y = jax.vjp(lambda z: _conv(z, kk), zero)[1](x)[0]
        return y + bias


def _conv(x, k):
    b, h, w, c = x.shape
    oh, ow = -(-h // 2), -(-w // 2)
    ph, pw = max((oh - 1) * 2 + 5 - h, 0), max((ow - 1) * 2 + 5 - w, 0)
    x = jnp.pad(x, ((0, 0), (ph // 2, ph - ph // 2 + 1), (pw // 2, pw - pw // 2 + 1), (0, 0)))
    p = jnp.concatenate(
        [x[:, i : i + 2 * oh : 2, j : j + 2 * ow : 2] for i in range(5) for j in range(5)], -1
    )
    return p.reshape(-1, 25 * c).dot(k.reshape(25 * c, -1)).reshape(b, oh, ow, -1)
