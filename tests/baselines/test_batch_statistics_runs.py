"""BSA through whole runs."""

import numpy as np
import pytest
from tiny_sources import save_source

from minegan_jax import config, experiment, trees
from minegan_jax.errors import InputError
from minegan_jax.experiment import build


def fields_of(directory, tiny_fields, **fields):
    given = {
        **{"method": "bsa", "sources": (str(directory),), "target.colour": "convert"},
        **{"target.max_images": 8, "run.finetune_steps": 3, **fields},
    }
    return config.from_values({**tiny_fields, **given})


@pytest.fixture(scope="module")
def biggan(tmp_path_factory):
    return save_source(tmp_path_factory.mktemp("sources") / "biggan", "biggan", channels=1)


@pytest.fixture(scope="module")
def run(biggan, tmp_path_factory, tiny_fields):
    settings = fields_of(biggan, tiny_fields, **{"baseline.perceptual": "digits"})
    return experiment.train(settings, tmp_path_factory.mktemp("runs") / "bsa")


def test_a_run_is_measured_and_sampled(run):
    report = run.evaluate(num_images=20)
    assert report["phases"].keys() == {"source", "bsa"}
    assert (run.workdir / "samples" / "comparison.png").exists()
    images = experiment.open_run(run.workdir).sample(3, seed=1)
    np.testing.assert_array_equal(images, run.sample(5, seed=1)[:3])
    experiment.write_samples(
        workdir=str(run.workdir), adapter=None, phase="bsa", weights=None,
        request=experiment.Request(3, seed=1), out=str(run.workdir / "three.npz"),
    )  # fmt: skip
    np.testing.assert_array_equal(np.load(run.workdir / "three.npz")["images"], images)


def test_a_cut_run_goes_on_bit_for_bit(run, cut):
    both = run, cut(run, "bsa", 3)
    assert len({trees.digest(each.state("bsa")) for each in both}) == 1


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (
            {"target.max_images": None},
            "bsa learns a latent .*: expected target.max_images=NUMBER",
        ),
        ({"target.flip": True}, "bsa learns a latent for each .* and target.flip=False"),
        (
            {"target.max_images": 9},
            "8 training images: expected as many as target.max_images=9 says",
        ),
        ({"baseline.perceptual": "digits_judge"}, "which no method may see"),
        ({"baseline.perceptual": "vgg"}, "unknown features 'vgg': expected one of digits,"),
    ],
)
def test_a_users_mistake_is_one_line(fields, line, biggan, tiny_fields, tmp_path):
    with pytest.raises(InputError, match=line):
        experiment.train(fields_of(biggan, tiny_fields, **fields), tmp_path / "run")


def test_it_starts_from_one_source_with_normalisations(biggan, tiny_source, tiny_fields, tmp_path):
    both = fields_of(biggan, tiny_fields, sources=(str(biggan), str(tiny_source)))
    with pytest.raises(InputError, match="bsa starts from one source, found 2"):
        build.build(both)
    progan = save_source(tmp_path / "progan", "progan")
    for directory, name in ((tiny_source, "dcgan"), (progan, "progan")):
        line = f"family '{name}' has no normalisations .*: expected one of biggan, biggan_deep, sn"
        with pytest.raises(InputError, match=line):
            build.build(fields_of(directory, tiny_fields))


def test_a_network_that_trains_and_measures_is_warned_of(biggan, tiny_fields, caplog):
    build.build(fields_of(biggan, tiny_fields, **{"baseline.perceptual": "digits"}))
    assert "perceptual 'digits' also measures: its distances mislead" in caplog.text
