"""Makes the packaged source `mnist_without_9` again: digits 0 to 8, 16,500 images of MNIST.

    python -m minegan_jax.main --config=configs/mnist_pretrain.py --workdir=RUN

The images are a third of MNIST's training set, without the 5,000 of `digits` from which targets and
held-out images are drawn; `digits_classifier.py` has the other two thirds. Leaves `RUN/source`, a
directory that `--config.sources` takes. The argument names the digits: with
`--config=configs/mnist_pretrain.py:01234 --config.run.train_steps=3000
--config.game.ema_decay=0.998` it is `digits_0_to_4`, with 56789 `digits_5_to_9`. About 25 minutes
on 2 CPU cores, 6 for a half. The critic moves twice a step, at twice the generator's rate: in the
same time, that gave better digits than five steps.
"""

from ml_collections import ConfigDict

from minegan_jax.config import default_config


def get_config(digits: str = "012345678") -> ConfigDict:
    """Returns the experiment for a source that knows these digits."""
    config = default_config()
    config.method = "scratch"
    config.target.images = "tfds:mnist:train"
    config.target.exclude = "digits"
    config.target.part = "1/3"
    config.target.labels = tuple(int(digit) for digit in digits)
    config.run.train_steps = 13000
    config.game.critic_steps = 2
    config.game.learning_rate = 5e-4
    config.game.critic_learning_rate = 1e-3
    config.game.beta1 = 0.0
    config.game.ema_decay = 0.9995
    config.run.sample_every_steps = 500
    config.run.checkpoint_every_steps = 250
    return config
