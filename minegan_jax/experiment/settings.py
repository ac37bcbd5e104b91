"""What methods and networks are told, read off a config."""

from collections.abc import Callable

import jax

from minegan_jax.baselines.dgn_am_ppgn import EncoderRules, SearchRules
from minegan_jax.baselines.reconstruction import Rules as FitRules
from minegan_jax.config import Config
from minegan_jax.mining.game import Rules
from minegan_jax.mining.minegan import MinerShape
from minegan_jax.nets import family
from minegan_jax.types import Images

Maps = Callable[[Images], tuple[jax.Array, ...]]


def game_rules(config: Config, frozen_critic: tuple[str, ...] = ()) -> Rules:
    """Reads the game's rules off the config; `frozen_critic` names layers that do not learn."""
    return Rules(
        learning_rates={
            "miners": config.miner_learning_rate,
            "generators": config.learning_rate,
            "critic": config.critic_learning_rate,
        },
        betas=(config.beta1, config.beta2),
        adam_epsilon=config.adam_epsilon,
        batch_size=config.batch_size,
        critic_turns=config.critic_turns,
        frozen_critic=frozen_critic,
        penalty_weight=config.penalty_weight,
        drift_weight=config.drift_weight,
        r1_weight=config.r1_weight,
        r1_every=config.r1_every,
        augment=config.augment,
        average_decay=config.average_decay,
        average_miners=config.average_miners,
        exploration=config.exploration,
        exploration_steps=config.exploration_steps,
        warmup_steps=config.warmup_steps,
        selector_window=config.selector_window,
        drop_below=config.drop_below,
        spread=config.spread_sources,
        accumulation=config.accumulation,
        loss=config.loss,
        precision=config.precision,
        remat=config.remat,
    )


def fit_rules(config: Config, maps: Maps | None) -> FitRules:
    """Reads off the config how BSA and the VAE learn to make images.

    Args:
      config: of the run.
      maps: of the network that compares images in training, or none.
    """
    return FitRules(
        learning_rate=config.learning_rate,
        betas=(config.beta1, config.beta2),
        batch_size=config.batch_size,
        maps=maps,
        maps_weight=config.perceptual_weight,
        accumulation=config.accumulation,
        precision=config.precision,
        remat=config.remat,
    )


def network_arguments(config: Config) -> dict[str, int]:
    """Reads the arguments of fresh networks off the config.

    A family that cannot do without classes has one if nothing is learnt from labels.
    """
    names = ("resolution", "channels", "width", "latent_size")
    arguments = {name: getattr(config, name) for name in names}
    if config.num_classes or family.build(config.family, arguments).num_classes:
        arguments["num_classes"] = max(config.num_classes, 1)
    return arguments


def miner_shape(config: Config) -> MinerShape:
    """Reads the miners' layers off the config."""
    return MinerShape(
        depth=config.miner_depth,
        width=config.miner_width,
        start=config.miner_start,
        classes=config.classes,
        draws_class=config.miner_draws_class,
        space=config.miner_space,
    )


def encoder_rules(config: Config) -> EncoderRules:
    """Reads off the config how PPGN's encoder learns."""
    return EncoderRules(
        width=config.width,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        betas=(config.beta1, config.beta2),
    )


def search_rules(config: Config) -> SearchRules:
    """Reads off the config how DGN-AM and PPGN search."""
    return SearchRules(
        num_steps=config.search_steps,
        step_size=config.search_step_size,
        prior=config.search_prior,
        noise=config.search_noise,
    )
