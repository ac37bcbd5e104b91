"""Any BigGAN, and a folder of your images; its classes are mined as well (section 3.3, Fig. 2).

    minegan convert biggan_pytorch --generator=G_ema.pth --critic=D.pth --out=DIR
    python -m minegan_jax.main --config=configs/biggan.py --workdir=RUN \
        --config.sources=DIR --config.target.images=folder:PHOTOS

`photos` is a folder of your images. With digits, `bigGAN_digits.py` shows the same with what the
package brings. For a BigGAN-deep, add `--config.game.critic=DIR2`: the source, mined or not, whose
critic scores it.

Four layers are the paper's; Adam's rates, 1e-4 and for the critic 4e-4, its decay rates 0 and
0.999, its epsilon 1e-6 and the single critic turn are those of the authors' code, whose minibatch
is 8 times 100 images (`--config.run.batch_size=800 --config.run.accumulation_steps=8`). The loss is
the paper's WGAN-GP; their code has the logistic one, without a penalty
(`--config.game.loss=logistic --config.game.penalty_weight=0`), and affine miners
(`--config.miner.start=affine`). The miner's width, the EMA, the numbers of steps and the minibatch
are ours.
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
    config.miner.width = 1024  # of both miners: M^c starts at 1,000 classes, one unit for each
    config.game.learning_rate = 1e-4
    config.miner.learning_rate = 1e-4
    config.game.critic_learning_rate = 4e-4
    config.game.beta1 = 0.0
    config.game.beta2 = 0.999
    config.game.adam_epsilon = 1e-6
    config.game.critic_steps = 1
    config.run.batch_size = 64
    config.game.ema_decay = 0.999
    config.run.mine_steps = 300
    config.run.finetune_steps = 1000
    return config
