"""The README's few lines of Python, on the smallest source and images."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import minegan_jax as mg
from minegan_jax.mining.settings import MinerConfig
from minegan_jax.nets import family
from minegan_jax.sources import in_memory

QUICK = {
    "run": {"mine_steps": 2, "finetune_steps": 1, "batch_size": 8},
    "miner": {"depth": 2, "width": 8},
    "game": {"critic_steps": 1},
    "report": {"num_images": 40},
}


def test_mining_from_python(tiny_source, tiny_images, tmp_path):
    source = mg.load_source(tiny_source)
    target = mg.open_images(f"folder:{tiny_images}", max_images=6, num_held_out=4, seed=0)
    run = mg.mine(
        [source],
        target,
        workdir=tmp_path / "run",
        run={"mine_steps": 2, "finetune_steps": 1, "batch_size": 8},
        miner=MinerConfig(depth=2, width=8),
        game={"critic_steps": 1},
        report={"num_images": 40},
    )
    images = run.sample(4, seed=0)
    assert images.shape == (4, 8, 8, 1)
    assert images.dtype == np.uint8
    report = run.evaluate()
    assert list(report["phases"]) == ["source", "mine", "finetune"]
    assert report["phases"]["mine"]["held_out"]["num_real"] == 4
    again = mg.load_adapter(tmp_path / "run" / "adapter").sample(4, seed=0)
    np.testing.assert_array_equal(again, run.sample(4, seed=0, phase="mine"))
    np.testing.assert_array_equal(images, mg.open_run(tmp_path / "run").sample(4, seed=0))


def test_without_a_classifier_nothing_is_recognised(tiny_source, tiny_images, tmp_path):
    run = mg.mine(
        [mg.load_source(tiny_source)],
        mg.open_images(f"folder:{tiny_images}"),
        workdir=tmp_path / "run",
        run={"mine_steps": 1, "finetune_steps": 0, "batch_size": 8},
        report={"classifier": None},
    )
    report = run.evaluate(20)
    assert [phase["recognised"] for phase in report["phases"].values()] == [{}, {}]
    assert report["recipe"]["classifier"] is None
    assert "What is recognised" not in (tmp_path / "run" / "report.md").read_text()


class Generator(nn.Module):
    """Somebody's own generator: one layer and a squashing."""

    resolution: int
    channels: int
    latent_size: int

    @nn.compact
    def __call__(self, latents):
        pixels = nn.Dense(self.resolution**2 * self.channels)(latents)
        return nn.tanh(pixels).reshape(-1, self.resolution, self.resolution, self.channels)


class Critic(nn.Module):
    """Somebody's own critic."""

    resolution: int
    channels: int

    @nn.compact
    def __call__(self, images):
        return nn.Dense(1)(images.reshape(len(images), -1))[:, 0]


@pytest.fixture
def own():
    """A source of a family of one's own, which lies in memory."""
    family.register("somebodys", Generator, Critic)
    arguments = {"resolution": 8, "channels": 1, "latent_size": 4}
    generator, critic = family.build("somebodys", arguments).init(jax.random.key(0))
    yield in_memory("own", "somebodys", arguments, generator, critic)
    del family.FAMILIES["somebodys"]


def test_own_modules_and_images_from_memory(own, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 8, 8), np.uint8)
    target = mg.open_images(pixels, image_labels=np.arange(12) % 3, num_held_out=4, labels=(0, 1))
    run = mg.mine([own], target, workdir=tmp_path / "run", **QUICK)
    images = run.sample(4)
    assert images.shape == (4, 8, 8, 1)
    again = mg.open_run(tmp_path / "run", [own])
    np.testing.assert_array_equal(again.sample(4), images)
    assert again.evaluate(20)["recipe"]["target"]["train"] == 4
    with pytest.raises(mg.InputError, match="no source 'memory:own:"):
        mg.open_run(tmp_path / "run")
    changed = jax.tree.map(lambda x: 2 * x, own.generator)
    other = in_memory("own", "somebodys", own.description["arguments"], changed, own.critic)
    with pytest.raises(mg.InputError, match="holds another run"):
        mg.mine([other], target, workdir=tmp_path / "run", **QUICK)


def test_images_of_another_process_are_asked_for_again():
    with pytest.raises(mg.InputError, match="array:0123: these images lay in another process"):
        mg.open_images("array:0123")
    with pytest.raises(mg.InputError, match="expected an array of uint8, found float64 from 0 to"):
        mg.open_images(np.linspace(0, 1, 64).reshape(1, 8, 8))
    with pytest.raises(mg.InputError, match="expected labels of 2 integers"):
        mg.open_images(np.zeros((2, 8, 8), np.uint8), image_labels=[0])
    with pytest.raises(mg.InputError, match="image_labels: expected none beside a spec"):
        mg.open_images("digits", image_labels=[0])


def test_what_is_given_is_what_is_mined(tiny_source, tiny_images, tmp_path, monkeypatch):
    """Not what lies where it was loaded from by now."""
    source = mg.load_source(tiny_source)
    monkeypatch.setattr("minegan_jax.experiment.run.load_source", None)
    target = mg.open_images(f"folder:{tiny_images}", max_images=6, num_held_out=4)
    run = mg.mine([source], target, workdir=tmp_path / "run", **QUICK)
    assert run.experiment.sources[0].generator is source.generator


def test_a_source_of_weights_that_do_not_fit():
    arguments = {"resolution": 8, "channels": 1, "width": 4, "latent_size": 4}
    with pytest.raises(mg.InputError, match="should have shape"):
        in_memory("bare", "dcgan", arguments, {"kernel": jnp.zeros(3)})
    with pytest.raises(mg.InputError, match="unknown family 'gan'"):
        in_memory("bare", "gan", arguments, {})
    with pytest.raises(mg.InputError, match="family 'dcgan' is there already"):
        family.register("dcgan", Generator)


def test_a_field_that_is_not_there_has_a_near_name(tiny_source, tiny_images, tmp_path):
    source, target = mg.load_source(tiny_source), mg.open_images(f"folder:{tiny_images}")
    for given in ({"run": {"min_steps": 3}}, {"mine_steps": 3}, {"run": 3}):
        with pytest.raises(mg.InputError, match=r"run\.mine_steps|fields of a section"):
            mg.mine([source], target, workdir=tmp_path / "run", **given)
    with pytest.raises(mg.InputError, match=r"did you mean 'target\.max_images'"):
        mg.open_images(f"folder:{tiny_images}", max_image=3)
