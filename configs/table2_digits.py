"""Table 2 and Fig. 6 on digits: MineGAN beside its alternatives, off- and on-manifold (section 4).

    python -m minegan_jax.main --mode=compare --config=configs/table2_digits.py --workdir=TABLE2

The sources are narrow conditional BigGANs of 32 pixels. Off-manifold the target is the nine and the
source knows the digits 0 to 8; on-manifold it is the seven and the source knows all ten. Where the
paper's Table 2 says that a method is told the label, it is told: TransferGAN on-manifold the class
of its source, DGN-AM and PPGN which class of their classifier to climb; these two start at any
class of the source, and search its vector as well. BSA and the VAE are those of Fig. 6, here with
the same target images as all others.

Methods that play the game get the same images, minibatches and steps; the others, which have no
critic, their own rates and as many steps as they gain from. Distances are measured in a network
that no method sees, and so is what is recognised: DGN-AM and PPGN climb, and BSA compares the maps
of, a third classifier, `digits_guide`. Two hundred images are measured of each, because DGN-AM and
PPGN search for one about as long as a minibatch takes to learn from.

What each method has was chosen from `GRIDS`, by Frechet distance with a seed that the table has
not. `table2_digits.py:search` makes that search again; `:rates` that of the game's methods alone,
`:bsa`, `:vae` and `:iterative` (DGN-AM and PPGN) the others'. `:long` mines and finetunes as long
as `bigGAN_digits.py`, and shows the source beside it.
"""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from ml_collections import ConfigDict

from minegan_jax.config import load_config
from minegan_jax.errors import InputError
from minegan_jax.experiment.comparison_config import default_comparison

SEARCH_SEED = 7
# What was tried of each method: one field at a time, the others as in the table.
GRIDS: Mapping[str, Mapping[str, tuple[float, ...]]] = MappingProxyType(
    {
        "scratch": {"learning_rate": (1e-4, 2e-4, 5e-4, 1e-3)},
        "TransferGAN": {"learning_rate": (5e-5, 1e-4, 2e-4, 5e-4, 1e-3)},
        "MineGAN": {
            "miner_learning_rate": (5e-4, 1e-3, 2e-3),
            "learning_rate": (5e-5, 1e-4, 2e-4, 5e-4),
        },
        "DGN-AM": {
            "search_step_size": (0.01, 0.03, 0.1, 0.4),
            "search_prior": (0.0, 0.01, 0.03),
            "search_noise": (0.0, 0.03),
        },
        "PPGN": {
            "search_step_size": (0.01, 0.03, 0.1),
            "search_prior": (1e-5, 0.01, 0.1, 1.0),
            "search_noise": (0.0, 0.03),
        },
        "BSA": {
            "learning_rate": (5e-4, 5e-3, 3e-2),
            "perceptual_weight": (1e-3, 0.1, 1.0),
            "truncation": (0.3, 0.6, 1.0),
            "finetune_steps": (300, 1000, 3000, 10000),
        },
        "VAE": {
            "learning_rate": (5e-4, 1e-3, 2e-3),
            "kl_weight": (0.02, 0.05, 0.1, 0.5),
            "width": (16, 32),
            "train_steps": (1000, 3000),
        },
    }
)


def get_config(part: str = "") -> ConfigDict:
    """Returns the comparison; `part` may name one of `PARTS`."""
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
    searched = {"classifier": "digits_guide", "classes": "all"}
    config.methods = {
        "scratch": {
            **{"method": "scratch", "train_steps": steps, **fresh},
            **{"family": "biggan", "width": 8, "latent_size": 32},
        },
        "TransferGAN": {"method": "transfergan", "finetune_steps": steps},
        "MineGAN": {"method": "minegan", "classes": "all"},
        "DGN-AM": {"method": "dgn_am", **searched, "search_step_size": 0.03},
        "PPGN": {
            **{"method": "ppgn", "width": 16, "learning_rate": 1e-3, "train_steps": 2000},
            **{"sample_every_steps": 0, **searched, "search_step_size": 0.03},
        },
        "BSA": {
            **{"method": "bsa", "classes": "all", "finetune_steps": 3000},
            **{"learning_rate": 5e-3, "miner_learning_rate": 5e-2, "beta1": 0.9, "beta2": 0.999},
            **{"perceptual": "digits_guide", "perceptual_weight": 0.001, "truncation": 0.3},
        },
        "VAE": {
            **{"method": "vae", "train_steps": 3000, **fresh},
            **{"family": "dcgan", "width": 16, "latent_size": 16, "kl_weight": 0.1},
            **{"learning_rate": 1e-3, "beta1": 0.5, "beta2": 0.9},
        },
    }
    config.figures = ("frechet_distance", "kmmd", "hits", "mean_variance")
    if part:
        PARTS[part](config)
    return config


def _search(names: tuple[str, ...], config: ConfigDict) -> None:
    """Compares settings of some methods with a seed that the table has not."""
    tried: dict[str, dict[str, Any]] = {}
    for name in names:
        fields = config.methods[name].to_dict()
        tried[name] = fields
        for field, values in GRIDS[name].items():
            has = fields.get(field, config.fields[field])
            others = [value for value in values if value != has]
            tried |= {f"{name}, {field} {_written(v)}": {**fields, field: v} for v in others}
    config.methods = tried
    config.seeds = (SEARCH_SEED,)


def _written(value: float) -> str:
    """Writes a number without a dot, which no name of a method may have: 0.03 as 3e-2."""
    if float(value).is_integer():
        return str(int(value))
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def _long(config: ConfigDict) -> None:
    config.fields = load_config("bigGAN_digits")
    steps = config.fields.mine_steps + config.fields.finetune_steps
    config.settings = {
        f"{name}, {steps} steps": fields for name, fields in config.settings.to_dict().items()
    }
    config.methods = {"MineGAN": config.methods.MineGAN.to_dict()}
    config.figures = ("hits", "frechet_distance", "kmmd", "coverage", "near_copies")
    config.source_row = True


PARTS: Mapping[str, Callable[[ConfigDict], None]] = MappingProxyType(
    {
        "search": partial(_search, tuple(GRIDS)),
        "rates": partial(_search, ("scratch", "TransferGAN", "MineGAN")),
        "bsa": partial(_search, ("BSA",)),
        "vae": partial(_search, ("VAE",)),
        "iterative": partial(_search, ("DGN-AM", "PPGN")),
        "long": _long,
    }
)
