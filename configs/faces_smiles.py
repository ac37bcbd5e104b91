"""Faces to smiling faces, on-manifold as the paper's faces to women's faces (section 4.1, Fig. 5).

    python -m minegan_jax.main --config=configs/smiles_classifier.py --workdir=JUDGE
    python -m minegan_jax.main --mode=compare --config=configs/faces_smiles.py:fletcher \
        --workdir=SMILES

The argument names a published generator of faces, whose boxes `faces.py` has; `photos/smiles`
holds photographs in the folders `smiling` and `not_smiling`. Those of the half that the judge did
not learn from are mined for: 100 or 400 smiling ones, 200 others held out, all grey, 64 pixels. The
judge is a classifier of this project, which sees 24 pixels, so that a generator without detail is
not taken for one that does not smile; it is right in 87 of 100 held-out photographs, as many of
each kind. Distances are those of EfficientNet-Lite0, whose weights
`weights_conversion.efficientnet_lite0` brings.

All methods get the same images, minibatches and steps. `MineGAN` mines for 300 of 500 steps and
finetunes for 200; both rows of it are in the table, and the source as it came. What is trained from
nothing has the best of the rates 2e-4, 1e-3 and 3e-3, found with a seed that the table has not.

`faces_smiles.py:fletcher+anigan+svhn` mines three generators in one game, of which two show no
people: how often is each used (section 3.3)?
"""

from collections.abc import Sequence

from ml_collections import ConfigDict

from minegan_jax.config import load_config
from minegan_jax.experiment.comparison_config import default_comparison

SMILING = 1  # the label of the second folder


def get_config(name: str = "fletcher") -> ConfigDict:
    """Returns the comparison of a source."""
    config = default_comparison()
    config.fields = load_config(f"faces:{name}")
    config.fields.target.update(
        images="folder:photos/smiles", labels=(SMILING,), part="2/2", num_held_out=200
    )
    config.fields.report.update(
        features="efficientnet_lite0:weights/efficientnet_lite0.safetensors",
        classifier="classifier:JUDGE/classifier",
        num_images=500,
    )
    config.fields.run.update(mine_steps=300, finetune_steps=200, sample_every_steps=0)
    config.fields.run.batch_size = 16
    config.fields.game.critic_steps = 2
    steps = config.fields.run.mine_steps + config.fields.run.finetune_steps
    config.settings = {name: {}}
    config.methods = {
        "MineGAN": {"method": "minegan"},
        "TransferGAN": {"method": "transfergan", "run": {"finetune_steps": steps}},
        "scratch": {
            "method": "scratch",
            "sources": (),
            "view": {"boxes": ()},
            "network": {"family": "dcgan", "resolution": 32, "width": 32, "latent_size": 100},
            "run": {"train_steps": steps},
            "game": {"learning_rate": 3e-3},
        },
    }
    config.max_images = (100, 400)
    config.metrics = ("target_accuracy", "frechet_distance", "kmmd", "coverage", "near_copies")
    config.source_row = True
    if "+" in name:
        _several(config, name.split("+"))
    return config


def _several(config: ConfigDict, names: Sequence[str]) -> None:
    """Asks for how often each of several sources is used."""
    config.methods = {"MineGAN": config.methods.MineGAN.to_dict()}
    config.max_images = (100,)
    shares = (f"probability:{name}" for name in names)
    config.metrics = (*shares, "target_accuracy", "frechet_distance", "coverage")
