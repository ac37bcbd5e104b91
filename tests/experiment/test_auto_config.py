"""A run's config from its sources and images alone: what is chosen, and every mistake."""

import shutil

import first_steps
import numpy as np
import pytest
from PIL import Image

from minegan_jax import config
from minegan_jax.errors import InputError
from minegan_jax.experiment import auto_config, memory
from minegan_jax.features import efficientnet_lite
from minegan_jax.nets import family
from minegan_jax.training import devices

# The config flag of ml_collections reads its file the old way.
pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")


@pytest.fixture
def chosen(monkeypatch, tiny_images):
    """Chooses a config for sources of published networks, of which only shapes are known."""

    def choose(*names, without_critic=(), images=tiny_images):
        loaded = {name: first_steps.stand_in(name, first_steps.PUBLISHED[name]) for name in names}
        for name in without_critic:
            loaded[name] = loaded[name]._replace(critic={})
        monkeypatch.setattr(auto_config, "load_source", lambda name, **_: loaded[name])
        return auto_config.choose(names, str(images))

    return choose


@pytest.mark.parametrize(
    ("count", "held_out"),
    [(1, 0), (3, 1), (12, 6), (20, 10), (50, 10), (60, 12), (999, 199), (1000, 200), (9999, 200)],
)
def test_a_fifth_is_held_out_in_bounds(count, held_out):
    assert auto_config.num_held_out(count) == held_out


def test_every_family_has_a_recipe_that_is_packaged():
    assert set(auto_config.RECIPES) <= set(family.FAMILIES)
    modules = {name: each.generator.__module__ for name, each in family.FAMILIES.items()}
    ours = {name for name, module in modules.items() if module.startswith("minegan_jax.")}
    assert ours <= set(auto_config.RECIPES)
    assert set(auto_config.RECIPES.values()) <= set(config.packaged())


@pytest.mark.parametrize("name", ["biggan", "dcgan", "progan_256", "sngan", "stylegan2"])
def test_the_recipe_is_that_of_the_family(name, chosen, tiny_images):
    recipe = name.partition("_")[0]
    found, packaged = chosen(name), config.from_config_dict(config.load_config(recipe))
    assert (found.game, found.miner, found.run) == (packaged.game, packaged.miner, packaged.run)
    assert found.sources == (name,)
    assert found.target.images == f"folder:{tiny_images}"
    assert found.target.num_held_out == 6
    assert found.target.flip == packaged.target.flip


def test_a_critic_is_found(chosen):
    assert chosen("biggan_deep", "biggan").game.critic == "biggan"
    assert chosen("stylegan2", without_critic=["stylegan2"]).game.critic == "fresh"
    assert chosen("mobilestylegan").game.critic is None  # which the run then asks for
    assert chosen("biggan", "biggan_deep").game.critic is None


def test_digits_never_measure_photographs(chosen, monkeypatch):
    for installed, features in ((True, "efficientnet_lite0"), (False, None)):
        monkeypatch.setattr(efficientnet_lite, "is_installed", lambda found=installed: found)
        report = chosen("dcgan").report
        assert (report.features, report.classifier) == (features, None)
        report = chosen("dcgan", images="digits").report
        assert (report.features, report.classifier) == ("digits", "digits_judge")


@pytest.mark.parametrize("kind", ["folder", "zip", "npz"])
def test_images_are_named_by_path_or_spec(kind, chosen, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 8, 8), np.uint8)
    place = tmp_path / f"photos{'' if kind == 'folder' else f'.{kind}'}"
    if kind == "npz":
        np.savez(place, images=pixels)
    else:
        folder = tmp_path / "photos"
        folder.mkdir()
        for number, each in enumerate(pixels):
            Image.fromarray(each).save(folder / f"{number}.png")
        if kind == "zip":
            shutil.make_archive(str(folder), "zip", folder)
    for images in (place, f"{kind}:{place}"):
        assert chosen("dcgan", images=images).target.images == f"{kind}:{place}"


MISTAKES = {
    ("--sources=gone", "--images=HERE"): "no source 'gone'",
    ("--sources=mnist_without_9", "--images=gone"): "gone: no such folder",
    ("--sources=mnist_without_9", "--images=EMPTY"): "no images in it",
    ("--sources=mnist_without_9", "--images=s3://here"): "expected a local path, found a URL",
    ("--sources=mnist_without_9,biggan_digits", "--images=HERE"): (
        "sources with classes (biggan_digits) and without (mnist_without_9): expected one kind"
    ),
    ("--sources=mnist_without_9",): "--images is missing: expected it beside --sources",
    ("--images=HERE",): "--sources is missing: expected it beside --images",
    ("--sources=", "--images=HERE"): "--sources is missing",
    ("--sources=mnist_without_9", "--images=HERE", "--config=mnist"): (
        "--sources chooses a config, and --config names one: expected one of them"
    ),
    ("--images=HERE", "--config=mnist"): "--images chooses a config, and --config names one",
    ("--sources=mnist_without_9", "--images=HERE", "--config.run.mine_step=3"): (
        "--config.run.mine_step: there is no 'mine_step': did you mean 'mine_steps'?"
    ),
    ("--sources=mnist_without_9", "--images=HERE", "--config.method=vae"): (
        "method 'vae' takes no sources: expected minegan, transfergan"
    ),
    ("--mode=sample", "--images=HERE"): "--images does nothing with --mode=sample",
    ("--mode=compare", "--sources=mnist_without_9"): "--sources does nothing with --mode=compare",
}


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_a_mistake_is_one_line(words, cli, tiny_images, tmp_path):
    (tmp_path / "empty").mkdir()
    places = {"HERE": str(tiny_images), "EMPTY": str(tmp_path / "empty")}
    given = (word.replace(name, path) for word in words for name, path in places.items()
             if name in word or not any(each in word for each in places))  # fmt: skip
    status, line = cli(*dict.fromkeys(given), f"--workdir={tmp_path / 'run'}")
    assert status == 2
    assert MISTAKES[words] in line
    assert not (tmp_path / "run").exists()


def test_a_family_of_ones_own_has_no_recipe(chosen, monkeypatch):
    monkeypatch.setattr(auto_config, "RECIPES", {})
    with pytest.raises(InputError, match="family 'dcgan' has no recipe: expected --config"):
        chosen("dcgan")


def fitted(monkeypatch, settings, gib, *given):
    monkeypatch.setattr(devices, "memory", lambda: int(gib * auto_config.GIB))
    return auto_config.fit_devices(settings, given)


def test_a_minibatch_is_shared_evenly_in_parts_that_fit(monkeypatch, tiny_fields):
    settings = config.from_values({**tiny_fields, "run.batch_size": 12})
    whole = fitted(monkeypatch, settings, 8.0)
    assert (whole.config.run.batch_size, whole.config.run.accumulation_steps) == (16, 1)
    assert "minibatches of 16 in 1 part (about " in whole.why
    small = fitted(monkeypatch, settings, 1e-6)
    assert (small.config.run.batch_size, small.config.run.accumulation_steps) == (16, 2)
    assert "minibatches of 16 in 2 parts" in small.why
    given = fitted(monkeypatch, settings, 1e-6, "run.batch_size", "run.accumulation_steps")
    assert given.config == settings  # the user's own, whose mistakes training names


def test_a_device_has_memory():
    assert 2**28 < devices.memory() < 2**50


@pytest.mark.parametrize(
    ("gib", "group", "parts"),
    [(20, 1, 1), (10, 1, 2), (6, 1, 4), (0, 1, 8), (0, 4, 8), (0, 16, 2), (0, 64, 1)],
)
def test_the_fewest_parts_that_fit(gib, group, parts):
    """A minibatch of 32 over 4 devices, of 2 GiB an image beside 1 GiB."""
    needed = memory.Estimate(fixed=2**30, per_image=2**31)
    held = int(gib * 2**30 / memory.SHARE)
    found = memory.accumulation_steps(
        needed, batch_size=32, num_devices=4, memory=held, group=group
    )
    assert found == parts
    assert 32 % (4 * found) == 0


def test_larger_networks_keep_more_of_an_image():
    needed = []
    for name in ("dcgan", "sngan", "biggan"):
        loaded = first_steps.stand_in(name, first_steps.PUBLISHED[name])
        needed.append(memory._of_generator(loaded) + memory._of_critic(loaded.networks))
    assert needed == sorted(needed)
    assert needed[0] > 4 * 32 * 32 * 3  # an image in single precision
