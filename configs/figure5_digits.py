"""Fig. 5 on digits: how many target images a method needs (section 4.1).

    python -m minegan_jax.main --mode=compare --config=configs/figure5_digits.py --workdir=CURVES

Off-manifold the target is the nine, which the packaged source never saw, on-manifold the seven; the
package has 500 of each, of which 100 are held out. All methods get the same 250 steps, of 16
images, so that the 54 runs take little more than an hour of one CPU core. The curves show seeds as
bands; with 10 images KMMD's floor is far above 0. `figure5_digits.py:rates` is the search for each
method's rate, with a seed that the curves have not. `figure5_digits.py:long` takes the 600 steps,
of 64 images and with 5 turns of the critic, of `mnist.py`, with 400 nines: 9 runs, another hour.
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config
from minegan_jax.errors import InputError
from minegan_jax.experiment.comparison_config import default_comparison, search

# What was tried of each method, off-manifold with 100 images and a seed that the curves have not.
TRIED = {"game.learning_rate": (1e-4, 2e-4, 5e-4, 1e-3, 2e-3)}
GRIDS = {
    "scratch": {"game.learning_rate": (*TRIED["game.learning_rate"], 5e-3, 1e-2)},
    "TransferGAN": TRIED,
    "MineGAN": {**TRIED, "miner.learning_rate": (5e-4, 1e-3, 2e-3)},
}
SHORT = {
    "run": {"mine_steps": 200, "finetune_steps": 50, "batch_size": 16},
    "game": {"critic_steps": 2},
}


def get_config(length: str = "short") -> ConfigDict:
    """Returns the comparison; `length` is "short", "long" or "rates"."""
    if length not in ("short", "long", "rates"):
        raise InputError(f"figure5_digits:{length}: expected short, long or rates")
    config = default_comparison()
    config.fields = load_config("mnist")
    config.fields.report.num_images = 500
    if length != "long":
        config.fields.update(SHORT)
    steps = config.fields.run.mine_steps + config.fields.run.finetune_steps
    nines, sevens = {"target": {"labels": (9,)}}, {"target": {"labels": (7,)}}
    config.methods = {
        "scratch": {"method": "scratch", "sources": (), "run": {"train_steps": steps}},
        "TransferGAN": {"method": "transfergan", "run": {"finetune_steps": steps}},
        "MineGAN": {"method": "minegan"},
    }
    if length == "long":
        config.settings = {f"off-manifold, {steps} steps": nines}
    elif length == "short":
        config.settings = {"off-manifold": nines, "on-manifold": sevens}
        config.max_images = (10, 100, 400)
    else:
        config.settings = {"off-manifold": nines}
        config.max_images = (100,)
        search(config, GRIDS)
    config.metrics = ("frechet_distance", "kmmd", "target_accuracy", "near_copies")
    return config
