"""Training batches by step number: a resumed run asks for step n and gets what it would have got.

Images are drawn with replacement, so that a batch may be larger than a few-shot set.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Int, UInt8

from minegan_jax.types import Batch, Labels, Pixels

DEVICE_CAP_BYTES = 1 << 30
STREAM = 0xDA7A  # keeps these draws apart from a training run's own keys of the same seed


def make_batch_at(
    pixels: Pixels,
    labels: Labels,
    *,
    batch_size: int,
    turns: int,
    seed: int,
    flip: bool = False,
    sharding: NamedSharding | None = None,
) -> Callable[[int], Batch]:
    """A function from a step to its batch, the same one on any number of devices.

    `sharding` places the leaves of a batch. A set of up to 1 GiB lives on every device and is
    gathered there; a larger one stays on the host, which draws other (as repeatable) batches.
    """
    make = _from_device if pixels.nbytes <= DEVICE_CAP_BYTES else _from_host
    shape = (batch_size, turns)
    return make(pixels, labels, shape=shape, seed=seed, flip=flip, sharding=sharding)


def _from_device(
    pixels: Pixels,
    labels: Labels,
    *,
    shape: tuple[int, int],
    seed: int,
    flip: bool,
    sharding: NamedSharding | None,
) -> Callable[[int], Batch]:
    everywhere = None if sharding is None else NamedSharding(sharding.mesh, PartitionSpec())
    # Arguments of the jitted function, not captured by it: a captured array is compiled in.
    resident = _place(pixels, everywhere), _place(labels.astype(np.int32), everywhere)
    stream = jax.random.fold_in(jax.random.key(seed), STREAM)

    def draw(
        images: UInt8[Array, "images height width channels"],
        labels: Int[Array, "images"],
        stream: jax.Array,
        step: jax.Array,
    ) -> Batch:
        key_indices, key_flips = jax.random.split(jax.random.fold_in(stream, step))
        indices = jax.random.randint(key_indices, shape, 0, len(images))
        drawn = images[indices]
        if flip:
            flips = jax.random.bernoulli(key_flips, shape=shape)[:, :, None, None, None]
            drawn = jnp.where(flips, drawn[:, :, :, ::-1], drawn)
        return Batch(drawn, labels[indices], indices)

    draw_on_devices = jax.jit(draw, out_shardings=sharding)
    return lambda step: draw_on_devices(*resident, stream, np.uint32(step))


def _from_host(
    pixels: Pixels,
    labels: Labels,
    *,
    shape: tuple[int, int],
    seed: int,
    flip: bool,
    sharding: NamedSharding | None,
) -> Callable[[int], Batch]:
    def batch_at(step: int) -> Batch:
        generator = np.random.default_rng([seed, STREAM, step])
        indices = generator.integers(len(pixels), size=shape)
        drawn = pixels[indices]
        if flip:
            flips = generator.random(shape) < 0.5
            drawn[flips] = drawn[flips][:, :, ::-1]
        numbers = (labels[indices].astype(np.int32), indices.astype(np.int32))
        return Batch(*(_place(array, sharding) for array in (drawn, *numbers)))

    return batch_at


def _place(array: np.ndarray, sharding: NamedSharding | None) -> jax.Array:
    """Gives the devices of this process what they hold of an array that all processes have."""
    if sharding is None:
        return jax.device_put(array)
    return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])
