"""DGN-AM and PPGN, the paper's iterative baselines (Table 2): a latent is searched for each image.

Neither learns from the target: both are told its class, and climb what a classifier says of it
through a frozen generator. A start, drawn from N(0, I), decides the image; each image of a batch is
searched by itself.

Published for codes h of 4096 numbers in [0, 30], those of a layer (fc6) behind a ReLU, from which
a generator was trained to make images of all classes. Here h is what a source's generator is given:
a latent of a prior N(0, I) and, where all of its classes take part, the vector of a class. What is
published stays: both updates, their order, schedule and the decay. What belongs to the codes' units
is our reading: h stays in [-LIMIT, LIMIT] in the place of [0, mean + 3 standard deviations]
(DGN-AM) and [0, 30] (PPGN), and `BaselineConfig` holds the sizes that must be searched again.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from minegan_jax.baselines.settings import BaselineConfig
from minegan_jax.mining import class_conditioning
from minegan_jax.mining.method import MinedSource, TransferMethod
from minegan_jax.mining.noise import Noise, sample_noise
from minegan_jax.nets.encoder import Encoder
from minegan_jax.nets.function import as_function
from minegan_jax.nets.precision import full_float32
from minegan_jax.sources import Source
from minegan_jax.training.learner import Learner, MeanOverDevices
from minegan_jax.types import Batch, Images, Key, Latents, Metrics, Params

Logits = Float[Array, "batch classes"]
Make = Callable[[Latents], Images]  # a frozen generator
Search = Callable[[Make, Latents], Latents]  # from a start to where it ends

LIMIT = 3.0  # standard deviations of the prior, beyond which no latent goes
SMALLEST = 1e-30  # in the place of a gradient's mean size where it vanishes


class Goal(NamedTuple):
    """What is sought."""

    logits: Callable[[Images], Logits]  # what a classifier says of the source's images
    label: int  # its class that is sought


def search_dgn_am(goal: Goal, config: BaselineConfig, make: Make, start: Latents) -> Latents:
    """Climbs the logit of the class (DGN-AM, their Fig. 2): h' = (1 - prior) (h + s g / mean|g|).

    g is the gradient of the logit in h. They take it in two legs, to an image and from there to h,
    and normalise each; but a factor that the first leg gives an image cancels in the second.

    Args:
      goal: what is sought.
      config: how far the search goes, and what holds it back.
      make: G.
      start: draws of the prior.
    """
    noise = _noise(start, config.search_noise)

    def step(number: Array, latents: Latents) -> Latents:
        size = config.search_step_size * (1.0 - number / config.search_steps)
        uphill = jax.grad(lambda latents: goal.logits(make(latents))[:, goal.label].sum())(latents)
        moved = latents + size * _of_mean_size_one(uphill) + noise(number)
        return (1.0 - config.search_prior) * moved.clip(-LIMIT, LIMIT)

    return jax.lax.fori_loop(0, config.search_steps, step, start)


def search_ppgn(
    goal: Goal,
    config: BaselineConfig,
    make: Make,
    start: Latents,
    *,
    encode: Callable[[Images], Latents],
) -> Latents:
    """Follows prior and class together (Noiseless Joint PPGN-h, their eq. 11).

    h' = h + s d / mean|d| + noise with d = epsilon_1 (E(G(h)) - h) + c, where c is the gradient of
    the logarithm of the class's probability by way of its own logit alone: (1 - p) times that of
    the logit.

    Args:
      goal: as for `search_dgn_am`, like `config`, `make` and `start`.
      config: how far the search goes, and what holds it back.
      make: G.
      start: draws of the prior.
      encode: E, the inverse of G.
    """
    noise = _noise(start, config.search_noise)

    def step(number: Array, latents: Latents) -> Latents:
        images, back = jax.vjp(make, latents)
        logits, into_images = jax.vjp(goal.logits, images)
        (of_logits,) = into_images(_towards(logits, goal.label))
        (of_class,) = back(of_logits)
        change = config.search_prior * (encode(images) - latents) + of_class
        moved = latents + config.search_step_size * _of_mean_size_one(change) + noise(number)
        return moved.clip(-LIMIT, LIMIT)

    return jax.lax.fori_loop(0, config.search_steps, step, start)


def _noise(start: Latents, size: float) -> Callable[[Array], Latents | float]:
    """Returns the noise of each step. A start decides it, and so its whole search."""
    if not size:
        return lambda _: 0.0
    bits = jax.lax.bitcast_convert_type(start[:, 0].astype(jnp.float32), jnp.uint32)
    keys = jax.vmap(jax.random.key)(bits)

    def noise(number: Array) -> Latents:
        def draw(key: Key) -> Float[Array, "latent"]:
            return jax.random.normal(jax.random.fold_in(key, number), start.shape[1:])

        return size * jax.vmap(draw)(keys)

    return noise


def _towards(logits: Logits, label: int) -> Logits:
    """Returns 1 - p in the place of the class, and 0 elsewhere."""
    others = jnp.arange(logits.shape[1])[None] != label
    probabilities = jax.nn.softmax(logits)
    # Not 1 - p, which is 0 long before the others' sum is.
    rest = jnp.where(others, probabilities, 0.0).sum(axis=1, keepdims=True)
    return jnp.where(others, 0.0, rest)


def _of_mean_size_one(gradient: Float[Array, "batch *shape"]) -> Float[Array, "batch *shape"]:
    """Divides each image's gradient by the mean of its absolute values."""
    axes = tuple(range(1, gradient.ndim))
    return gradient / jnp.maximum(jnp.abs(gradient).mean(axis=axes, keepdims=True), SMALLEST)


class SearchState(NamedTuple):
    """Everything that a run keeps; DGN-AM has neither an encoder nor its optimizer."""

    generator: Params  # frozen
    encoder: Params
    optimizer: optax.OptState


def dgn_am(
    source: Source, goal: Goal, config: BaselineConfig, of_classes: str = class_conditioning.ALL
) -> TransferMethod:
    """Returns DGN-AM (Nguyen et al. 2016), which learns nothing: its phase has no steps.

    Args:
      source: whose latents are searched.
      goal: what is sought.
      config: of the search.
      of_classes: that a conditional generator is asked for, see `mining.class_conditioning`.
    """

    def init(previous: None, key: Key) -> SearchState:
        del previous, key
        return SearchState(source.generator, {}, ())

    learner = Learner(init, draw=lambda _: (), step=lambda state, *_: (state, {}))
    return _method(source, learner, lambda _: partial(search_dgn_am, goal, config), of_classes)


def ppgn(
    source: Source,
    goal: Goal,
    config: BaselineConfig,
    *,
    batch_size: int,
    of_classes: str = class_conditioning.ALL,
) -> TransferMethod:
    """Returns PPGN (Nguyen et al. 2017), whose encoder learns to invert the source's generator.

    Args:
      source: whose latents are searched.
      goal: what is sought.
      config: of the search, and of the encoder's learning.
      batch_size: images of a step of the encoder, over all devices.
      of_classes: that a conditional generator is asked for, see `mining.class_conditioning`.
    """
    encode = as_function(
        Encoder(class_conditioning.searched_size(source.networks, of_classes), config.encoder_width)
    )

    def search_with(encoder: Params) -> Search:
        return partial(search_ppgn, goal, config, encode=partial(encode, encoder))

    return _method(
        source, inversion(source, config, batch_size, of_classes), search_with, of_classes
    )


def inversion(
    source: Source,
    config: BaselineConfig,
    batch_size: int,
    of_classes: str = class_conditioning.ALL,
) -> Learner:
    """Returns a learner of E that minimises the mean of (E(G(h)) - h)^2 over draws h of the prior.

    The published E is a classifier's layer, to whose codes G was trained; an unconditional GAN
    has none, so E is trained to G.
    """
    networks = source.networks
    encoder = Encoder(class_conditioning.searched_size(networks, of_classes), config.encoder_width)
    encode, optimizer = (
        as_function(encoder),
        optax.adam(config.learning_rate, config.beta1, config.beta2),
    )
    opened = class_conditioning.searchable(networks, of_classes)
    noise_shape = class_conditioning.noise_shape(networks, of_classes)

    def init(previous: None, key: Key) -> SearchState:
        del previous
        images = jnp.zeros((1, networks.resolution, networks.resolution, networks.channels))
        weights = jax.jit(encoder.init)(key, images)["params"]
        return SearchState(source.generator, weights, optimizer.init(weights))

    def step(
        state: SearchState, batch: Batch, noise: Noise, mean_over_devices: MeanOverDevices
    ) -> tuple[SearchState, Metrics]:
        del batch
        latents, make = opened(state.generator, noise)
        images = make(latents)

        def loss(weights: Params) -> jax.Array:
            return jnp.square(encode(weights, images) - latents).mean()

        total, gradients = mean_over_devices(jax.value_and_grad(loss)(state.encoder))
        updates, moments = optimizer.update(gradients, state.optimizer, state.encoder)
        weights = optax.apply_updates(state.encoder, updates)
        return SearchState(state.generator, weights, moments), {"inversion_error": total}

    return Learner(init, lambda key: sample_noise(key, (batch_size,), noise_shape), step)


def _method(
    source: Source, learner: Learner, search_with: Callable[[Params], Search], of_classes: str
) -> TransferMethod:
    """Draws an image by a search from u: what comes out is the last latent's, not the best's."""
    opened = class_conditioning.searchable(source.networks, of_classes)

    @jax.jit
    @full_float32()
    def generate(weights: Params, noise: Noise) -> Images:
        start, make = opened(weights["generator"], noise)
        return make(search_with(weights["encoder"])(make, start))

    searched = MinedSource(class_conditioning.noise_shape(source.networks, of_classes), generate)

    def weights(state: SearchState) -> tuple[Params, ...]:
        return ({"generator": state.generator, "encoder": state.encoder},)

    return TransferMethod(learner, (searched,), weights)
