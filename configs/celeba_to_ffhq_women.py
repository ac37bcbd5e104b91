"""One ProGAN, CelebA-HQ, and photographs of women at 1024 pixels: on-manifold (section 4.1).

    python -m weights_conversion.progan_tf --out=weights/celebahq \
        --pickle=karras2018iclr-celebahq-1024x1024.pkl
    python -m minegan_jax.main --config=configs/celeba_to_ffhq_women.py:100 --workdir=RUN

The argument is the number of images taken from `photos/ffhq_women`, a folder of FFHQ's images; the
paper's choice of them is not public. Figures 4 (100 images) and 5 (FID and KMMD over the number of
images, curves only): MineGAN is best everywhere; without finetuning it is still better than
TransferGAN and than training from scratch, which overfits.
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config


def get_config(num_images: str = "100") -> ConfigDict:
    """Returns the experiment for so many target images."""
    config = load_config("progan")
    config.sources = ("weights/celebahq",)
    config.target.images = "folder:photos/ffhq_women"
    config.target.max_images = int(num_images)
    config.run.batch_size = 4  # ProGAN's authors take 3 at this resolution
    return config
