"""Table 1 on digits: two sources and three mixtures of their digits (sections 3.3 and 4.1).

    python -m minegan_jax.main --mode=compare --config=configs/table1_digits.py --workdir=TABLE1

The sources are GANs of the digits 0 to 4 and 5 to 9, the target 200 images of twos and nines at
3 to 7, 5 to 5 and 7 to 3. Beside the distance stand p of the first source, which should be
the share of twos, and what the judge recognises.
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config
from minegan_jax.experiment.comparison_config import default_comparison


def get_config() -> ConfigDict:
    """Returns the comparison."""
    config = default_comparison()
    config.fields = load_config("mnist_two_sources")
    config.fields.run.update(mine_steps=200, batch_size=32)
    config.fields.game.critic_steps = 2
    config.settings = {
        f"{twos} to {10 - twos}": {"target": {"ratios": (twos / 10, (10 - twos) / 10)}}
        for twos in (3, 5, 7)
    }
    config.methods = {"MineGAN": {"method": "minegan"}}
    config.max_images = (200,)
    config.metrics = ("frechet_distance", "probability:digits_0_to_4", "recognised:2")
    return config
