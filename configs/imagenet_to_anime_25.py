"""One SNGAN, ImageNet, and 25 anime faces at 128 pixels (section 4.1, Fig. 6).

    minegan convert sngan_chainer --generator=ResNetGenerator_850000.npz \
        --critic=SNResNetProjectionDiscriminator_850000.npz --out=weights/sngan
    python -m minegan_jax.main --config=configs/imagenet_to_anime_25.py --workdir=RUN

`photos/anime` is a folder of faces from Danbooru; which 25 the paper takes is not public.
With digits, `mnist.py` shows the same with what the package brings. Figure 6:

                        KMMD     MV
    scratch             0.753    -
    TransferGAN         0.347    0.785
    VAE                 0.790    -
    BSA                 0.342    0.908
    MineGAN (w/o FT)    0.347    0.891
    MineGAN             0.334    0.934
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config


def get_config() -> ConfigDict:
    """Returns the experiment."""
    config = load_config("imagenet_to_ffhq_25")
    config.target.images = "folder:photos/anime"
    return config
