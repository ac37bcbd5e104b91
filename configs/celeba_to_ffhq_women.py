"""One ProGAN, CelebA-HQ, and photographs of women at 1024 pixels: on-manifold (section 4.1).

    minegan convert progan_tf --pickle=karras2018iclr-celebahq-1024x1024.pkl --out=weights/celebahq
    python -m minegan_jax.main --config=configs/celeba_to_ffhq_women.py:100 --workdir=RUN

The argument is the number of images taken. `photos/ffhq_women` is a folder of FFHQ's images, at
least as many; the paper's choice of them is not public. With digits, `mnist.py:7` shows the same
with what the package brings. Figures 4 (100 images) and 5 (FID and KMMD over the number of
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
