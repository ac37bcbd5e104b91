"""BSA: scales and shifts of a source's normalisations, and a latent for each training image.

Noguchi and Harada, ICCV 2019. Nothing else of the generator moves, so that a handful of images
cannot take it far; there is no critic. Weights, rates' decay and jitter are those of their code.
Their scale and shift, 1 and 0 at first, multiply what the source's own give; here these themselves
move, which makes the same maps, and what counts against them is how far they have moved.
"""

import re
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Shaped

from minegan_jax import trees
from minegan_jax.baselines.reconstruction import differences, fit
from minegan_jax.baselines.settings import BaselineConfig, ReconstructionSettings
from minegan_jax.mining import class_conditioning
from minegan_jax.mining.method import MinedSource, TransferMethod
from minegan_jax.mining.noise import Noise, NoiseShape, truncated
from minegan_jax.nets import spectral
from minegan_jax.nets.conditioning import class_table, class_vectors
from minegan_jax.nets.precision import full_float32, mixed_precision
from minegan_jax.sources import Source
from minegan_jax.types import Batch, Images, Key, Latents, Metrics, Params, to_unit_range

JITTER = 0.01  # standard deviation of what is added to a latent each time
NUM_PRIOR = 10  # draws of the prior for each latent that is compared with them
DECAY, DECAY_EVERY_STEPS = 0.2, 3000  # of the learning rates
WEIGHTS: Mapping[str, float] = MappingProxyType({"earth_movers": 0.1, "moved": 0.02})
# Gains and biases of normalisations, or, where the condition makes them, the layers that do.
NORMS = re.compile(r"(^|/)(norm\d|affine)/(gain|bias)(/|$)")


class Draws(NamedTuple):
    """The random numbers of one step; the batch axis leads."""

    jitter: Float[Array, "batch latent"]  # from N(0, 1)
    # The same key in each place: all devices draw the same latents and draws of the prior from it.
    prior: Shaped[Array, "batch"]


def is_norm(path: str) -> bool:
    """Says whether a weight of a generator scales or shifts what was normalised."""
    return NORMS.search(path) is not None


def adapts(generator: Params) -> bool:
    """Says whether a generator has normalisations."""
    return any(map(is_norm, trees.named_shapes(generator)))


def part(path: str) -> str:
    """Returns how a weight moves: as "latents", as "norms" do, or not at all."""
    if path == "latents":
        return path
    return "norms" if path == "vector" or is_norm(path) else "frozen"


def bsa(
    source: Source,
    settings: ReconstructionSettings,
    *,
    num_images: int,
    of_classes: str = class_conditioning.MEAN,
) -> TransferMethod:
    """Adapts a source to training images.

    Args:
      source: whose generator has normalisations.
      settings: of the step; the learning rate is that of scales, shifts and the class's vector.
      num_images: how many training images there are.
      of_classes: a class whose vector a conditional source starts from; else from all classes'
        mean. The vector is learnt.
    """
    networks, batch_size = source.networks, settings.run.batch_size
    generate = mixed_precision(networks.generate, settings.run.precision, remat=settings.run.remat)

    def init_params(key: Key) -> dict[str, Any]:
        del key
        latents = jnp.zeros((num_images, networks.latent_size))
        return {"latents": latents, "generator": source.generator} | _vector(source, of_classes)

    def draw(key: Key) -> Draws:
        key_jitter, key_prior = jax.random.split(key)
        jitter = jax.random.normal(key_jitter, (batch_size, networks.latent_size))
        return Draws(jitter, jnp.broadcast_to(key_prior, (batch_size,)))

    def terms(params: Params, batch: Batch, draws: Draws) -> Metrics:
        latents = params["latents"][batch.indices[:, 0]] + JITTER * draws.jitter
        made = generate(params["generator"], latents, *_conditions(params, len(latents)))
        return {
            **differences(made, to_unit_range(batch.images[:, 0]), settings),
            "earth_movers": of_some(params["latents"], batch_size, draws.prior[0]),
            "moved": moved(params["generator"], source.generator),
        }

    @jax.jit
    @full_float32()
    def sample(params: Params, noise: Noise) -> Images:
        inputs = truncated(noise.latents, settings.baseline.truncation)
        return networks.generate(params["generator"], inputs, *_conditions(params, len(inputs)))

    optimizer = _optimizer(settings.baseline)
    learner = fit(init_params, draw, terms, optimizer, weights=WEIGHTS, settings=settings)
    adapted = MinedSource(NoiseShape(networks.latent_size), sample)
    return TransferMethod(learner, (adapted,), lambda state: (_sampled(state.params),))


def _sampled(params: Params) -> Params:
    """Returns the weights that samples need: all but the training images' latents."""
    return {name: tree for name, tree in params.items() if name != "latents"}


def _vector(source: Source, of_classes: str) -> dict[str, Any]:
    """Returns the vector in the place of a class's own, if the source has classes."""
    if not source.networks.num_classes:
        return {}
    table = class_table(source.generator, source.networks.num_classes)
    label = jnp.array([int(of_classes)]) if of_classes.isdecimal() else None
    return {"vector": class_vectors(table, label, 1)[0]}


def _conditions(params: Params, batch: int) -> tuple[Array, ...]:
    """Returns the learnt class of each image, or nothing."""
    if "vector" not in params:
        return ()
    return (jnp.broadcast_to(params["vector"][None], (batch, *params["vector"].shape)),)


def _optimizer(config: BaselineConfig) -> optax.GradientTransformation:
    """Gives latents and norms their Adam; the rest gets no update and no optimizer state."""

    def adam(rate: float) -> optax.GradientTransformation:
        schedule = optax.exponential_decay(rate, DECAY_EVERY_STEPS, DECAY, staircase=True)
        return optax.adam(schedule, config.beta1, config.beta2)

    return optax.partition(
        {
            "latents": adam(config.latent_learning_rate),
            "norms": optax.chain(adam(config.learning_rate), spectral.power_iteration()),
            "frozen": optax.set_to_zero(),
        },
        partial(trees.labelled, part),
    )


def of_some(table: Latents, count: int, key: Key) -> Float[Array, ""]:
    """Compares some of the latents, drawn with replacement, with draws of the prior."""
    key_rows, key_prior = jax.random.split(key)
    rows = jax.random.randint(key_rows, (count,), 0, len(table))
    prior = jax.random.normal(key_prior, (NUM_PRIOR * count, table.shape[1]))
    return earth_movers(table[rows], prior)


def earth_movers(latents: Latents, prior: Float[Array, "draws latent"]) -> Float[Array, ""]:
    """Returns how far latents are from draws of the prior, and these from them.

    That is the mean squared distance of a draw to its nearest latent, and of a latent to its
    nearest draw: their stand-in for the earth mover's distance.
    """
    lengths = (latents**2).sum(axis=1)[:, None] + (prior**2).sum(axis=1)[None]
    squares = jnp.maximum(lengths - 2.0 * latents @ prior.T, 0.0)
    return squares.min(axis=0).mean() + squares.min(axis=1).mean()


def moved(generator: Params, source: Params) -> Float[Array, ""]:
    """Returns the mean square by which scales and shifts differ from the source's, over layers."""
    pairs = zip(_norms(generator), _norms(source), strict=True)
    return jnp.stack([jnp.square(jnp.subtract(now, then)).mean() for now, then in pairs]).sum()


def _norms(generator: Params) -> list[Any]:
    """Returns scales and shifts, without the stored vectors of spectral norms."""
    named = trees.by_path(generator)
    return [x for path, x in named.items() if is_norm(path) and path[-2:] not in ("/u", "/v")]
