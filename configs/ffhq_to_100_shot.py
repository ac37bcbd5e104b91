"""One StyleGAN2, FFHQ at 256 pixels, and the data sets of about 100 images that papers cite.

    minegan convert stylegan2_nvidia --out=weights/ffhq256 \
        --pickle=ffhq-res256-mirror-paper256-noaug.pkl
    python -m minegan_jax.main --config=configs/ffhq_to_100_shot.py:panda --workdir=RUN

`photos/panda` is the folder of that set, of 100 images; the argument may also be obama or
grumpy_cat, of as many, cat (AnimalFace, 160) or dog (389), all published beside DiffAugment. With
digits, `mnist.py` shows the same with what the package brings. FID of 5,000 images against the
training images themselves, which rewards copying (arXiv:2103.00397, table 5; the last two by
DiffAugment's authors):

                              obama   grumpy_cat  panda   cat     dog
    scale and shift (BSA)     50.72   34.20       21.38   54.83   83.04
    MineGAN                   50.63   35.54       14.84   54.45   93.03
    TransferGAN               48.73   34.06       23.20   52.61   82.38
    FreezeD                   41.87   31.22       17.95   47.70   70.46
    scratch                   80.20   48.90       34.27   71.71   130.19
    scratch, DiffAugment      46.87   27.08       12.06   42.44   58.85

Their MineGAN is that of FreezeD's code, where generators never move and samples come from the
generator without its miner. For their protocol give `report.features=torch_fidelity:FILE` and read
the figures against the training images.
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config
from minegan_jax.errors import InputError

TARGETS = ("obama", "grumpy_cat", "panda", "cat", "dog")


def get_config(target: str = "panda") -> ConfigDict:
    """Returns the experiment of one of `TARGETS`."""
    if target not in TARGETS:
        raise InputError(f"ffhq_to_100_shot:{target}: expected one of {', '.join(TARGETS)}")
    config = load_config("stylegan2")
    config.sources = ("weights/ffhq256",)
    config.target.images = f"folder:photos/{target}"
    config.report.num_images = 5000
    return config
