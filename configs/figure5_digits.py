"""Fig. 5 on digits: how many target images a method needs (section 4.1).

    python -m minegan_jax.main --mode=compare --config=configs/figure5_digits.py --workdir=CURVES

Off-manifold the target is the nine, which the packaged source never saw, on-manifold the seven; the
package has 500 of each, of which 100 are held out. All methods get the same 250 steps, of 16
images, so that the 54 runs take little more than an hour of one CPU core. The curves show seeds as
bands; with 10 images KMMD's floor is far above 0. `figure5_digits.py:long` takes the 600 steps of
`mnist.py`, of 64 images and with 5 turns of the critic, with 400 nines: 9 runs, another hour.

Each method has its best rates. `figure5_digits.py:rates` and `:long_rates` are the searches, one
field at a time, with a seed that the curves have not. The miner's rate is the one whose mined
images are nearest, the others are chosen by finetuned ones.
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config, nested
from minegan_jax.errors import InputError
from minegan_jax.experiment.comparison_config import default_comparison, search

# What was tried of each method, off-manifold with 100 images and a seed that the curves have not.
TRIED = {"game.learning_rate": (1e-4, 2e-4, 5e-4, 1e-3, 2e-3)}
GRIDS = {
    "scratch": {"game.learning_rate": (*TRIED["game.learning_rate"], 5e-3, 1e-2)},
    "TransferGAN": TRIED,
    "MineGAN": {**TRIED, "miner.learning_rate": (5e-4, 1e-3, 2e-3)},
}
# The best of these for 250 steps, by Frechet distance.
BEST = {
    "scratch": {"game.learning_rate": 5e-3},
    "TransferGAN": {"game.learning_rate": 1e-3},
    "MineGAN": {"miner.learning_rate": 2e-3, "game.learning_rate": 1e-3},
}
SHORT = {
    "run": {"mine_steps": 200, "finetune_steps": 50, "batch_size": 16},
    "game": {"critic_steps": 2},
}
PARTS = ("short", "rates", "long", "long_rates")


def get_config(part: str = "short") -> ConfigDict:
    """Returns the comparison; `part` is one of `PARTS`."""
    if part not in PARTS:
        raise InputError(f"figure5_digits:{part}: expected one of {', '.join(PARTS)}")
    is_long, is_search = part.startswith("long"), part.endswith("rates")
    config = default_comparison()
    config.fields = load_config("mnist")
    config.fields.report.num_images = 500
    if not is_long:
        config.fields.update(SHORT)
    steps = config.fields.run.mine_steps + config.fields.run.finetune_steps
    nines, sevens = {"target": {"labels": (9,)}}, {"target": {"labels": (7,)}}
    methods = {
        "scratch": {"method": "scratch", "sources": (), "run.train_steps": steps},
        "TransferGAN": {"method": "transfergan", "run.finetune_steps": steps},
        "MineGAN": {"method": "minegan"},
    }
    best = {} if is_long or is_search else BEST
    config.methods = {name: nested({**methods[name], **best.get(name, {})}) for name in methods}
    if is_long:
        config.settings = {f"off-manifold, {steps} steps": nines}
    else:
        config.settings = {"off-manifold": nines, "on-manifold": sevens}
        config.max_images = (10, 100, 400)
    if is_search:
        config.settings, config.max_images = {"off-manifold": nines}, (100,)
        search(config, GRIDS)
    config.metrics = ("frechet_distance", "kmmd", "target_accuracy", "near_copies")
    return config
