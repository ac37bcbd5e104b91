"""How much memory a step of a game takes, and in how many parts a minibatch fits into a device.

An estimate that is rather too large: what a step keeps of each image for its gradients is counted
by JAX, without computing anything, and taken as often as the larger of the two turns needs it.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from minegan_jax.experiment.build import Experiment
from minegan_jax.nets.family import Networks
from minegan_jax.sources import Source

SHARE = 0.7  # of a device's memory that a step may take: data, programs and others need some
# Copies of the state beside itself: gradients, what they add up to, and the state that comes next.
STATES = 2
# How often a critic's turn keeps what one backward pass needs: of a real image, a generated one and
# one between them, whose gradient is differentiated again.
CRITICS = 8
GENERATORS = 2


class Estimate(NamedTuple):
    """Bytes that a step takes on one device."""

    fixed: int  # weights, gradients and moments, whatever the minibatch
    per_image: int  # of the part of a minibatch that is computed at once

    def of(self, images: int) -> int:
        """Returns the bytes of a step that computes so many images at once."""
        return self.fixed + images * self.per_image


def group(experiment: Experiment) -> int:
    """Returns how many images the critic compares; among several sources, each stands alone."""
    critic = (experiment.critics_source or experiment.sources[0]).networks
    return critic.group if len(experiment.sources) == 1 else 1


def estimate(experiment: Experiment) -> Estimate:
    """Estimates the steps of an experiment whose phases are games between a critic and sources."""
    critic = (experiment.critics_source or experiment.sources[0]).networks
    generators = max(_of_generator(source) for source in experiment.sources)
    return Estimate(
        fixed=STATES * _largest_state(experiment) + sum(map(_weights, experiment.sources)),
        per_image=math.ceil(GENERATORS * generators + CRITICS * _of_critic(critic)),
    )


def accumulation_steps(
    needed: Estimate, *, batch_size: int, num_devices: int, memory: int, group: int = 1
) -> int:
    """Returns in how few parts a minibatch fits; as many as there can be where it never does.

    Args:
      needed: of the steps.
      batch_size: over all devices, which divide it.
      num_devices: that share it.
      memory: bytes of each.
      group: images that the critic compares, so that a part of all devices is a multiple of these.
    """
    share, group = batch_size // num_devices, min(group, batch_size)
    parts = [
        count
        for count in range(1, share + 1)
        if share % count == 0 and (count == 1 or batch_size // count % group == 0)
    ]
    fitting = (count for count in parts if needed.of(share // count) <= SHARE * memory)
    return next(fitting, parts[-1])


def _largest_state(experiment: Experiment) -> int:
    """Returns the bytes of the largest state that a phase keeps."""
    sizes, state = [0], None
    for phase in experiment.phases:
        state = jax.eval_shape(phase.learner.init, state, jax.random.key(0))
        sizes.append(_bytes(state))
    return max(sizes)


def _weights(source: Source) -> int:
    """Returns the bytes of a source's weights."""
    return _bytes((source.generator, source.critic))


def _of_generator(source: Source) -> float:
    """Returns the bytes that a backward pass through a generator keeps of an image."""
    networks = source.networks
    return _kept(networks.generate, source.generator, (networks.latent_size,), group=1)


def _of_critic(networks: Networks) -> float:
    """Returns the bytes that a backward pass through a critic keeps of an image."""
    critic = jax.eval_shape(lambda: networks.init(jax.random.key(0))[1])
    shape = networks.resolution, networks.resolution, networks.channels
    return _kept(networks.criticise, critic, shape, group=networks.group)


def _kept(apply: Callable[..., Any], params: Any, shape: tuple[int, ...], *, group: int) -> float:
    """Returns the bytes for each input that `jax.vjp` keeps for the backward pass.

    Those that do not depend on how many inputs there are, such as the weights, are not counted.
    """

    def kept(count: int) -> int:
        inputs = jax.ShapeDtypeStruct((count, *shape), jnp.float32)
        return _bytes(jax.eval_shape(lambda *given: jax.vjp(apply, *given)[1], params, inputs))

    return (kept(2 * group) - kept(group)) / group


def _bytes(tree: Any) -> int:
    """Returns the bytes of all arrays of a tree."""
    return sum(
        math.prod(leaf.shape) * jnp.dtype(leaf.dtype).itemsize
        for leaf in jax.tree.leaves(tree)
        if not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    )
