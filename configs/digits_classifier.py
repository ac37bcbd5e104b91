"""Makes the packaged feature network `digits` again, or, with the argument `judge`, its judge.

    python -m minegan_jax.main --config=configs/digits_classifier.py --workdir=RUN

Each learns a third of MNIST's training images, without the 5,000 of `digits`, which they are tested
on and which targets are drawn from; the packaged sources learn the other third. So the network that
measures, the one that judges and the sources never saw an image in common.
"""

from ml_collections import ConfigDict

from minegan_jax.config import default_config


def get_config(which: str = "features") -> ConfigDict:
    """Returns the experiment for `features` or `judge`."""
    config = default_config()
    config.method = "classifier"
    config.target = "tfds:mnist:train"
    config.exclude = "digits"
    config.part = {"features": "2/3", "judge": "3/3"}[which]
    config.width = {"features": 24, "judge": 20}[which]
    config.num_features = {"features": 64, "judge": 96}[which]
    config.seed = {"features": 0, "judge": 1}[which]
    config.train_steps = 4000
    config.batch_size = 128
    config.critic_turns = 1
    config.learning_rate = 2e-3
    return config
