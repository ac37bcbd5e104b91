"""One ProGAN, CelebA-HQ, and photographs of children at 1024 pixels: off-manifold (section 4.1).

    minegan convert progan_tf --pickle=karras2018iclr-celebahq-1024x1024.pkl --out=weights/celebahq
    python -m minegan_jax.main --config=configs/celeba_to_ffhq_children.py:100 --workdir=RUN

The argument is the number of images taken. `photos/ffhq_children` is a folder of FFHQ's images, at
least as many; the paper's choice of them is not public. With digits, `mnist.py` shows the same with
what the package brings. Figures 4 (100 images) and 5 (FID and KMMD over the number
of images, curves only): MineGAN is best everywhere; without finetuning it is slightly worse than
TransferGAN.
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config


def get_config(num_images: str = "100") -> ConfigDict:
    """Returns the experiment for so many target images."""
    config = load_config(f"celeba_to_ffhq_women:{num_images}")
    config.target.images = "folder:photos/ffhq_children"
    return config
