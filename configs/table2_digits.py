"""Table 2 on digits: MineGAN beside its alternatives, off- and on-manifold (section 4.2).

    python -m minegan_jax.main --mode=compare --config=configs/table2_digits.py --workdir=TABLE

The sources are narrow conditional BigGANs of 32 pixels. Off-manifold the target is the nine and the
source knows the digits 0 to 8; on-manifold it is the seven and the source knows all ten. Where the
paper's Table 2 says that a method is told the label, it is told: TransferGAN on-manifold the class
of its source, DGN-AM and PPGN which class of their classifier to climb.

Methods that play the game get the same images, minibatches and steps. Distances are measured in a
network that no method sees: DGN-AM and PPGN climb `digits_judge`, so nothing judges them.
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
    config.settings = {
        "off-manifold": {"sources": ("biggan_digits_0_to_8",), "labels": (9,)},
        "on-manifold": {"sources": ("biggan_digits",), "labels": (7,), "classes": "7"},
    }
    fresh = {"sources": (), "family": "biggan", "resolution": 32, "width": 8, "latent_size": 32}
    seen = {"classifier": "digits_judge", "judge": ""}
    config.methods = {
        "scratch": {"method": "scratch", "train_steps": steps, "classes": "all", **fresh},
        "TransferGAN": {"method": "transfergan", "finetune_steps": steps},
        "MineGAN": {"method": "minegan", "classes": "all"},
        "DGN-AM": {"method": "dgn_am", **seen},
        "PPGN": {"method": "ppgn", "width": 16, "learning_rate": 1e-3, **seen},
    }
    return config
