"""The section `network` of a config: networks that start from nothing."""

import dataclasses

from minegan_jax.setting import COUNT, COUNT_OR_NONE, OneOf, Range, setting


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """Fresh networks, for "scratch" and "vae"; a classifier has a width and features.

    Batch statistics of fresh "biggan" and "sngan" stay those of the first latents.
    """

    family: str = setting("dcgan", "a family of networks, such as dcgan, progan, biggan, stylegan2")
    width: int = setting(32, "channels of the largest hidden feature map", COUNT)
    num_features: int = setting(64, "features of a classifier", COUNT)
    latent_size: int = setting(16, "numbers of a latent", COUNT)
    resolution: int = setting(28, "of images, in pixels", Range(5))
    channels: int = setting(1, "1 grey, 3 RGB", OneOf((1, 3)))
    num_classes: int = setting(
        0, "0 learns without labels; else these are 0, 1, ... below this number", COUNT_OR_NONE
    )
