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

What each method has was chosen from `GRIDS`, by Frechet distance off-manifold with a seed that the
table has not. `table2_digits.py:search` makes that search again; `:rates` that of the game's
methods alone, `:bsa`, `:vae` and `:iterative` (DGN-AM and PPGN) the others'. `:long` mines and
finetunes as long as `bigGAN_digits.py`, and shows the source beside it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ml_collections import ConfigDict

from minegan_jax.config import load_config, nested
from minegan_jax.errors import InputError
from minegan_jax.experiment.comparison_config import default_comparison, search

# What was tried of each method: one field at a time, the others as in `_methods` and the recipe.
GRIDS: Mapping[str, Mapping[str, tuple[float, ...]]] = MappingProxyType(
    {
        "scratch": {"game.learning_rate": (1e-4, 2e-4, 5e-4, 1e-3, 2e-3)},
        "TransferGAN": {"game.learning_rate": (5e-5, 1e-4, 2e-4, 5e-4, 1e-3)},
        "MineGAN": {
            "miner.learning_rate": (5e-4, 1e-3, 2e-3),
            "game.learning_rate": (2e-5, 5e-5, 1e-4, 2e-4, 5e-4),
        },
        "DGN-AM": {
            "baseline.search_step_size": (0.01, 0.03, 0.1, 0.4),
            "baseline.search_prior": (0.0, 0.01, 0.03),
            "baseline.search_noise": (0.0, 0.03),
        },
        "PPGN": {
            "baseline.search_step_size": (0.01, 0.03, 0.1),
            "baseline.search_prior": (1e-5, 0.01, 0.1, 1.0),
            "baseline.search_noise": (0.0, 0.03),
        },
        "BSA": {
            "baseline.learning_rate": (5e-4, 5e-3, 3e-2),
            "baseline.perceptual_weight": (1e-3, 0.1, 1.0),
            "baseline.truncation": (0.3, 0.6, 1.0),
            "run.finetune_steps": (300, 1000, 3000, 10000),
        },
        "VAE": {
            "baseline.learning_rate": (5e-4, 1e-3, 2e-3),
            "baseline.kl_weight": (0.02, 0.05, 0.1, 0.5),
            "network.width": (16, 32),
            "run.train_steps": (1000, 3000),
        },
    }
)

# What a part searches for, by its name.
SEARCHES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "search": tuple(GRIDS),
        "rates": ("scratch", "TransferGAN", "MineGAN"),
        "bsa": ("BSA",),
        "vae": ("VAE",),
        "iterative": ("DGN-AM", "PPGN"),
    }
)
PARTS = ("", *SEARCHES, "long")
# The best of these for the game's methods, searched from the recipe's 5e-4.
RATES = {"scratch": 1e-3, "TransferGAN": 2e-4, "MineGAN": 2e-5}


def get_config(part: str = "") -> ConfigDict:
    """Returns the comparison, or another of `PARTS`."""
    if part not in PARTS:
        raise InputError(f"table2_digits:{part}: expected one of {', '.join(PARTS[1:])}")
    config = default_comparison()
    config.fields = load_config("bigGAN_digits")
    config.fields.run.update(mine_steps=200, finetune_steps=100, batch_size=16)
    config.fields.report.num_images = 200
    steps = config.fields.run.mine_steps + config.fields.run.finetune_steps
    nine, seven = {"target": {"labels": (9,)}}, {"target": {"labels": (7,)}}
    config.settings = {
        "off-manifold": {"sources": ("biggan_digits_0_to_8",), **nine},
        "on-manifold": {"sources": ("biggan_digits",), "classes": "7", **seven},
    }
    config.methods = {name: nested(fields) for name, fields in _methods(steps).items()}
    config.metrics = ("frechet_distance", "kmmd", "target_accuracy", "mean_variance")
    if part in SEARCHES:
        search(config, {name: GRIDS[name] for name in SEARCHES[part]})
        config.settings = {"off-manifold": config.settings["off-manifold"].to_dict()}
        return config
    for name, rate in RATES.items():
        config.methods[name].update(nested({"game.learning_rate": rate}))
    if part == "long":
        _long(config)
    return config


def _methods(steps: int) -> dict[str, dict[str, Any]]:
    """Returns what each method is given; those that play the game take so many steps."""
    fresh = {"sources": (), "network.resolution": 32}
    searched = {
        **{"classes": "all", "baseline.classifier": "digits_guide"},
        "baseline.search_step_size": 0.03,
    }
    return {
        "scratch": {
            **{"method": "scratch", "run.train_steps": steps, **fresh},
            **{"network.family": "biggan", "network.width": 8, "network.latent_size": 32},
        },
        "TransferGAN": {"method": "transfergan", "run.finetune_steps": steps},
        "MineGAN": {"method": "minegan", "classes": "all"},
        "DGN-AM": {"method": "dgn_am", **searched},
        "PPGN": {
            **{"method": "ppgn", "run.train_steps": 2000, "run.sample_every_steps": 0},
            **{"baseline.encoder_width": 16, "baseline.learning_rate": 1e-3, **searched},
            **{"baseline.beta1": 0.0, "baseline.beta2": 0.99},
        },
        "BSA": {
            **{"method": "bsa", "classes": "all", "run.finetune_steps": 3000},
            **{"baseline.learning_rate": 5e-3, "baseline.latent_learning_rate": 5e-2},
            **{"baseline.beta1": 0.9, "baseline.beta2": 0.999, "baseline.truncation": 0.3},
            **{"baseline.perceptual": "digits_guide", "baseline.perceptual_weight": 0.001},
        },
        "VAE": {
            **{"method": "vae", "run.train_steps": 3000, **fresh},
            **{"network.family": "dcgan", "network.width": 16, "network.latent_size": 16},
            **{"baseline.learning_rate": 1e-3, "baseline.kl_weight": 0.1},
        },
    }


def _long(config: ConfigDict) -> None:
    config.fields = load_config("bigGAN_digits")
    steps = config.fields.run.mine_steps + config.fields.run.finetune_steps
    config.settings = {
        f"{name}, {steps} steps": fields for name, fields in config.settings.to_dict().items()
    }
    config.methods = {"MineGAN": config.methods.MineGAN.to_dict()}
    config.metrics = ("target_accuracy", "frechet_distance", "kmmd", "coverage", "near_copies")
    config.source_row = True
