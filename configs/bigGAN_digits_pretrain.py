"""A narrow conditional BigGAN of labelled digits at 32 pixels, to mine without labels.

    python -m minegan_jax.main --config=configs/bigGAN_digits_pretrain.py --workdir=RUN

Leaves `RUN/source`, in 45 minutes on one CPU core. The argument is the number of classes: 9, digits
0 to 8, by default, which is the packaged `biggan_digits_0_to_8`;
`--config=configs/bigGAN_digits_pretrain.py:10` knows all ten and is the packaged `biggan_digits`.
The loss is BigGAN's, the hinge, and so is the critic's faster rate; rates and width are for a CPU.
The images: see `mnist_pretrain.py`.
"""

from ml_collections import ConfigDict

from minegan_jax.config import default_config


def get_config(num_classes: str = "9") -> ConfigDict:
    """Returns the experiment for a source of so many digits."""
    config = default_config()
    config.method = "scratch"
    config.network.family = "biggan"
    config.target.images = "tfds:mnist:train"
    config.target.exclude = "digits"
    config.target.part = "1/3"
    config.network.num_classes = int(num_classes)
    config.target.labels = tuple(range(config.network.num_classes))
    config.target.enlarge = True
    config.network.resolution = 32
    config.network.width = 8
    config.network.latent_size = 32
    config.game.loss = "hinge"
    config.game.penalty_weight = 0.0
    config.game.critic_steps = 1
    config.run.batch_size = 48
    config.game.learning_rate = 4e-4
    config.game.critic_learning_rate = 1e-3
    config.game.beta1 = 0.0
    config.game.beta2 = 0.99
    config.game.ema_decay = 0.998
    config.run.train_steps = 3000
    config.run.sample_every_steps = 250
    config.run.checkpoint_every_steps = 250
    return config
