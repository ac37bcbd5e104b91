"""One SNGAN, ImageNet, and 25 faces at 128 pixels (section 4.1, Fig. 6).

    minegan convert sngan_chainer --generator=ResNetGenerator_850000.npz \
        --critic=SNResNetProjectionDiscriminator_850000.npz --out=weights/sngan
    python -m minegan_jax.main --config=configs/imagenet_to_ffhq_25.py --workdir=RUN

`photos/ffhq` is a folder of FFHQ's images; which 25 the paper takes is not public. With
digits, `mnist.py` shows the same with what the package brings. Figure 6:

                        KMMD     MV
    scratch             0.890    -
    TransferGAN         0.346    0.506
    VAE                 0.744    -
    BSA                 0.345    0.785
    MineGAN (w/o FT)    0.349    0.774
    MineGAN             0.337    0.812
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config


def get_config() -> ConfigDict:
    """Returns the experiment."""
    config = load_config("sngan")
    config.sources = ("weights/sngan",)
    config.target.images = "folder:photos/ffhq"
    config.target.max_images = 25
    return config
