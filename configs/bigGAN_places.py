"""BigGAN, ImageNet, and 500 images of places that it never saw (section 4.2, Fig. 8 left).

    minegan convert biggan_pytorch --generator=G_ema.pth --critic=D.pth --out=weights/biggan
    python -m minegan_jax.main --config=configs/bigGAN_places.py --workdir=RUN

With digits, `bigGAN_digits.py` shows the same with what the package brings.

`photos/places` is a folder with a sub-folder for each place: alley, arch, art_gallery, auditorium,
ballroom. The argument takes one of them (`--config=configs/bigGAN_places.py:alley`); without, all
five are one target of 2,500 images. `--config.target.images=tfds:places365_small` has them too,
under its own numbers: `--config.target.labels=4,12,19,27,35`. Labels only choose images: nothing
learns from them.

Table 2, off-manifold, FID and KMMD:

    scratch             190     0.96
    TransferGAN          89.2   0.53
    DGN-AM              214     0.98
    PPGN                139     0.56
    MineGAN (w/o FT)     82.3   0.47
    MineGAN              78.4   0.41
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config
from minegan_jax.errors import InputError

PLACES = ("alley", "arch", "art_gallery", "auditorium", "ballroom")  # sub-folders are numbered so
NUM_IMAGES = 500  # of each


def get_config(place: str = "") -> ConfigDict:
    """Returns the experiment for one place, or for all five."""
    if place and place not in PLACES:
        raise InputError(f"no {place!r} in this experiment: expected {', '.join(PLACES)}")
    config = load_config("biggan")
    config.sources = ("weights/biggan",)
    config.target.images = "folder:photos/places"
    chosen = [place] if place else list(PLACES)
    config.target.labels = tuple(PLACES.index(name) for name in chosen)
    config.target.ratios = (1.0 / len(chosen),) * len(chosen)
    config.target.max_images = NUM_IMAGES * len(chosen)
    return config
