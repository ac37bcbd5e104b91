"""Fig. 6 on digits: KMMD and mean variance beside BSA and a VAE (section 4.1).

    python -m minegan_jax.main --mode=compare --config=configs/figure6_digits.py --workdir=BSA

The source is a narrow BigGAN of the digits 0 to 8, the target 100 nines. BSA and the VAE learn
without a critic, so their numbers of steps are their own.
"""

from ml_collections import ConfigDict

from minegan_jax.comparison import default_comparison
from minegan_jax.config import load_config


def get_config() -> ConfigDict:
    """Returns the comparison."""
    game = load_config("bigGAN_digits")
    steps = game.mine_steps + game.finetune_steps
    config = default_comparison()
    config.fields = game
    config.settings = {"off-manifold": {}}
    fresh = {"sources": (), "family": "biggan", "resolution": 32, "width": 8, "latent_size": 32}
    config.methods = {
        "scratch": {"method": "scratch", "train_steps": steps, **fresh},
        "TransferGAN": {"method": "transfergan", "finetune_steps": steps},
        "MineGAN": {"method": "minegan"},
        "BSA": {"method": "bsa"},
        "VAE": {"method": "vae", **fresh},
    }
    config.max_images = (100,)
    return config
