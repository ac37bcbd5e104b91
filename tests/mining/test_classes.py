"""Conditional sources: where both miners start, classes that are fixed, labels learnt."""

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from tiny_sources import save_source

from minegan_jax import config, experiment, sources
from minegan_jax.errors import InputError
from minegan_jax.experiment import build
from minegan_jax.mining import class_conditioning
from minegan_jax.mining.noise import sample_noise
from minegan_jax.nets.image_resize import recolour
from minegan_jax.training import log

CONDITIONAL = ["biggan", "biggan_deep", "sngan", "dcgan"]


def fields_of(directory, tiny_fields, **fields):
    given = {
        "sources": (str(directory),),
        "target.colour": "convert",
        "target.enlarge": True,
        **fields,
    }
    return config.from_values({**tiny_fields, **given})


def first_state(settings):
    built = build.build(settings)
    phase = built.phases[0]
    return built.methods[phase.name], phase.learner.init(None, jax.random.key(0))


@pytest.mark.parametrize("name", CONDITIONAL)
def test_it_starts_with_the_sources_own_images_of_all_classes(
    name, tmp_path, tiny_fields, tiny_source
):
    directory = save_source(tmp_path / "source", name)
    critic = {"game.critic": str(tiny_source)} if name == "biggan_deep" else {}
    method, state = first_state(fields_of(directory, tiny_fields, **critic))
    source = sources.load_source(directory)
    noise = sample_noise(jax.random.key(1), (30,), method.sources[0].noise)
    images = oracles.images_of(method, state, noise)
    expected = recolour(source.generate(*noise), images.shape[-1])
    np.testing.assert_allclose(images, expected, atol=2e-5)
    assert len(np.unique(noise.labels)) == 3


@pytest.mark.parametrize("method", ["minegan", "transfergan"])
@pytest.mark.parametrize("asked", ["1", "mean"])
def test_a_fixed_class_is_the_only_one_asked_for(method, asked, tmp_path, tiny_fields):
    directory = save_source(tmp_path / "source", "biggan")
    settings = fields_of(directory, tiny_fields, method=method, classes=asked)
    made, state = first_state(settings)
    draws = jax.random.normal(jax.random.key(1), (6, 4))
    labels = None if asked == "mean" else np.full(6, 1)
    expected = sources.load_source(directory).generate(draws, labels)
    np.testing.assert_allclose(oracles.images_of(made, state, draws), expected, atol=2e-5)


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ("3", "classes '3' of source 'source', which has 3: expected all, mean or a .* 0 to 2"),
        ("cat", "classes 'cat' of source"),
    ],
)
def test_a_class_that_is_not_there_is_refused(asked, line, tmp_path, tiny_fields):
    directory = save_source(tmp_path / "source", "biggan")
    with pytest.raises(InputError, match=line):
        build.build(fields_of(directory, tiny_fields, classes=asked))


def test_a_source_without_classes_cannot_be_asked_for_one(tiny_fields):
    with pytest.raises(InputError, match=r"which has 0: expected all, mean$"):
        build.build(config.from_values({**tiny_fields, "classes": "0"}))


def test_what_mines_many_classes_is_as_wide_as_they_need(tmp_path, tiny_fields):
    directory = save_source(tmp_path / "source", "dcgan", num_classes=20)
    _, state = first_state(fields_of(directory, tiny_fields))
    (miner,) = state.params["miners"]
    widths = {name: layers["Dense_0"]["kernel"].shape[1] for name, layers in miner.items()}
    assert widths == {"latent": 8, "condition": 20}


def test_affine_and_collapsed_miners_mine_classes_too(tmp_path, tiny_fields):
    directory = save_source(tmp_path / "source", "biggan")
    starts = {"affine": ("SpectralDense_0", 4), "collapsed": ("Dense_0", 4 + 3)}
    for start, (kernels, inputs) in starts.items():
        _, state = first_state(fields_of(directory, tiny_fields, **{"miner.start": start}))
        for miner in state.params["miners"][0].values():
            assert miner[kernels]["kernel"].shape[0] == inputs  # only one is told the class


@pytest.mark.parametrize("loss", ["hinge", "logistic"])
def test_other_losses_run_without_a_penalty(loss, tmp_path, tiny_fields):
    directory = save_source(tmp_path / "source", "dcgan")
    settings = fields_of(
        directory,
        tiny_fields,
        **{"game.loss": loss, "game.penalty_weight": 0.0, "run.finetune_steps": 0},
    )
    run = experiment.train(settings, tmp_path / "run")
    lines = [x for x in log.read(run.workdir / "metrics.jsonl") if "critic_loss" in x]
    assert len(lines) == 3
    assert all(np.isfinite(x["critic_loss"]) and "penalty" not in x for x in lines)


# Labelled pretraining.


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A file of images whose brightness is their class."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20)
    images = (labels[:, None, None, None] * 200 + rng.integers(0, 30, (40, 8, 8, 1))).astype(
        "uint8"
    )
    file = tmp_path_factory.mktemp("images") / "two.npz"
    np.savez(file, images=images, labels=labels)
    return file


def pretrain(labelled, tiny_fields, **fields):
    given = {
        "method": "scratch",
        "sources": (),
        "target.images": f"npz:{labelled}",
        "target.num_held_out": 0,
    }
    shape = {
        "network.resolution": 8,
        "network.width": 4,
        "network.latent_size": 4,
        "network.num_classes": 2,
        "run.train_steps": 2,
    }
    return config.from_values({**tiny_fields, **given, **shape, **fields})


@pytest.mark.parametrize("family", ["biggan", "sngan", "dcgan"])
def test_each_family_learns_from_labels(family, labelled, tiny_fields, tmp_path):
    settings = pretrain(labelled, tiny_fields, **{"network.family": family})
    run = experiment.train(settings, tmp_path / "run")
    source = sources.load_source(run.workdir / "source")
    assert source.networks.num_classes == 2
    images = source.generate(np.zeros((2, 4)), np.arange(2))
    assert np.isfinite(images).all()
    assert np.isfinite(source.score(images, np.arange(2))).all()


def test_both_sides_are_told_the_classes(labelled, tiny_fields, tmp_path):
    """After some steps, images of the bright class are brighter, which no label-free game gives."""
    settings = pretrain(
        labelled, tiny_fields, **{"run.train_steps": 60, "game.critic_learning_rate": 0.01}
    )
    run = experiment.train(settings, tmp_path / "run")
    draws = np.random.default_rng(1).normal(size=(50, 4))
    source = sources.load_source(run.workdir / "source")
    dark, bright = (source.generate(draws, np.full(50, label)).mean() for label in (0, 1))
    assert bright > dark + 0.3


def test_a_label_beyond_the_classes_is_refused(labelled, tiny_fields, tmp_path):
    settings = pretrain(labelled, tiny_fields, **{"network.num_classes": 1})
    with pytest.raises(InputError, match=r"labels 0, 1 of npz:.*: expected 0 to 0"):
        experiment.train(settings, tmp_path / "run")


def test_without_labels_a_family_of_classes_has_one(labelled, tiny_fields, tmp_path):
    settings = pretrain(
        labelled, tiny_fields, **{"network.family": "biggan", "network.num_classes": 0}
    )
    run = experiment.train(settings, tmp_path / "run")
    source = sources.load_source(run.workdir / "source")
    assert source.networks.num_classes == 1
    assert np.isfinite(source.generate(np.zeros((2, 4)))).all()


def test_a_source_knows_its_classes_names(tmp_path, tiny_fields):
    settings = pretrain(
        "",
        tiny_fields,
        **{"target.images": "digits", "target.labels": (0, 1), "target.enlarge": False},
    )
    settings = config.replaced(settings, {"target.max_images": 20})
    run = experiment.train(settings, tmp_path / "run")
    described = sources.load_source(run.workdir / "source").description
    assert described["class_names"] == ["0", "1"]


def test_the_nearest_class_and_how_far_it_is():
    table = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    vectors = np.array([[3.0, 3.0], [0.0, 0.4], [-1.0, 0.0]])
    found, distances = class_conditioning.nearest(jnp.asarray(vectors), jnp.asarray(table))
    np.testing.assert_array_equal(found, [1, 0, 0])
    np.testing.assert_allclose(distances, [1.0, 0.4, 1.0], atol=1e-3)
    np.testing.assert_allclose(
        class_conditioning.spacing(jnp.asarray(table)), (1 + np.hypot(3, 3) + 1) / 3, rtol=1e-5
    )
    assert class_conditioning.spacing(jnp.ones((1, 2))) == 1.0
