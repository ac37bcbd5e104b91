"""The critic's first layers may stay as the source has them (FreezeD)."""

import jax
import numpy as np
import pytest

from minegan_jax import config, experiment
from minegan_jax.errors import InputError
from minegan_jax.nets import family
from minegan_jax.sources import load_source

SIZES = {"resolution": 16, "channels": 3, "width": 4, "latent_size": 8}


@pytest.mark.parametrize(
    ("name", "extra", "first", "last"),
    [
        ("dcgan", {}, ["StridedConv_0", "StridedConv_1"], "Dense_0"),
        ("progan", {}, ["from_rgb_16", "first_16"], "score"),
        ("stylegan2", {"num_classes": 2}, ["from_rgb_16", "first_16"], "mapping"),
        ("biggan", {"num_classes": 2, "resolution": 32}, ["block0", "attention0"], "embedding"),
    ],
)
def test_layers_come_in_the_order_in_which_images_pass_them(name, extra, first, last):
    networks = family.build(name, {**SIZES, **extra})
    layers = networks.critic_layers()
    _, critic = jax.eval_shape(networks.init, jax.random.key(0))
    assert list(layers[:2]) == first
    assert layers[-1] == last
    assert set(layers) == set(critic)


@pytest.mark.parametrize("method", ["transfergan", "minegan"])
def test_only_the_others_learn(method, tiny_fields, tiny_source, tmp_path):
    fields = {**tiny_fields, "method": method, "game.freeze_critic_layers": 1}
    run = experiment.train(config.from_values(fields), tmp_path / "run")
    before, after = load_source(str(tiny_source)).critic, run.state().params["critic"]
    frozen = run.experiment.sources[0].networks.critic_layers()[:1]
    for name in before:
        pairs = zip(*map(jax.tree.leaves, (before[name], after[name])), strict=True)
        same = [np.array_equal(a, b) for a, b in pairs]
        assert all(same) if name in frozen else not all(same), name


def test_one_layer_must_learn(tiny_fields, tmp_path):
    fields = {**tiny_fields, "method": "transfergan", "game.freeze_critic_layers": 9}
    with pytest.raises(InputError, match=r"expected fewer than the critic's [0-9], found 9"):
        experiment.train(config.from_values(fields), tmp_path / "run")
