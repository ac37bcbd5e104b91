"""Trains the classifier that judges smiles, on one half of labelled photographs of faces.

    python -m minegan_jax.main --config=configs/smiles_classifier.py --workdir=JUDGE

`photos/smiles` is a folder of images in the folders smiling and not_smiling. With digits,
`digits_classifier.py` shows the same with MNIST. Runs take the other half: give them
`--config.target.part=2/2` and `--config.report.classifier=classifier:JUDGE/classifier`. Which half
an image belongs to, its pixels decide. It learns from as many of each kind, at no more pixels than
small generators show in a face.
"""

from ml_collections import ConfigDict

from minegan_jax.config import default_config


def get_config() -> ConfigDict:
    """Returns the experiment."""
    config = default_config()
    config.method = "classifier"
    config.target.images = "folder:photos/smiles"
    config.target.part = "1/2"
    config.target.labels = ("not_smiling", "smiling")
    config.target.ratios = (0.5, 0.5)
    config.target.num_held_out = 500
    config.target.flip = True
    config.network.num_classes = 2
    config.network.resolution = 24
    config.network.width = 16
    config.network.num_features = 64
    config.run.train_steps = 1500
    config.run.batch_size = 64
    config.baseline.learning_rate = 1e-3
    return config
