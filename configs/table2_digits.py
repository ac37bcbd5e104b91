"""Table 2 and Fig. 6 on digits: MineGAN beside its alternatives, off- and on-manifold (section 4).

    python -m minegan_jax.main --mode=compare --config=configs/table2_digits.py --workdir=TABLE2

The sources are narrow conditional BigGANs of 32 pixels. Off-manifold the target is the nine and the
source knows the digits 0 to 8; on-manifold it is the seven and the source knows all ten. Where the
paper's Table 2 says that a method is told the label, it is told: TransferGAN on-manifold the class
of its source, DGN-AM and PPGN which class of their classifier to climb. BSA and the VAE are
those of Fig. 6, here with the same target images as all others.

Methods that play the game get the same images, minibatches and steps; BSA and the VAE learn without
a critic, at their own rates. Distances are measured in a network that no method sees: DGN-AM and
PPGN climb `digits_judge`, so nothing judges them. Two hundred images are measured of each, because
these two search for one about as long as a minibatch takes to learn from.

`table2_digits.py:rates` finetunes at other rates, with a seed that the table has not; `:vae` trusts
the VAE's code less; `:long` mines and finetunes as long as `bigGAN_digits.py`, and shows the source
beside it.
"""

from ml_collections import ConfigDict

from minegan_jax.comparison import default_comparison
from minegan_jax.config import load_config
from minegan_jax.errors import InputError

RATES = (5e-4, 2e-4, 1e-4)


def get_config(part: str = "") -> ConfigDict:
    """Returns the comparison; `part` may be "rates", "vae" or "long"."""
    if part and part not in PARTS:
        raise InputError(f"table2_digits:{part}: expected one of {', '.join(PARTS)}")
    config = default_comparison()
    config.fields = load_config("bigGAN_digits")
    config.fields.update(mine_steps=200, finetune_steps=100, batch_size=16, num_report_images=200)
    steps = config.fields.mine_steps + config.fields.finetune_steps
    config.settings = {
        "off-manifold": {"sources": ("biggan_digits_0_to_8",), "labels": (9,)},
        "on-manifold": {"sources": ("biggan_digits",), "labels": (7,), "classes": "7"},
    }
    fresh = {"sources": (), "classes": "all", "resolution": 32}
    seen = {"classifier": "digits_judge", "judge": ""}
    config.methods = {
        "scratch": {
            **{"method": "scratch", "train_steps": steps, **fresh},
            **{"family": "biggan", "width": 8, "latent_size": 32},
        },
        "TransferGAN": {"method": "transfergan", "finetune_steps": steps},
        "MineGAN": {"method": "minegan", "classes": "all"},
        "DGN-AM": {"method": "dgn_am", **seen},
        "PPGN": {
            **{"method": "ppgn", "width": 16, "learning_rate": 1e-3, "train_steps": 500},
            **{"sample_every_steps": 0, **seen},
        },
        "BSA": {
            **{"method": "bsa", "classes": "all", "finetune_steps": steps},
            **{"learning_rate": 5e-3, "miner_learning_rate": 5e-2, "beta1": 0.9, "beta2": 0.999},
        },
        "VAE": {
            **{"method": "vae", "train_steps": 1000, **fresh},
            **{"family": "dcgan", "width": 16, "latent_size": 16, "kl_weight": 0.1},
            **{"learning_rate": 1e-3, "beta1": 0.5, "beta2": 0.9},
        },
    }
    config.figures = ("frechet_distance", "kmmd", "hits", "mean_variance")
    if part:
        PARTS[part](config)
    return config


def _rates(config: ConfigDict) -> None:
    config.methods = {
        f"{name}, {round(1e4 * rate)}e-4": {
            **config.methods[name].to_dict(),
            "learning_rate": rate,
            "critic_learning_rate": RATES[0],
        }
        for name in ("MineGAN", "TransferGAN")
        for rate in RATES
    }
    config.seeds = (7,)


def _vae(config: ConfigDict) -> None:
    config.methods = {"VAE, kl_weight 1/2": {**config.methods.VAE.to_dict(), "kl_weight": 0.5}}
    config.settings = {"off-manifold": config.settings["off-manifold"].to_dict()}


def _long(config: ConfigDict) -> None:
    config.fields = load_config("bigGAN_digits")
    steps = config.fields.mine_steps + config.fields.finetune_steps
    config.settings = {
        f"{name}, {steps} steps": fields for name, fields in config.settings.to_dict().items()
    }
    config.methods = {"MineGAN": config.methods.MineGAN.to_dict()}
    config.figures = ("hits", "frechet_distance", "kmmd", "coverage", "near_copies")
    config.source_row = True


PARTS = {"rates": _rates, "vae": _vae, "long": _long}
