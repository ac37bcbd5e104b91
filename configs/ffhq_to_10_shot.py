"""One StyleGAN2, FFHQ at 256 pixels, and ten images of babies, sunglasses or sketches.

    minegan convert stylegan2_rosinality --checkpoint=source_ffhq.pt --out=weights/ffhq256
    python -m minegan_jax.main --config=configs/ffhq_to_10_shot.py:babies --workdir=RUN

`photos/babies` is the folder of that set, of whose images ten are trained on; the argument may also
be sunglasses or sketches. Where it holds the many others too, `--config.target.num_held_out=1000`
measures against these. With digits, `mnist.py` shows the same with what the package brings. FID of
5,000 images against all, and Intra-LPIPS
(`report.diversity=lpips:FILE`, higher is
more various):

                  FID babies  sunglasses  Intra-LPIPS babies  sunglasses  sketches
    TransferGAN   104.79      55.61       0.510               0.550       -
    EWC           87.41       59.73       0.560               0.550       -
    CDC           74.39       42.13       0.583               0.581       -
    DCL           52.56       38.01       0.579               0.574       -
    FreezeD       96.25       46.95       -                   -           0.351
    MineGAN       -           -           -                   -           0.340

(TransferGAN to DCL: the tables of DPMs-ANT; FreezeD's FID: a benchmark's page, by another protocol,
where TransferGAN has 101.6 and 55.97; sketches: a later table of IC-LPIPS.) Of a single image, the
mean of five, MineGAN is cited with FIDs of 168.20, 85.26 and 117.90 of sketches, where the best has
80.16, 44.96 and 87.55 (GenDA's table). Finetuning all of a generator for so few images narrows it:
here it stays frozen, and `--config.run.finetune_steps=500` finetunes.
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config
from minegan_jax.errors import InputError

TARGETS = ("babies", "sunglasses", "sketches")


def get_config(target: str = "babies") -> ConfigDict:
    """Returns the experiment of one of `TARGETS`."""
    if target not in TARGETS:
        raise InputError(f"ffhq_to_10_shot:{target}: expected one of {', '.join(TARGETS)}")
    config = load_config("stylegan2")
    config.sources = ("weights/ffhq256",)
    config.target.images = f"folder:photos/{target}"
    config.target.max_images = 10
    config.run.finetune_steps = 0
    config.report.num_images = 1000
    return config
