"""Two miners in front of a narrow BigGAN of digits, for a digit without labels (section 3.3).

    python -m minegan_jax.main --config=configs/bigGAN_digits.py --workdir=RUN

Nine by default, off-manifold: the packaged source `biggan_digits_0_to_8` never saw one. With
`--config=configs/bigGAN_digits.py:7` the target is seven and the source, `biggan_digits`, knows all
ten: on-manifold. `bigGAN_digits_pretrain.py` made both. The loss is the one that their critics were
trained with, the hinge.
"""

from ml_collections import ConfigDict

from minegan_jax.config import default_config

OFF_MANIFOLD = "9"


def get_config(digit: str = OFF_MANIFOLD) -> ConfigDict:
    """Returns the experiment for one digit."""
    config = default_config()
    config.sources = ("biggan_digits_0_to_8" if digit == OFF_MANIFOLD else "biggan_digits",)
    config.target.labels = (int(digit),)
    config.target.max_images = 400
    config.target.num_held_out = 100
    config.target.enlarge = True
    config.miner.depth = 2
    config.game.loss = "hinge"
    config.game.penalty_weight = 0.0
    config.game.critic_steps = 1
    config.run.batch_size = 32
    config.miner.learning_rate = 1e-3
    config.game.learning_rate = 5e-4
    config.game.critic_learning_rate = 5e-4
    config.game.beta1 = 0.0
    config.game.beta2 = 0.99
    config.run.mine_steps = 500
    config.run.finetune_steps = 300
    return config
