"""Makes the packaged feature network `digits` again; arguments `judge` and `guide` make the others.

    python -m minegan_jax.main --config=configs/digits_classifier.py --workdir=RUN

Each learns a third of MNIST's training images, without the 5,000 of `digits`, which they are tested
on and which targets are drawn from; the packaged sources learn the other third. So the network that
measures, the one that judges and the sources never saw an image in common. `guide`, which baselines
ask in training (BSA's perceptual loss, the class that DGN-AM and PPGN climb), judges nothing and
shares the sources' third.
"""

from ml_collections import ConfigDict

from minegan_jax.config import default_config


def get_config(which: str = "features") -> ConfigDict:
    """Returns the experiment for `features`, `judge` or `guide`."""
    config = default_config()
    config.method = "classifier"
    config.target.images = "tfds:mnist:train"
    config.target.exclude = "digits"
    config.target.part = {"features": "2/3", "judge": "3/3", "guide": "1/3"}[which]
    config.network.num_classes = 10
    config.network.width = {"features": 24, "judge": 20, "guide": 16}[which]
    config.network.num_features = {"features": 64, "judge": 96, "guide": 64}[which]
    config.run.seed = {"features": 0, "judge": 1, "guide": 2}[which]
    config.run.train_steps = 4000
    config.run.batch_size = 128
    config.baseline.learning_rate = 2e-3
    return config
