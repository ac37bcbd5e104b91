"""The section `baseline` of a config: what only the methods that MineGAN is compared with read."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax

from minegan_jax.setting import COUNT, COUNT_OR_NONE, DECAY, NOT_NEGATIVE, POSITIVE, setting
from minegan_jax.training.settings import RunConfig
from minegan_jax.types import Images


@dataclasses.dataclass(frozen=True)
class BaselineConfig:
    """BSA, the VAE, DGN-AM and PPGN (section 4), and a classifier of digits."""

    learning_rate: float = setting(
        1e-4, "of what a baseline trains, and of a classifier; optimizer: Adam", POSITIVE
    )
    latent_learning_rate: float = setting(1e-4, '"bsa": of its latents', POSITIVE)
    beta1: float = setting(0.5, "of Adam: decay of the mean of gradients", DECAY)
    beta2: float = setting(0.9, "of Adam: decay of the mean of their squares", DECAY)
    perceptual: str | None = setting(
        None,
        '"bsa" and "vae": the network whose feature maps are compared as well, never the one that'
        " evaluates; pixels weigh 1",
    )
    perceptual_weight: float = setting(
        0.001, "of these feature maps; 0.001 is BSA's for VGG-16", NOT_NEGATIVE
    )
    truncation: float = setting(0.3, '"bsa" samples latents from N(0, 1) within +- this', POSITIVE)
    kl_weight: float = setting(
        0.1, '"vae": of its KL divergence over the number of an image\'s values', NOT_NEGATIVE
    )
    kl_warmup_steps: int = setting(0, "in which that weight rises from 0", COUNT_OR_NONE)
    classifier: str | None = setting(
        None, '"dgn_am" and "ppgn": the network that names classes, never the one that evaluates'
    )
    target_class: int | None = setting(
        None,
        "the class that they climb, its number there; None takes the single one of `target.labels`",
        COUNT_OR_NONE,
    )
    encoder_width: int = setting(32, '"ppgn": channels of its encoder\'s largest map', COUNT)
    search_steps: int = setting(200, '"dgn_am" and "ppgn": for each image', COUNT_OR_NONE)
    search_step_size: float = setting(
        0.1,
        "a step's mean in each number of what is searched, in its standard deviations; that of"
        ' "dgn_am" falls to 0 (published, in other units: 8, and 1 for "ppgn")',
        NOT_NEGATIVE,
    )
    search_prior: float = setting(
        0.01,
        'what holds a search back: the share that decays in a step of "dgn_am" (published: 0.01),'
        ' the encoder\'s weight in "ppgn" (published: 1e-5)',
        NOT_NEGATIVE,
    )
    search_noise: float = setting(
        0.0, "standard deviation of what is added in a step (published: 1e-17)", NOT_NEGATIVE
    )


class ReconstructionSettings(NamedTuple):
    """All that BSA and the VAE read of a config to learn to make images."""

    baseline: BaselineConfig = BaselineConfig()
    run: RunConfig = RunConfig()
    # Feature maps of a frozen network, of which made and real images' are compared; or none.
    feature_maps: Callable[[Images], tuple[jax.Array, ...]] | None = None
