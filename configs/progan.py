"""Any ProGAN, and a folder of your images; the experiments of the paper start from this.

    minegan convert progan_tf --pickle=karras2018iclr-lsun-car-256x256.pkl --out=DIR
    minegan convert progan_gan_zoo --checkpoint=celebaHQ_s6_i80000-6196db68.pth --out=DIR
    python -m minegan_jax.main --config=configs/progan.py --workdir=RUN \
        --config.sources=DIR --config.target.images=folder:PHOTOS

Either command makes a source. `photos` is a folder of your images. With digits, `mnist.py` shows
the same with what the package brings.

The paper says that the miner has four layers. The rest of its recipe is in a supplement that we do
not have, so what moves the networks is that of ProGAN's authors (Karras et al. 2018, appendix A.1):
Adam at 1e-3 with decay rates 0 and 0.99, one critic turn, 16 images up to 128 pixels and 14 to 3
above, averages over 0.999, and 0.001 E[D(real)^2] in the critic's loss. The miner's width (1,024,
as its start at 512 latents needs), its rate
and the numbers of steps are ours.
"""

from ml_collections import ConfigDict

from minegan_jax.config import default_config


def get_config() -> ConfigDict:
    """Returns the recipe, without sources."""
    config = default_config()
    config.sources = ()
    config.target.images = "folder:photos"
    config.report.classifier = ""
    config.miner.depth = 4
    config.game.learning_rate = 1e-3
    config.game.critic_learning_rate = 1e-3
    config.game.beta1 = 0.0
    config.game.beta2 = 0.99
    config.game.drift_weight = 1e-3
    config.game.critic_steps = 1
    config.run.batch_size = 16
    config.game.ema_decay = 0.999
    config.run.mine_steps = 2000
    config.run.finetune_steps = 1000
    return config
