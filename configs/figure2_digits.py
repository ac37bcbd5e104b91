"""Fig. 2 on digits: do M^z and M^c mine better when u draws a class as well (section 3.3)?

    python -m minegan_jax.main --mode=compare --config=configs/figure2_digits.py --workdir=FIG2

As printed, both miners see u alone. Here u may also draw a class of the source, which both see; at
the first step the generator then makes each of its classes as often, as it always did. Both ways
with all else equal, off- and on-manifold, as in `bigGAN_digits.py`; rows of both phases.
"""

from ml_collections import ConfigDict

from minegan_jax.config import load_config
from minegan_jax.experiment.comparison_config import default_comparison


def get_config() -> ConfigDict:
    """Returns the comparison."""
    config = default_comparison()
    config.fields = load_config("bigGAN_digits")
    config.fields.report.num_images = 500
    config.settings = {
        "off-manifold": {"sources": ("biggan_digits_0_to_8",), "target": {"labels": (9,)}},
        "on-manifold": {"sources": ("biggan_digits",), "target": {"labels": (7,)}},
    }
    config.methods = {
        "u and a class": {"method": "minegan"},
        "u alone": {"method": "minegan", "miner": {"draws_class": False}},
    }
    config.metrics = ("frechet_distance", "target_accuracy", "coverage", "mean_variance")
    return config
