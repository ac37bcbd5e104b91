"""A variational autoencoder from scratch (Kingma and Welling, ICLR 2014), as a baseline.

MineGAN's text leaves open what its VAE is ("supervised by pairs of latent vectors and training
images") and no code of it was published. This is our reading: a convolutional encoder, the fresh
generator of a family as decoder, and in the place of a likelihood the comparison of BSA: mean
absolute differences of pixels and, if wanted, of a frozen network's maps.

The first steps drive all pixels towards the images' median. Where that is black, Adam must soon
forget such steps (beta2 = 0.9), or its later ones are too short to leave it again.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from minegan_jax.baselines.reconstruction import Weight, differences, fit
from minegan_jax.baselines.settings import ReconstructionSettings
from minegan_jax.mining.method import MinedSource, TransferMethod
from minegan_jax.mining.noise import Noise, NoiseShape
from minegan_jax.nets import spectral
from minegan_jax.nets.encoder import Encoder
from minegan_jax.nets.family import Networks
from minegan_jax.nets.function import as_function
from minegan_jax.nets.precision import full_float32, mixed_precision
from minegan_jax.types import Batch, Images, Key, Latents, Metrics, Params, to_unit_range


def divergence(means: Latents, log_variances: Latents) -> Float[Array, ""]:
    """Returns the mean KL divergence from N(0, I), in nats: Kingma and Welling 2014, eq. 10."""
    variances = jnp.exp(log_variances)
    return 0.5 * (means**2 + variances - log_variances - 1.0).sum(axis=1).mean()


def warmed_up(weight: float, num_steps: int) -> Weight:
    """Returns a weight that rises linearly over so many steps, and stays (Sonderby et al. 2016)."""
    return lambda done: weight * jnp.minimum((done + 1) / jnp.maximum(num_steps, 1), 1.0)


def vae(networks: Networks, width: int, settings: ReconstructionSettings) -> TransferMethod:
    """Trains an encoder and a decoder; samples decode draws of N(0, I).

    Args:
      networks: whose fresh generator is the decoder; a conditional one gets its classes' mean.
      width: of the encoder.
      settings: of the step, and what the KL divergence weighs.
      kl_weight: of the KL divergence over the number of an image's values. It is the mean absolute
        difference for which the sum is the bound on the likelihood of Laplace noise.
      kl_warmup_steps: in which that weight rises from 0, so that codes say something before they
        cost anything.
    """
    encoder = Encoder(2 * networks.latent_size, width)
    encode, decode = as_function(encoder), networks.generate
    train = mixed_precision(decode, settings.run.precision, remat=settings.run.remat)
    shape = (1, networks.resolution, networks.resolution, networks.channels)

    def init_params(key: Key) -> dict[str, Any]:
        key_encoder, key_networks = jax.random.split(key)
        fresh = jax.jit(encoder.init)(key_encoder, jnp.zeros(shape))["params"]
        return {"encoder": fresh, "decoder": networks.init(key_networks)[0]}

    def draw(key: Key) -> Latents:
        return jax.random.normal(key, (settings.run.batch_size, networks.latent_size))

    def terms(params: Params, batch: Batch, draws: Latents) -> Metrics:
        real = to_unit_range(batch.images[:, 0])
        means, log_variances = jnp.split(encode(params["encoder"], real), 2, axis=1)
        latents = means + jnp.exp(log_variances / 2.0) * draws
        made = train(params["decoder"], latents)
        found = differences(made, real, settings)
        return {**found, "divergence": divergence(means, log_variances)}

    @jax.jit
    @full_float32()
    def sample(params: Params, noise: Noise) -> Images:
        return decode(params["decoder"], noise.latents)

    config = settings.baseline
    adam = optax.adam(config.learning_rate, config.beta1, config.beta2)
    optimizer = optax.chain(adam, spectral.power_iteration())
    per_value = config.kl_weight / (shape[1] * shape[2] * shape[3])
    weights = {"divergence": warmed_up(per_value, config.kl_warmup_steps)}
    learner = fit(init_params, draw, terms, optimizer, weights=weights, settings=settings)
    decoded = MinedSource(NoiseShape(networks.latent_size), sample)
    return TransferMethod(
        learner, (decoded,), lambda state: ({"decoder": state.params["decoder"]},)
    )
