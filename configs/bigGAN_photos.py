"""Two miners in front of a small BigGAN of photographs, for others without labels (section 3.3).

    python -m minegan_jax.main --config=configs/bigGAN_photos_pretrain.py:4 --workdir=SCENES \
        --config.target.images=folder:PHOTOS
    python -m minegan_jax.main --config=configs/bigGAN_photos.py --workdir=LAKES \
        --config.sources=SCENES/source --config.target.images=folder:LAKES_PHOTOS \
        --config.report.features=efficientnet_lite0:efficientnet.safetensors

`bigGAN_photos_pretrain.py` makes the source of photographs in four sub-folders, one a class.
`photos` is a folder of your images. `bigGAN_digits.py` shows the same with what the package brings,
but nothing here knows what is on a photograph: no judge, and features that the user names.
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config


def get_config() -> ConfigDict:
    """Returns the experiment."""
    config = load_config("bigGAN_digits")
    config.sources = ()
    config.target.images = "folder:photos"
    config.target.labels = ()
    config.target.colour = "convert"
    config.target.flip = True
    config.run.mine_steps = 400
    config.game.learning_rate = 2e-4
    config.report.classifier = ""
    config.report.num_images = 500
    return config
