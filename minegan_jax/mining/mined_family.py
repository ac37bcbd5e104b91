"""The family `mined`: a miner and the generator behind it as one generator, G(M(u)).

So what a run of MineGAN has mined and finetuned is a source for the next run, of any method: a new
miner in front of it starts from what the first one found.
"""

from collections.abc import Mapping
from typing import Any

import jax

from minegan_jax import trees
from minegan_jax.mining import minegan
from minegan_jax.mining.noise import as_noise
from minegan_jax.nets import family
from minegan_jax.nets.family import Networks
from minegan_jax.sources import Source
from minegan_jax.types import Images, Key, Latents, Params

NAME = "mined"
OWN = ("family", "arguments", "miner")  # arguments besides resolution, channels and latent_size


def arguments_of(source: Source, shape: minegan.MinerShape) -> dict[str, Any]:
    """Returns the arguments of the family, for a miner in front of a source's generator."""
    given = {name: source.description[name] for name in ("family", "arguments")}
    mined = networks({**given, "miner": shape._asdict()})
    sizes = {name: getattr(mined, name) for name in family.SIZES}
    return {**sizes, **given, "miner": shape._asdict()}


def weights_of(weights: Params) -> Params:
    """Returns the weights of such a generator, of those that a method keeps of a source."""
    return {"miner": weights["miners"], "generator": weights["generators"]}


def networks(arguments: Mapping[str, Any]) -> Networks:
    """Builds G(M(u)) and the critic of its game, which takes no class.

    Args:
      arguments: `family` and `arguments` of G, and in `miner` the fields of `minegan.MinerShape`.

    Raises:
      InputError: one is missing or not known.
    """
    unknown = arguments.keys() - {*OWN, *family.SIZES}
    family.check_names(NAME, set(OWN) - arguments.keys(), unknown)
    behind = family.build(arguments["family"], arguments["arguments"])
    shape, source = minegan.MinerShape(**arguments["miner"]), _unread(behind, arguments)
    mined = minegan.players([source], shape)
    (miner,), (generator,), (noise,) = mined["miners"], mined["generators"], mined["noise"]

    def generate(params: Params, latents: Latents, labels: None = None, **options: Any) -> Images:
        del labels  # it takes none
        found = miner(params["miner"], params["generator"], as_noise(latents, noise))
        return generator(params["generator"], found, **options)

    def init(key: Key) -> tuple[Params, Params]:
        of_networks, of_miner = jax.random.split(key)
        weights, critic = behind.init(of_networks)
        fresh = source._replace(generator=weights)
        (first,) = minegan.init_miners([fresh], shape, of_miner)
        return {"miner": first, "generator": weights}, critic

    return Networks(
        generate=generate,
        criticise=behind.criticise,
        init=init,
        latent_size=noise.num_numbers,
        resolution=behind.resolution,
        channels=behind.channels,
        has_critic=behind.has_critic,
        truncates=mined["truncates"][0],
        group=behind.group,
        critic_layers=behind.critic_layers,
    )


def _unread(networks: Networks, arguments: Mapping[str, Any]) -> Source:
    """Returns the source behind the miner, zeros in the place of its weights."""
    generator, _ = jax.eval_shape(lambda: networks.init(jax.random.key(0)))
    zeros = trees.zeros(generator, "float32")
    description = {name: arguments[name] for name in ("family", "arguments")}
    return Source(NAME, NAME, networks, zeros, {}, "", description)


family.register_composed(NAME, networks)
