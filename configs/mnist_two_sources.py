"""Two GANs, digits 0 to 4 and 5 to 9, and a target that mixes one digit of each (section 4.1).

    python -m minegan_jax.main --config=configs/mnist_two_sources.py:0.3 --workdir=RUN

The argument is the first source's share of the 200 target images: twos, the others are nines. It
does at the size of digits what the paper does with cars and buses, where the selector found 0.34,
0.48 and 0.64 for true shares of 0.3, 0.5 and 0.7 (Table 1).

The paper averages win rates over its last 1,000 minibatches, in far longer runs. Here that would be
all of them, and p that of generators which finetuning has left behind: it goes over the last 50, as
far back as the average of the weights that sample (1 / (1 - 0.98)). After mining alone p is a
little nearer to equal shares than the target (0.64 for 0.7), whatever the window; finetuning mends
that.
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config


def get_config(share: str = "0.5") -> ConfigDict:
    """Returns the experiment for the first source's share of the target."""
    config = load_config("mnist")
    config.sources = ("digits_0_to_4", "digits_5_to_9")
    config.target.labels = (2, 9)
    config.target.ratios = (float(share), round(1.0 - float(share), 6))
    config.target.max_images = 200
    config.run.mine_steps = 300
    config.run.finetune_steps = 100
    config.selector.window = round(1.0 / (1.0 - config.game.ema_decay))
    return config
