"""DGN-AM and PPGN through whole runs."""

import json
import shutil
from functools import partial

import jax
import numpy as np
import oracles
import pytest
from tiny_sources import save_source

from minegan_jax import config, experiment, sources, trees
from minegan_jax.baselines import dgn_am_ppgn
from minegan_jax.errors import InputError
from minegan_jax.experiment import build, load_classifiers
from minegan_jax.features import classifier as classifiers
from minegan_jax.features.catalogue import PACKAGED
from minegan_jax.mining.noise import Noise, NoiseShape, sample_noise
from minegan_jax.nets.encoder import Encoder
from minegan_jax.nets.function import as_function

CLASSES = {"resolution": 8, "channels": 1, "width": 4, "latent_size": 4, "num_classes": 3}


def only_method(built):
    (method,) = built.methods.values()
    return method, method.learner.init(None, jax.random.key(0))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """The directory of a narrow classifier of fresh weights."""
    directory = tmp_path_factory.mktemp("classifier")
    arguments = {"width": 2, "num_features": 4, "num_classes": 10, "resolution": 28, "channels": 1}
    params = classifiers.init_classifier(classifiers.Classifier(**arguments), jax.random.key(0))
    described = {"arguments": arguments, "class_names": tuple("0123456789")}
    classifiers.save_classifier(directory, params, {"name": "narrow", **described})
    return directory


@pytest.fixture(scope="module")
def searching(tiny_fields, classifier):
    """Fields of a tiny search."""
    named = {"baseline.classifier": f"classifier:{classifier}", "baseline.target_class": 3}
    return {**tiny_fields, **named, "baseline.search_steps": 2, "method": "dgn_am"}


@pytest.fixture(scope="module", params=["dgn_am", "ppgn"])
def run(request, searching, tmp_path_factory):
    """A finished run of one method."""
    fields = {
        **searching,
        "method": request.param,
        "run.train_steps": 2,
        "baseline.encoder_width": 4,
    }
    return experiment.train(config.from_values(fields), tmp_path_factory.mktemp("runs") / "run")


def test_it_reports_its_only_phase_beside_the_source(run):
    name = run.experiment.config.method
    report = json.loads((run.workdir / "report.json").read_text())
    assert list(report["phases"]) == ["source", name]
    assert report["phases"][name]["recognised"] != report["phases"]["source"]["recognised"]
    steps = {"dgn_am": 0, "ppgn": 2}[name]
    assert (run.workdir / "samples" / f"{name}_{steps:06d}.png").exists()
    lines = [json.loads(x) for x in (run.workdir / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == {"dgn_am": [0], "ppgn": [1, 2]}[name]
    assert all(np.isfinite(line["inversion_error"]) for line in lines if name == "ppgn")


def test_its_images_are_those_of_the_search(run):
    settings = run.experiment.config
    mined, goal = run.generator(), load_classifiers.goal(settings, run.experiment.guide)
    (weights,) = mined.weights
    (source,) = run.experiment.sources
    assert mined.names == (source.name,)
    jax.tree.map(np.testing.assert_array_equal, weights["generator"], source.generator)
    of_source = partial(source.networks.generate, weights["generator"])
    encode = partial(as_function(Encoder(4, 4)), weights["encoder"])
    search = {
        "dgn_am": dgn_am_ppgn.search_dgn_am,
        "ppgn": partial(dgn_am_ppgn.search_ppgn, encode=encode),
    }[settings.method]
    rules = settings.baseline
    start = jax.random.normal(jax.random.key(5), (6, 4))
    found = mined.generate(0, Noise(start))
    np.testing.assert_allclose(found, of_source(search(goal, rules, of_source, start)), atol=1e-3)
    before, after = (goal.logits(images)[:, 3].mean() for images in (of_source(start), found))
    assert after > before


def test_one_seed_gives_one_set_of_images(run):
    images = run.sample(5, seed=1)
    assert images.shape == (5, 8, 8, 1)
    np.testing.assert_array_equal(images, experiment.open_run(run.workdir).sample(5, seed=1))
    assert (images != run.sample(5, seed=2)).any()


def test_a_finished_run_is_left_as_it_is(run, tmp_path):
    again = shutil.copytree(run.workdir, tmp_path / "again")
    resumed = experiment.train(run.experiment.config, again)
    assert len({trees.digest(each.state()) for each in (run, resumed)}) == 1
    logs = [(each.workdir / "metrics.jsonl").read_text().count("\n") for each in (run, resumed)]
    assert logs[0] == logs[1]


def test_a_changed_classifier_is_noticed(searching, classifier, tmp_path):
    own = shutil.copytree(classifier, tmp_path / "own")
    fields = {**searching, "baseline.classifier": f"classifier:{own}"}
    run = experiment.train(config.from_values(fields), tmp_path / "run")
    shutil.copytree(PACKAGED / "digits", own, dirs_exist_ok=True)
    with pytest.raises(InputError, match="trained with sources"):
        experiment.open_run(run.workdir)


@pytest.mark.parametrize(
    ("method", "asked"), [("dgn_am", "all"), ("dgn_am", "mean"), ("dgn_am", "1"), ("ppgn", "all")]
)
def test_a_search_starts_at_the_class_that_is_asked_for(method, asked, searching, tmp_path):
    source = sources.load_source(save_source(tmp_path / "source", "dcgan", **CLASSES))
    given = {"sources": (source.location,), "method": method, "classes": asked}
    given["baseline.encoder_width"] = 4

    def made(num_steps, noise):
        fields = config.from_values({**searching, **given, "baseline.search_steps": num_steps})
        method, state = only_method(build.build(fields))
        return oracles.images_of(method, state, noise)

    noise = sample_noise(jax.random.key(1), (8,), NoiseShape(4, 3 if asked == "all" else 0))
    labels = {"all": noise.labels, "mean": None, "1": np.full(8, 1)}[asked]
    unsearched = source.generate(noise.latents, labels)
    np.testing.assert_allclose(made(0, noise), unsearched, atol=2e-5)
    assert (np.abs(made(2, noise) - unsearched).max(axis=(1, 2, 3)) > 1e-3).all()


@pytest.mark.parametrize(
    ("field", "value"),
    [(f"baseline.search_{name}", 0.5) for name in ("step_size", "prior", "noise")],
)
def test_the_config_sets_the_sizes_of_a_search(field, value, searching):
    draws = jax.random.normal(jax.random.key(1), (2, 4))
    made = []
    for fields in (searching, {**searching, field: value}):
        method, state = only_method(build.build(config.from_values(fields)))
        made.append(np.asarray(oracles.images_of(method, state, draws)))
    assert np.abs(made[0] - made[1]).max() > 1e-3


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (
            {"baseline.classifier": None},
            "dgn_am seeks a class of a classifier: expected baseline.classifier=",
        ),
        ({"baseline.classifier": "digit"}, "unknown features 'digit': expected one of digits"),
        (
            {"baseline.classifier": "digits_judge"},
            "'digits_judge' is report.classifier, .* another",
        ),
        ({"baseline.target_class": 10}, "class 10 of classifier 'classifier:.*: expected 0 to 9"),
        (
            {"baseline.target_class": None},
            "expected a single one of target.labels, .* found labels none",
        ),
        ({"baseline.target_class": None, "target.labels": (1, 2)}, "found labels 1, 2"),
        (
            {"sources": ("mnist_without_9", "digits_0_to_4")},
            "dgn_am starts from one source, found 2",
        ),
        ({"sources": ()}, "'dgn_am' needs at least one source"),
    ],
)
def test_what_cannot_be_searched_is_one_line(fields, line, searching):
    with pytest.raises(InputError, match=line):
        build.build(config.from_values({**searching, **fields}))


def test_the_judge_by_another_name_is_the_judge(searching):
    fields = {"method": "ppgn", "baseline.classifier": f"classifier:{PACKAGED / 'digits_judge'}"}
    with pytest.raises(InputError, match="no method may see"):
        build.build(config.from_values({**searching, **fields}))


def test_a_single_label_is_what_is_sought(searching):
    fields = config.from_values({**searching, "baseline.target_class": None, "target.labels": (7,)})
    built = build.build(fields)
    assert load_classifiers.goal(fields, built.guide).label == 7


def test_distances_in_the_climbed_network_are_warned_of(searching, caplog):
    build.build(config.from_values({**searching, "baseline.classifier": "digits"}))
    assert "classifier 'digits' also measures" in caplog.text


def test_mining_without_steps_is_the_source(tiny_fields, tmp_path):
    """Any phase may have no steps: it is kept, sampled and measured as it starts."""
    fields = {**tiny_fields, "run.mine_steps": 0, "run.finetune_steps": 0}
    run = experiment.train(config.from_values(fields), tmp_path / "run")
    assert run.phases_done() == ["mine"]
    phases = json.loads((run.workdir / "report.json").read_text())["phases"]
    assert phases["mine"]["recognised"] == phases["source"]["recognised"]
