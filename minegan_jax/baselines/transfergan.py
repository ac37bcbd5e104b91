"""The game without a miner: TransferGAN from a source, and training from scratch.

Latents come straight from the prior, so the miner is the identity and has no weights. So do the
classes of a conditional source, unless one is asked for.
"""

from collections.abc import Sequence
from typing import Any

import jax

from minegan_jax.mining import class_conditioning
from minegan_jax.mining.method import TransferMethod
from minegan_jax.mining.minegan import Critic, critic_of, view_of
from minegan_jax.mining.settings import GameSettings
from minegan_jax.mining.supersamples import GameNetworks
from minegan_jax.mining.turns import adversarial_method
from minegan_jax.mining.view import View, make_view
from minegan_jax.nets.family import Networks
from minegan_jax.nets.image_resize import Box, ImageShape
from minegan_jax.sources import Source
from minegan_jax.training import sharding
from minegan_jax.types import Key, Params


def transfergan(
    source: Source,
    settings: GameSettings,
    of_classes: str = class_conditioning.ALL,
    critic: Critic | None = None,
    boxes: Sequence[Box] = (),
) -> TransferMethod:
    """Finetunes a source's generator and critic directly (TransferGAN, Wang et al. 2018).

    Args:
      source: with a critic, unless another is given.
      settings: of the game.
      of_classes: that a conditional generator is asked for, see `mining.class_conditioning`.
      critic: in the place of the source's own.
      boxes: in which the critic sees images, one at most; none are whole images.
    """
    judge = critic_of(source) if critic is None else critic

    def first_params(key: Key) -> dict[str, Any]:
        del key
        return {"miners": ({},), "generators": (source.generator,), "critic": judge.start()}

    view = view_of([source], ImageShape(judge.resolution, judge.channels), boxes)
    of_game = _game_networks(source.networks, of_classes, source.generator, view)
    of_game = of_game._replace(critic=judge.criticise, group=judge.group)
    return adversarial_method(of_game, settings, ("generators",), first_params)


def scratch(
    networks: Networks, settings: GameSettings, *, labelled: bool = False
) -> TransferMethod:
    """Trains fresh networks; with enough images this is how a source is pretrained.

    Args:
      networks: to start.
      settings: of the game.
      labelled: whether conditional ones learn from the images' labels: then both sides are told
        each image's class.
    """

    def first_params(key: Key) -> dict[str, Any]:
        generator, critic = networks.init(key)
        return {"miners": ({},), "generators": (generator,), "critic": critic}

    shapes, _ = jax.eval_shape(networks.init, jax.random.key(0))
    shape = ImageShape(networks.resolution, networks.channels)
    view = make_view(shape, [shape])
    of_game = _game_networks(networks, class_conditioning.ALL, shapes, view)
    of_game = of_game._replace(num_classes=networks.num_classes if labelled else 0)
    return adversarial_method(of_game, settings, ("generators",), first_params)


def _game_networks(networks: Networks, of_classes: str, like: Params, view: View) -> GameNetworks:
    """Returns a game's networks: one source without a miner, its weights shaped like these."""
    return GameNetworks(
        miners=(class_conditioning.prior,),
        generators=(class_conditioning.generator(networks, of_classes),),
        critic=sharding.criticise(networks),
        view=view,
        noise=(class_conditioning.noise_shape(networks, of_classes),),
        all_gather=lambda _, parts: sharding.all_gather(parts, like),
        group=networks.group,
        truncates=(networks.truncates,),
    )
