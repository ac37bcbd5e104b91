"""Full-size steps of mining, and what they should cost by hand: nothing here is run."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import flops
import jax
import jax.numpy as jnp

from minegan_jax.mining.minegan import MinerShape, critic_of, finetune, mine
from minegan_jax.mining.settings import GameSettings
from minegan_jax.mining.supersamples import BLOCK
from minegan_jax.nets import family
from minegan_jax.sources import Source
from minegan_jax.training.learner import Learner
from minegan_jax.types import Params

PHASES = {"mine": mine, "finetune": finetune}
Arguments = Mapping[str, Any]  # of a family's networks
BIGGAN_128: Arguments = MappingProxyType(
    {"resolution": 128, "channels": 3, "width": 96, "latent_size": 120, "num_classes": 1000}
)
PROGAN_256: Arguments = MappingProxyType(
    {"resolution": 256, "channels": 3, "width": 64, "latent_size": 512}
)


class Case(NamedTuple):
    """Sources of one kind, and how many images a minibatch has."""

    family: str
    arguments: Arguments
    part: int  # images that a device sees at once
    batch_size: int | None = None  # over all devices; None: a part on each
    num_sources: int = 1
    turns: int = 1  # of the critic
    miner_depth: int = 4


def miner_shape(case: Case, networks: family.Networks) -> MinerShape:
    """Returns miners that are as wide as their start asks for."""
    width = max(256, 2 * networks.latent_size, networks.num_classes)
    return MinerShape(case.miner_depth, width)


def learner_of(
    case: Case,
    phase: str,
    settings: GameSettings,
    networks: family.Networks,
    weights: tuple[Params, Params],
) -> Learner:
    """Returns a phase's learner; the weights may be shapes alone unless it makes a state."""
    source = Source("source", "", networks, *weights, sha256="", description={})
    critic = critic_of(source, alone=case.num_sources > 1)
    shape = miner_shape(case, networks)
    return PHASES[phase]([source] * case.num_sources, settings, shape, critic).learner


def state_of(case: Case, phase: str, settings: GameSettings, networks: family.Networks) -> Any:
    """Returns the shapes of a phase's first state."""

    def init(key: jax.Array) -> Any:
        state, weights = None, networks.init(key)
        for name in PHASES if phase == "finetune" else (phase,):
            state = learner_of(case, name, settings, networks, weights).init(state, key)
        return state

    return jax.eval_shape(init, jax.random.key(0))


def passes(
    case: Case, phase: str, networks: family.Networks, *, penalty: bool = True
) -> tuple[float, float]:
    """Returns how many forward passes of generators and critic one part's flops should equal.

    Of the critic: for its own loss 3 for real and 3 for fake images, and 4 for the penalty, whose
    slope goes back to the images and is differentiated once, or 6 if the critic compares images,
    through which the slope changes too; 2 for the players, back to the images. Of a generator: one
    for the critic's fakes, one for the players', one back to its latents and, if it learns, one
    back to its weights. Of several, each makes and scores all images in both turns, and goes once
    through the one block of chosen images that XLA counts. The critic's turns repeat its own.
    """
    back = list(PHASES).index(phase) + 1
    of_penalty = (6.0 if networks.group > 1 else 4.0) if penalty else 0.0
    of_critic = case.turns * (6.0 + of_penalty) + 2.0
    if case.num_sources == 1:
        return case.turns + 1.0 + back, of_critic
    through, seen = (1 + back) * BLOCK / case.part, case.turns + 1.0
    return case.num_sources * (seen + through), of_critic + seen * case.num_sources


def flops_by_hand(
    case: Case, phase: str, networks: family.Networks, *, penalty: bool = True
) -> float:
    """Returns the flops of a device for one part."""
    generator, critic = jax.eval_shape(networks.init, jax.random.key(0))
    latents = jax.ShapeDtypeStruct((case.part, networks.latent_size), jnp.float32)
    images = jax.eval_shape(networks.generate, generator, latents)
    of_generator, of_critic = passes(case, phase, networks, penalty=penalty)
    return of_generator * flops.count(networks.generate, generator, latents) + (
        of_critic * flops.count(networks.criticise, critic, images)
    )


def planned_bytes(compiled: jax.stages.Compiled) -> int:
    """Returns the memory that XLA plans for a program, what it is given included."""
    memory = compiled.memory_analysis()
    return (
        memory.argument_size_in_bytes
        + memory.output_size_in_bytes
        - memory.alias_size_in_bytes
        + memory.temp_size_in_bytes
        + memory.generated_code_size_in_bytes
    )
