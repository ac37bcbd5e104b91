"""Fig. 3 on digits: the digits 5, 8 and 9 from a source that never saw one (section 4.1).

    python -m minegan_jax.main --mode=compare --config=configs/figure3_digits.py --workdir=FIG3

The paper leaves one digit out of its source's data; the packaged source here, `digits_0_to_4`,
knows five digits and none of the three targets. 400 target images (the paper: 1000). Only the
miner learns, as in the figure.
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config
from minegan_jax.experiment.comparison_config import default_comparison


def get_config() -> ConfigDict:
    """Returns the comparison."""
    config = default_comparison()
    config.fields = load_config("mnist")
    config.fields.run.update(mine_steps=200, batch_size=32)
    config.fields.game.critic_steps = 2
    config.settings = {str(digit): {"target": {"labels": (digit,)}} for digit in (5, 8, 9)}
    config.methods = {
        "MineGAN (w/o FT)": {"sources": ("digits_0_to_4",), "run": {"finetune_steps": 0}},
    }
    config.metrics = ("target_accuracy", "frechet_distance", "coverage")
    return config
