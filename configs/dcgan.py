"""Any DCGAN, and a folder of your images; what the README does with digits.

    minegan convert dcgan_pytorch --generator=netG.pth --critic=netD.pth --out=DIR
    python -m minegan_jax.main --config=configs/dcgan.py --workdir=RUN \
        --config.sources=DIR --config.target.images=folder:PHOTOS

`photos` is a folder of your images. `mnist.py` shows the same with what the package brings. The
paper mines no DCGAN but that of MNIST, so this is the recipe of `mnist.py` with the steps of a
target that is less alike: 1,000 of mining and 500 of finetuning.
"""

from ml_collections import ConfigDict

from minegan_jax.config import default_config, load_config


def get_config() -> ConfigDict:
    """Returns the recipe, without sources."""
    config, mnist = default_config(), load_config("mnist")
    config.sources = ()
    config.target.images = "folder:photos"
    config.report.classifier = ""
    config.miner, config.game, config.run = mnist.miner, mnist.game, mnist.run
    config.run.mine_steps = 1000
    config.run.finetune_steps = 500
    config.game.ema_decay = 0.99
    return config
