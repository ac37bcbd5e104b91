"""A report is of the images that its run was trained with, and says which of them a source saw."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from toys import toy_source

from minegan_jax import experiment, sources, weights
from minegan_jax.data import TargetConfig, load_dataset
from minegan_jax.experiment import target_images

IMAGES = np.random.default_rng(9).integers(256, size=(12, 8, 8), dtype=np.uint8)


@pytest.fixture
def dataset(tmp_path):
    np.savez(tmp_path / "a.npz", images=IMAGES)
    target = TargetConfig(images=f"npz:{tmp_path}/a.npz", num_held_out=4)
    return load_dataset(target, resolution=8, channels=1)


def source(name, seen):
    return toy_source(0)._replace(name=name, seen=seen)


def test_what_a_source_saw_of_the_held_out_images_is_said(dataset):
    held_out, trained = dataset.held_out_digests, dataset.train_digests
    started_from = [
        source("saw three", np.concatenate([held_out[:3], trained])),
        source("saw others", trained),
        source("saw nothing", held_out[:0]),
        source("does not say", None),
    ]
    (remark,) = target_images.remarks(dataset, started_from)
    assert remark.startswith("source 'saw three' was trained on 3 of the 4 held-out images")


def moved(workdir, **target):
    """Changes fields of a run's target, in its folder only."""
    path = workdir / "config.json"
    found = json.loads(path.read_text())
    found["config"]["target"] |= target
    path.write_text(json.dumps(found))


@pytest.fixture
def folder(tmp_path, tiny_images, finished):
    """The images of a finished run, as a copy that may change."""
    copy = shutil.copytree(tiny_images, tmp_path / "copied")
    moved(finished, images=f"folder:{copy}")
    return copy


def add(folder):
    Image.fromarray(IMAGES[0]).save(folder / "0.png")


def replace(folder):
    Image.fromarray(IMAGES[0]).save(folder / "05.png")


def swap(folder):
    (folder / "05.png").rename(folder / "x.png")
    (folder / "06.png").rename(folder / "05.png")
    (folder / "x.png").rename(folder / "06.png")


CHANGES = {
    add: "expected 8 and 4, found 9 and 4",
    replace: "as many, 8 and 4, but other pixels",
    swap: "as many, 8 and 4, but other pixels, labels or another order",
    lambda folder: (folder / "05.png").unlink(): "expected 8 and 4, found 7 and 4",
}


@pytest.mark.parametrize("change", CHANGES)
def test_other_images_are_not_measured(change, folder, finished, cli):
    before = (finished / "report.json").read_bytes()
    change(folder)
    status, line = cli("--mode=evaluate", f"--workdir={finished}")
    assert status == 2
    assert "no longer those that the run was trained with" in line
    assert CHANGES[change] in line
    assert (finished / "report.json").read_bytes() == before


@pytest.mark.usefixtures("folder")
def test_the_same_images_elsewhere_are_measured(finished, tiny_source, tmp_path):
    described = json.loads((tiny_source / "source.json").read_text())
    digests = target_images.load(experiment.open_run(finished).experiment).held_out_digests
    copy = shutil.copytree(tiny_source, tmp_path / "saw")
    seen = weights.save_tree(copy / sources.SEEN, {"images": np.sort(digests)[:3]})
    described |= {"name": "saw", "seen": seen}
    weights.save_description(copy / "source.json", described, sources.source.FORMAT)
    config = json.loads((finished / "config.json").read_text())
    config["config"]["sources"] = [str(copy)]
    config["sources"] = {str(copy): sources.load_source(copy).sha256}
    (finished / "config.json").write_text(json.dumps(config))
    report = experiment.open_run(finished).evaluate()
    (remark,) = report["remarks"]
    assert "source 'saw' was trained on 3 of the 4 held-out images" in remark
    assert f"Careful: {remark}." in (finished / "report.md").read_text()
