"""Slow truths: every published number written as its definition, with loops."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from minegan_jax.mining.noise import Noise


def squared_distance(x, y) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(x, y, strict=True)))


def frechet_distance(real, fake) -> float:
    """With the square root of a covariance from its eigenvectors."""
    real_covariance, fake_covariance = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    values, vectors = np.linalg.eigh(real_covariance)
    root = vectors @ np.diag(np.sqrt(values.clip(0))) @ vectors.T
    overlap = np.sqrt(np.linalg.eigvalsh(root @ fake_covariance @ root).clip(0)).sum()
    shift = real.mean(axis=0) - fake.mean(axis=0)
    return shift @ shift + np.trace(real_covariance) + np.trace(fake_covariance) - 2 * overlap


def unbiased_mmd2(real, fake, kernel) -> float:
    def mean_of_others(rows):
        return np.mean([kernel(x, y) for x, y in itertools.permutations(rows, 2)])

    across = np.mean([kernel(x, y) for x in real for y in fake])
    return mean_of_others(real) + mean_of_others(fake) - 2 * across


def biased_mmd2(real, fake, kernel) -> float:
    def mean(left, right):
        return np.mean([kernel(x, y) for x in left for y in right])

    return mean(real, real) + mean(fake, fake) - 2 * mean(real, fake)


def cubic_kernel(x, y) -> float:
    return (float(np.dot(x, y)) / len(x) + 1) ** 3


def gaussian_kernel(real, sigma):
    """The kernel of the GAN-metrics definition, scaled by the real rows."""
    scale = np.mean([squared_distance(x, y) for x in real for y in real])
    return lambda x, y: np.exp(-squared_distance(x, y) / (2 * scale * sigma**2))


def kth_nearest_other(rows, k) -> list[float]:
    """Squared distances, in the order of the rows."""
    return [
        sorted(squared_distance(x, y) for j, y in enumerate(rows) if j != i)[k - 1]
        for i, x in enumerate(rows)
    ]


def prdc(real, fake, k) -> tuple[float, float, float, float]:
    real_radii, fake_radii = kth_nearest_other(real, k), kth_nearest_other(fake, k)
    in_real_ball = np.zeros((len(fake), len(real)), bool)
    in_fake_ball = np.zeros((len(fake), len(real)), bool)
    for j, y in enumerate(fake):
        for i, x in enumerate(real):
            in_real_ball[j, i] = squared_distance(x, y) <= real_radii[i]
            in_fake_ball[j, i] = squared_distance(x, y) <= fake_radii[j]
    precision = np.mean([row.any() for row in in_real_ball])
    recall = np.mean([column.any() for column in in_fake_ball.T])
    density = in_real_ball.sum() / (k * len(fake))
    coverage = np.mean([column.any() for column in in_real_ball.T])
    return precision, recall, density, coverage


def nearest(query, references) -> tuple[int, float]:
    """Index and Euclidean distance of the nearest reference."""
    distances = [squared_distance(query, reference) for reference in references]
    index = int(np.argmin(distances))
    return index, float(np.sqrt(distances[index]))


def authentic(train, queries) -> float:
    """Share of queries farther from their nearest training row than that row's own neighbour."""
    spacing = np.sqrt(kth_nearest_other(train, 1))
    found = [nearest(query, train) for query in queries]
    return float(np.mean([distance > spacing[index] for index, distance in found]))


def mean_over_devices(tree, parts=None):
    """Returns the mean over one device."""
    del parts
    return tree


def convolution(images, kernel, bias):
    """With stride 1 and an odd square kernel; zeros around the images."""
    batch, height, width, _ = images.shape
    size = len(kernel)
    padded = np.pad(images, ((0, 0), (size // 2,) * 2, (size // 2,) * 2, (0, 0)))
    result = np.zeros((batch, height, width, len(bias)))
    for n, i, j in np.ndindex(batch, height, width):
        window = padded[n, i : i + size, j : j + size]
        result[n, i, j] = np.einsum("ijc,ijco->o", window, np.float64(kernel)) + bias
    return result


def earth_movers(latents, prior) -> float:
    """Mean squared distance to the nearest of the others, both ways."""
    to_latents = [min(squared_distance(t, z) for z in latents) for t in prior]
    to_prior = [min(squared_distance(t, z) for t in prior) for z in latents]
    return np.mean(to_latents) + np.mean(to_prior)


class SlowAdam:
    """Adam as in its paper's Algorithm 1, in NumPy."""

    def __init__(self, rate, betas, epsilon=1e-8):
        self.rate, self.betas, self.epsilon = rate, betas, epsilon
        self.time, self.first, self.second = 0, 0.0, 0.0

    def __call__(self, params, gradients):
        beta1, beta2 = self.betas
        flat, unflatten = jax.flatten_util.ravel_pytree(params)
        gradient = np.asarray(jax.flatten_util.ravel_pytree(gradients)[0], np.float64)
        self.time += 1
        self.first = beta1 * self.first + (1 - beta1) * gradient
        self.second = beta2 * self.second + (1 - beta2) * gradient**2
        first = self.first / (1 - beta1**self.time)
        second = self.second / (1 - beta2**self.time)
        return unflatten(jnp.asarray(flat - self.rate * first / (np.sqrt(second) + self.epsilon)))


def assert_close(found, expected, **tolerances):
    jax.tree.map(partial(np.testing.assert_allclose, **tolerances), found, expected)


def images_of(method, state, noise, source=0):
    """G_i(M_i(u)) in a state, by the EMA where there is one; u may be given as latents alone."""
    if not isinstance(noise, Noise):
        noise = Noise(jnp.asarray(noise))
    weights = (method.ema or method.weights)(state)[source]
    return method.sources[source].generate(weights, noise)
