"""A narrow conditional BigGAN of photographs at 32 pixels, to mine without labels.

    python -m minegan_jax.main --config=configs/bigGAN_photos_pretrain.py:4 --workdir=SCENES \
        --config.target.images=folder:PHOTOS

`photos` is a folder with a sub-folder for each class; the argument is how many. From a source of
digits that comes with the package, `bigGAN_digits.py` shows the same. Leaves `SCENES/source`, in
half an hour on one busy CPU core. The generator learns more slowly than its critic: at 1e-3, twice
the critic's rate, the critic told nothing apart any more after a thousand steps, and the images
became alike.
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config


def get_config(num_classes: str = "4") -> ConfigDict:
    """Returns the experiment for a source of so many classes of photographs."""
    config = load_config(f"bigGAN_digits_pretrain:{num_classes}")
    config.target.images = "folder:photos"
    config.target.exclude = None
    config.target.part = ""
    config.network.channels = 3
    config.target.colour = "convert"
    config.target.flip = True
    config.network.latent_size = 64
    config.run.train_steps = 3000
    config.run.batch_size = 32
    config.game.learning_rate = 2e-4
    config.game.critic_learning_rate = 5e-4
    return config
