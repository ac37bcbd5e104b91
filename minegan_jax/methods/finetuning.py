"""The game without a miner: TransferGAN from a source, and training from scratch.

Latents come straight from the prior, so the miner is the identity and has no weights.
"""

from typing import Any

import jax

from minegan_jax.methods import shares
from minegan_jax.methods.adversarial import Rules, adversarial_method
from minegan_jax.methods.base import TransferMethod
from minegan_jax.methods.supersamples import Cast
from minegan_jax.nets.family import Networks
from minegan_jax.sources import Source
from minegan_jax.types import Images, Key, Latents, Params


def transfergan(source: Source, rules: Rules) -> TransferMethod:
    """Finetunes a source's generator and critic directly (TransferGAN, Wang et al. 2018)."""

    def first_params(key: Key) -> dict[str, Any]:
        del key
        return {"miners": ({},), "generators": (source.generator,), "critic": source.critic}

    cast = _cast(source.networks, source.generator)
    return adversarial_method(cast, rules, ("generators",), first_params)


def scratch(networks: Networks, rules: Rules) -> TransferMethod:
    """Trains fresh networks; with enough images this is how a source is pretrained."""

    def first_params(key: Key) -> dict[str, Any]:
        generator, critic = networks.init(key)
        return {"miners": ({},), "generators": (generator,), "critic": critic}

    shapes, _ = jax.eval_shape(networks.init, jax.random.key(0))
    return adversarial_method(_cast(networks, shapes), rules, ("generators",), first_params)


def _identity(params: Params, latents: Latents) -> Latents:
    """Leaves the prior as it is."""
    del params
    return latents


def _as_they_are(images: Images) -> Images:
    """One source makes images of one size."""
    return images


def _cast(networks: Networks, like: Params) -> Cast:
    """Returns a cast of one source without a miner, its generator's weights shaped like these."""
    return Cast(
        miners=(_identity,),
        generators=(networks.generate,),
        critic=networks.criticise,
        view=_as_they_are,
        output=_as_they_are,
        latent_sizes=(networks.latent_size,),
        whole=lambda _, parts: shares.whole(parts, like),
    )
