"""Makes the packaged source `mnist_without_9` again: digits 0 to 8, 4,500 images.

    python -m minegan_jax.main --config=configs/mnist_pretrain.py --workdir=RUN

Leaves `RUN/source`, a directory that `--config.sources` takes. The argument names the digits:
`--config=configs/mnist_pretrain.py:01234`.
"""

from ml_collections import ConfigDict

from minegan_jax.config import default_config


def get_config(digits: str = "012345678") -> ConfigDict:
    """Returns the experiment for a source that knows these digits."""
    config = default_config()
    config.method = "scratch"
    config.labels = tuple(int(digit) for digit in digits)
    config.train_steps = 1500
    config.average_decay = 0.995
    return config
