"""Miners behind a mapping network, in w and in w of each layer: they start at the source."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_sources

from minegan_jax import experiment, sources
from minegan_jax.config import from_values
from minegan_jax.errors import InputError
from minegan_jax.experiment import build
from minegan_jax.mining import minegan
from minegan_jax.mining.miner import Miner, ResidualMiner, at_prior, make_miner
from minegan_jax.nets.image_resize import ImageShape
from minegan_jax.sampling.adapter import load_adapter
from minegan_jax.sampling.generator import draw_noise, of_source

MAPPED = ("stylegan2", "mobilestylegan")
SPACES = ("z", "w", "w+")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    return {name: str(tiny_sources.save_source(folder / name, name)) for name in MAPPED}


@pytest.mark.parametrize("name", MAPPED)
@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("start", ["prior", "residual"])
def test_it_starts_at_the_sources_own_images(name, space, start, saved):
    source = sources.load_source(saved[name])
    shape = minegan.MinerShape(depth=2, width=8, start=start, space=space)
    size = source.networks.resolution, source.networks.channels
    view = minegan.view_of([source], ImageShape(*size))
    (mined,) = minegan.mined_sources([source], shape, view)
    miners = minegan.init_miners([source], shape, jax.random.key(0))
    noise = draw_noise(jax.random.key(1), np.arange(5), mined.noise)
    found = mined.generate({"miners": miners[0], "generators": source.generator}, noise)
    own = of_source(source, "all", resolution=size[0], channels=size[1])
    np.testing.assert_allclose(found, own.generate(0, noise), atol=2e-5)


@pytest.mark.parametrize("name", MAPPED)
def test_each_layer_has_a_w_of_its_own(name, saved):
    """Two layers of StyleGAN2 can be given other styles; of MobileStyleGAN there is one."""
    source = sources.load_source(saved[name])
    networks = source.networks
    shape = minegan.MinerShape(depth=2, width=8, start="residual", space="w+")
    (miner,) = minegan.init_miners([source], shape, jax.random.key(0))
    last = miner["Miner_0"]["Dense_1"]
    assert last["kernel"].shape == (8, networks.num_ws * networks.w_size)
    moved = {**miner, "Miner_0": {**miner["Miner_0"]}}
    bias = jnp.zeros(networks.num_ws * networks.w_size).at[-networks.w_size :].set(1.0)
    moved["Miner_0"]["Dense_1"] = {**last, "bias": bias}
    view = minegan.view_of([source], ImageShape(networks.resolution, networks.channels))
    (mined,) = minegan.mined_sources([source], shape, view)
    noise = draw_noise(jax.random.key(1), np.arange(3), mined.noise)
    shape_of_ws = 3, networks.num_ws, networks.w_size
    ws = [
        mined.mined({"miners": each, "generators": source.generator}, noise).reshape(*shape_of_ws)
        for each in (miner, moved)
    ]
    same = np.isclose(ws[0], ws[1]).all(axis=(0, 2))
    assert same.tolist() == [True] * (networks.num_ws - 1) + [False]


def test_a_residual_miner_is_small():
    """For the published 512 numbers, in z or w, a file of less than 300 kB."""
    residual = make_miner(512, "residual", depth=2, width=64)
    usual = make_miner(512, "prior", depth=2, width=64)
    assert isinstance(residual, ResidualMiner)
    counts = [
        sum(
            leaf.size
            for leaf in jax.tree.leaves(
                jax.eval_shape(m.init, jax.random.key(0), jnp.zeros((1, 512)))
            )
        )
        for m in (residual, usual)
    ]
    assert 4 * counts[0] < 300_000
    assert counts[1] > 10 * counts[0]


@pytest.mark.parametrize("copies", [1, 3])
def test_the_start_may_be_repeated(copies):
    draws = jax.random.normal(jax.random.key(0), (4, 5))
    miner = Miner(5 * copies, at_prior(5, copies), 2, 4)
    found, _ = miner.init_with_output(jax.random.key(1), draws)
    np.testing.assert_array_equal(found, jnp.tile(draws, (1, copies)))


@pytest.mark.parametrize("space", ["w", "w+"])
def test_a_run_mines_in_w(space, saved, tiny_fields, tmp_path):
    fields = {**tiny_fields, "sources": (saved["stylegan2"],), "target.colour": "convert"}
    fields |= {"miner.space": space, "miner.start": "residual", "target.enlarge": True}
    fields |= {
        "game.loss": "logistic",
        "game.penalty_weight": 0.0,
        "game.r1_weight": 1.0,
        "game.r1_every": 2,
    }
    fields |= {"game.augment": ("colour", "translation", "cutout")}
    run = experiment.train(from_values(fields), tmp_path / "run")
    images = run.generator("mine").sample(5)
    again = load_adapter(run.workdir / "adapter").sample(5)
    np.testing.assert_array_equal(images, again)
    before = run.generator("source").sample(5)
    assert (images != before).any()
    assert (run.sample(5) != images).any()


def test_a_source_without_a_mapping_network_has_no_w(tiny_fields):
    with pytest.raises(InputError, match="'dcgan' has no mapping network behind which to mine"):
        build.build(from_values({**tiny_fields, "miner.space": "w"}))
