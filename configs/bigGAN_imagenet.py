"""BigGAN, ImageNet, and 500 images of some of its own classes (section 4.2, Fig. 8 right).

    minegan convert biggan_pytorch --generator=G_ema.pth --critic=D.pth --out=weights/biggan
    python -m minegan_jax.main --config=configs/bigGAN_imagenet.py --workdir=RUN

With digits, `bigGAN_digits.py:7` shows the same with what the package brings.

`photos/imagenet` is a folder with a sub-folder for each class: broccoli, cock, fire_engine,
harvester, tape_player. The argument takes one (`--config=configs/bigGAN_imagenet.py:cock`); else
all five are one target of 2,500 images. Labels only choose the images: that they show cocks is for
the miners to find out. TransferGAN is told, by `--config.method=transfergan` and the number of the
class in the source, `--config.classes=7`: cock 7, fire engine 555, harvester 595, tape player 848,
broccoli 937.

Table 2, on-manifold, FID and KMMD:

    scratch             187     0.93
    TransferGAN          58.4   0.39  (with the label)
    DGN-AM              180     0.95  (with the label)
    PPGN                127     0.47  (with the label)
    MineGAN (w/o FT)     61.8   0.32
    MineGAN              52.3   0.25
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config
from minegan_jax.errors import InputError

CLASSES = ("broccoli", "cock", "fire_engine", "harvester", "tape_player")
NUM_IMAGES = 500  # of each


def get_config(name: str = "") -> ConfigDict:
    """Returns the experiment for one class, or for all five."""
    if name and name not in CLASSES:
        raise InputError(f"no {name!r} in this experiment: expected {', '.join(CLASSES)}")
    config = load_config("biggan")
    config.sources = ("weights/biggan",)
    config.target.images = "folder:photos/imagenet"
    chosen = [name] if name else list(CLASSES)
    config.target.labels = tuple(CLASSES.index(one) for one in chosen)
    config.target.ratios = (1.0 / len(chosen),) * len(chosen)
    config.target.max_images = NUM_IMAGES * len(chosen)
    return config
