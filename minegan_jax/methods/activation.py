"""DGN-AM and PPGN, the paper's iterative baselines (Table 2): a latent is searched for each image.

Neither learns from the target: both are told its class, and climb what a classifier says of it
through a frozen generator. A start, drawn from N(0, I), decides the image; each image of a batch is
searched by itself.

Published for codes h of 4096 numbers in [0, 30], those of a layer (fc6) behind a ReLU, and for
pixels in [0, 255]. Here h is a source's latent of a prior N(0, I). What is published stays: both
updates, their order, schedule and shares, and the decay. What belongs to the codes' units is our
reading: h stays in [-LIMIT, LIMIT] in the place of [0, mean + 3 standard deviations] (DGN-AM) and
[0, 30] (PPGN), and steps have the sizes below.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from minegan_jax.methods import classes
from minegan_jax.methods.base import Average, Learner, TransferMethod
from minegan_jax.nets.encoder import Encoder
from minegan_jax.nets.function import as_function
from minegan_jax.sources import Source
from minegan_jax.types import Batch, Images, Key, Latents, Metrics, Params

Logits = Float[Array, "batch classes"]
Make = Callable[[Latents], Images]  # a frozen generator
Search = Callable[[Make, Latents], Latents]  # from a start to where it ends

LIMIT = 3.0  # standard deviations of the prior, beyond which no latent goes
# DGN-AM (Nguyen et al. 2016, arXiv:1605.09304).
STEPS = (
    8.0,
    1e-10,
)  # that its step size falls from and to, linearly; in units of 1 / 255 of pixels
PIXEL = 1 / 127.5  # such a unit in images in [-1, 1]
LATENT = 0.05  # such a unit in latents; ours
DECAY = 0.99  # of latents, per step
# PPGN (Nguyen et al. 2017, arXiv:1612.00005).
PRIOR_SHARE = 1e-5  # epsilon_1
CLASS_SHARE = 1.0  # epsilon_2
STEP = 0.1  # mean size of a step in each latent; ours
SMALLEST = 1e-30  # in the place of a gradient's mean size where it vanishes


class Goal(NamedTuple):
    """What is sought, and for how long."""

    logits: Callable[[Images], Logits]  # what a classifier says of the source's images
    label: int  # its class that is sought
    num_steps: int = 200  # of the search for each image


def search_dgn_am(goal: Goal, make: Make, start: Latents) -> Latents:
    """Climbs the logit of the class, in the image and then in the latent (their Fig. 2).

    With x = G(h) and a step size s that falls with every step: x' = x + s g / mean|g|, where g is
    the gradient of the logit in x; then h' = h + s d / mean|d|, where d is x' - x taken back
    through G. So the size of x' - x cancels, and only its direction counts.

    Args:
      goal: what is sought.
      make: G.
      start: draws of the prior.
    """
    first, last = STEPS

    def step(number: Array, latents: Latents) -> Latents:
        size = first + (last - first) * number / goal.num_steps
        images, back = jax.vjp(make, latents)
        uphill = jax.grad(lambda images: goal.logits(images)[:, goal.label].sum())(images)
        (change,) = back(size * PIXEL * _of_mean_size_one(uphill))
        moved = latents + size * LATENT * _of_mean_size_one(change)
        return DECAY * moved.clip(-LIMIT, LIMIT)

    return jax.lax.fori_loop(0, goal.num_steps, step, start)


def search_ppgn(
    goal: Goal, make: Make, start: Latents, *, encode: Callable[[Images], Latents]
) -> Latents:
    """Follows prior and class together (Noiseless Joint PPGN-h, their eq. 11).

    h' = h + s d / mean|d| with d = epsilon_1 (E(G(h)) - h) + epsilon_2 c, where c is the gradient
    of the logarithm of the class's probability by way of its own logit alone: (1 - p) times that
    of the logit. The published noise, 1e-17, is less than d's rounding: there is none here, so
    that a start decides its image.

    Args:
      goal: as for `search_dgn_am`, like `make` and `start`.
      make: G.
      start: draws of the prior.
      encode: E, the inverse of G.
    """

    def step(number: Array, latents: Latents) -> Latents:
        del number
        images, back = jax.vjp(make, latents)
        logits, into_images = jax.vjp(goal.logits, images)
        (of_logits,) = into_images(_towards(logits, goal.label))
        (of_class,) = back(of_logits)
        change = PRIOR_SHARE * (encode(images) - latents) + CLASS_SHARE * of_class
        return (latents + STEP * _of_mean_size_one(change)).clip(-LIMIT, LIMIT)

    return jax.lax.fori_loop(0, goal.num_steps, step, start)


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


class EncoderRules(NamedTuple):
    """How PPGN's encoder learns to invert the generator; optimizer: Adam."""

    width: int = 32  # of an `Encoder`
    batch_size: int = 64  # images per step, over all devices
    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.5, 0.9)


def dgn_am(source: Source, goal: Goal, of_classes: str = classes.ALL) -> TransferMethod:
    """Returns DGN-AM (Nguyen et al. 2016), which learns nothing: its phase has no steps.

    Args:
      source: whose latents are searched.
      goal: what is sought.
      of_classes: that a conditional generator is asked for, see `methods.classes`.
    """

    def init(previous: None, key: Key) -> SearchState:
        del previous, key
        return SearchState(source.generator, {}, ())

    learner = Learner(init, draw=lambda _: (), step=lambda state, *_: (state, {}))
    return _method(source, learner, lambda _: partial(search_dgn_am, goal), of_classes)


def ppgn(
    source: Source, goal: Goal, rules: EncoderRules, of_classes: str = classes.ALL
) -> TransferMethod:
    """Returns PPGN (Nguyen et al. 2017), whose encoder learns to invert the source's generator.

    Args:
      source: whose latents are searched.
      goal: what is sought.
      rules: of the encoder's learning.
      of_classes: that a conditional generator is asked for, see `methods.classes`.
    """
    encode = as_function(Encoder(source.networks.latent_size, rules.width))

    def search_with(encoder: Params) -> Search:
        return partial(search_ppgn, goal, encode=partial(encode, encoder))

    return _method(source, inversion(source, rules, of_classes), search_with, of_classes)


def inversion(source: Source, rules: EncoderRules, of_classes: str = classes.ALL) -> Learner:
    """Returns a learner of E that minimises the mean of (E(G(h)) - h)^2 over draws h of the prior.

    The published E is a classifier's layer, to whose codes G was trained; an unconditional GAN
    has none, so E is trained to G.
    """
    networks = source.networks
    encoder = Encoder(networks.latent_size, rules.width)
    encode, optimizer = as_function(encoder), optax.adam(rules.learning_rate, *rules.betas)
    opened = classes.searchable(networks, of_classes)
    draws = rules.batch_size, classes.draws_size(networks, of_classes)

    def init(previous: None, key: Key) -> SearchState:
        del previous
        images = jnp.zeros((1, networks.resolution, networks.resolution, networks.channels))
        weights = jax.jit(encoder.init)(key, images)["params"]
        return SearchState(source.generator, weights, optimizer.init(weights))

    def step(
        state: SearchState, batch: Batch, draws: Latents, average: Average
    ) -> tuple[SearchState, Metrics]:
        del batch
        latents, make = opened(state.generator, draws)
        images = make(latents)

        def loss(weights: Params) -> jax.Array:
            return jnp.square(encode(weights, images) - latents).mean()

        total, gradients = average(jax.value_and_grad(loss)(state.encoder))
        updates, moments = optimizer.update(gradients, state.optimizer, state.encoder)
        weights = optax.apply_updates(state.encoder, updates)
        return SearchState(state.generator, weights, moments), {"inversion_error": total}

    return Learner(init, lambda key: jax.random.normal(key, draws), step)


def _method(
    source: Source, learner: Learner, search_with: Callable[[Params], Search], of_classes: str
) -> TransferMethod:
    """Draws an image by a search from u: what comes out is the last latent's, not the best's."""
    opened = classes.searchable(source.networks, of_classes)

    @partial(jax.jit, static_argnums=1)
    def generate(state: SearchState, number: int, latents: Latents) -> Images:
        del number
        start, make = opened(state.generator, latents)
        return make(search_with(state.encoder)(make, start))

    sizes = (classes.draws_size(source.networks, of_classes),)
    return TransferMethod(learner, sizes, generate)
