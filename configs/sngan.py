"""Any SNGAN, and a folder of your images; the experiments of the paper start from this.

    minegan convert sngan_chainer --generator=ResNetGenerator_850000.npz \
        --critic=SNResNetProjectionDiscriminator_850000.npz --out=DIR
    python -m minegan_jax.main --config=configs/sngan.py --workdir=RUN \
        --config.sources=DIR --config.target.images=folder:PHOTOS

`photos` is a folder of your images. With digits, `mnist.py` shows the same with what the package
brings.

The paper says that the miner has four layers. The rest of its recipe is in a supplement that we do
not have, so what moves the networks is that of SNGAN's authors (Miyato et al. 2018): Adam at 2e-4
with decay rates 0 and 0.9, five critic turns, 64 images. The loss is the paper's WGAN-GP, where
theirs is the hinge. The miner's width and rate, the averages and the numbers of steps are ours.

Its classes are mined as well (Fig. 2): M^c, 1,000 units wide for ImageNet's, gives a weight to each
of them, and starts at the source's own, one at a time. The critic drops its label term. What the
paper did with them is not said; `--config.classes=mean` weighs all alike and mines none.
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
    config.game.learning_rate = 2e-4
    config.game.critic_learning_rate = 2e-4
    config.game.beta1 = 0.0
    config.game.beta2 = 0.9
    config.game.critic_steps = 5
    config.run.batch_size = 64
    config.game.ema_decay = 0.999
    config.run.mine_steps = 1000
    config.run.finetune_steps = 500
    return config
