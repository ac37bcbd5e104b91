"""Training a classifier, with which generated images are measured later."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from minegan_jax.training.learner import Learner, MeanOverDevices
from minegan_jax.types import Batch, Key, Metrics, Params, to_unit_range

MAX_SHIFT = 2  # pixels by which training images move, each way


class ClassifierState(NamedTuple):
    """Everything that changes."""

    params: Params
    optimizer: optax.OptState


def shift(images: jax.Array, offsets: jax.Array) -> jax.Array:
    """Moves each image by its (rows, columns); what leaves on one side enters on the other."""
    return jax.vmap(lambda image, by: jnp.roll(image, by, axis=(0, 1)))(images, offsets)


def classification(
    init_params: Callable[[Key], Params],
    logits: Callable[[Params, jax.Array], jax.Array],
    *,
    num_steps: int,
    batch_size: int,
    learning_rate: float,
) -> Learner:
    """Returns a learner that minimises cross-entropy with Adam, its step size falling to zero."""
    optimizer = optax.adam(optax.cosine_decay_schedule(learning_rate, num_steps))

    def init(previous: None, key: Key) -> ClassifierState:
        del previous
        params = init_params(key)
        return ClassifierState(params, optimizer.init(params))

    def draw(key: Key) -> jax.Array:
        return jax.random.randint(key, (batch_size, 2), -MAX_SHIFT, MAX_SHIFT + 1)

    def step(
        state: ClassifierState, batch: Batch, offsets: jax.Array, mean_over_devices: MeanOverDevices
    ) -> tuple[ClassifierState, Metrics]:
        images = shift(to_unit_range(batch.images[:, 0]), offsets)
        labels = batch.labels[:, 0]

        def loss(params: Params) -> tuple[jax.Array, Metrics]:
            scores = logits(params, images)
            total = optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean()
            return total, {"loss": total, "accuracy": (scores.argmax(axis=1) == labels).mean()}

        results = jax.value_and_grad(loss, has_aux=True)(state.params)
        (_, metrics), gradients = mean_over_devices(results)
        updates, optimizer_state = optimizer.update(gradients, state.optimizer, state.params)
        return ClassifierState(optax.apply_updates(state.params, updates), optimizer_state), metrics

    return Learner(init, draw, step)
