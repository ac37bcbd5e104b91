"""Off-manifold MNIST (section 4.1, Fig. 3): mine a nine from a source that has never seen one.

    python -m minegan_jax.main --config=configs/mnist.py --workdir=RUN

The argument is the target digit: `--config=configs/mnist.py:9`. The packaged source knows only the
digits 0 to 8, so 9 is the off-manifold target of the paper; the others are on-manifold. 400 target
images (the paper: 1000), 100 more held out for the report.
"""

from ml_collections import ConfigDict

from minegan_jax.config import default_config


def get_config(digit: str = "9") -> ConfigDict:
    """Returns the experiment for one target digit."""
    config = default_config()
    config.target.labels = (int(digit),)
    config.target.max_images = 400
    config.target.num_held_out = 100
    config.miner.depth = 2
    config.run.mine_steps = 400
    config.run.finetune_steps = 200
    config.miner.learning_rate = 5e-4
    config.game.critic_learning_rate = 5e-4
    config.game.learning_rate = 2e-4
    config.game.beta1 = 0.0
    config.game.ema_decay = 0.98
    return config
