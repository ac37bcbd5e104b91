"""Any BigGAN, and a folder of your images; its classes are mined as well (section 3.3, Fig. 2).

    python -m minegan_jax.main --config=configs/biggan.py --workdir=RUN \
        --config.sources=DIR --config.target=folder:PHOTOS

For a BigGAN-deep, add `--config.critic=DIR2`: the source, mined or not, whose critic judges it.

Four layers are the paper's; Adam's rates, 1e-4 and for the critic 4e-4, its decay rates 0 and
0.999, its epsilon 1e-6 and the single critic turn are those of the authors' code, whose minibatch
is 8 times 100 images (`--config.batch_size=800 --config.accumulation=8`). The loss is the paper's
WGAN-GP; their code has the logistic one, without a penalty (`--config.loss=logistic
--config.penalty_weight=0`), and affine miners (`--config.miner_start=affine`). The miner's width,
the averages, the numbers of steps and the minibatch are ours.
"""

from ml_collections import ConfigDict

from minegan_jax.config import default_config


def get_config() -> ConfigDict:
    """Returns the recipe, without sources."""
    config = default_config()
    config.sources = ()
    config.target = "folder:photos"
    config.judge = ""
    config.miner_depth = 4
    config.miner_width = 1024  # of both miners: M^c starts at 1,000 classes, one unit for each
    config.learning_rate = 1e-4
    config.miner_learning_rate = 1e-4
    config.critic_learning_rate = 4e-4
    config.beta1 = 0.0
    config.beta2 = 0.999
    config.adam_epsilon = 1e-6
    config.critic_turns = 1
    config.batch_size = 64
    config.average_decay = 0.999
    config.mine_steps = 300
    config.finetune_steps = 1000
    return config
