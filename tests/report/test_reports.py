"""A report is of what it says: it is made again where its run has become another."""

import json
import shutil

import jax
import numpy as np
import pytest

from minegan_jax import config, experiment, run_folder
from minegan_jax.experiment import target_images
from minegan_jax.report import evaluator, report
from minegan_jax.report.settings import ReportConfig
from minegan_jax.training.checkpoints import Checkpoints


def read(workdir):
    return json.loads((workdir / "report.json").read_text())


@pytest.fixture
def finish(tiny_fields, monkeypatch):
    """Returns what runs the command again in a run's folder; which says how often it measured."""
    measured, write = [], report.write_report

    def write_report(workdir, subject):
        measured.append(list(subject.phases))
        return write(workdir, subject)

    monkeypatch.setattr(report, "write_report", write_report)

    def again(workdir):
        measured.clear()
        experiment.train(config.from_values(tiny_fields), workdir)
        return measured

    return again


def test_a_report_says_what_it_is_of(tiny_run):
    found, identity = read(tiny_run), json.loads((tiny_run / "config.json").read_text())
    phases = found["provenance"]["phases"]
    assert list(phases) == list(found["phases"]) == ["source", "mine", "finetune"]
    assert [phase["steps"] for phase in phases.values()] == [
        None, {"done": 3, "planned": 3}, {"done": 2, "planned": 2}
    ]  # fmt: skip
    assert len({phase["weights"] for phase in phases.values()}) == 3
    assert found["recipe"]["target"] == identity["target"]
    assert found["recipe"]["features"].keys() == {"name", "sha256"}
    assert found["versions"] == run_folder.versions()
    assert "Steps done: mine 3 of 3, finetune 2 of 2." in (tiny_run / "report.md").read_text()


def test_what_is_done_is_measured_once(finished, finish):
    before = (finished / "report.json").read_bytes()
    assert finish(finished) == []
    assert (finished / "report.json").read_bytes() == before


def test_a_run_that_was_looked_at_half_way_ends_with_a_full_report(finished, finish):
    full = read(finished)
    shutil.rmtree(finished / "checkpoints" / "finetune")
    shutil.rmtree(finished / "checkpoints" / "mine" / "3")
    half = experiment.open_run(finished).evaluate()
    assert half["provenance"]["phases"]["mine"]["steps"] == {"done": 2, "planned": 3}
    assert list(half["phases"]) == ["source", "mine"]
    assert "Steps done: mine 2 of 3." in (finished / "report.md").read_text()
    assert finish(finished) == [["source", "mine", "finetune"]]
    assert read(finished) == full


@pytest.mark.parametrize("recipe", [{"num_images": 10}, {"seed": 3}, {"weights": "raw"}])
def test_another_number_seed_or_kind_of_weights(recipe, finished, finish):
    full = read(finished)
    assert experiment.open_run(finished).evaluate(**recipe) != full
    assert len(finish(finished)) == 1
    assert read(finished) == full


def test_other_features(finished, finish):
    full, run = read(finished), experiment.open_run(finished)
    how = evaluator.Recipe(ReportConfig(features="digits_judge", num_images=40))
    report.write_report(finished, run.subject(how, target_images.load(run.experiment)))
    assert read(finished)["recipe"]["features"] != full["recipe"]["features"]
    assert len(finish(finished)) == 1
    assert read(finished) == full


def test_other_weights_in_a_checkpoint(finished, finish):
    run = experiment.open_run(finished)
    state = run.state("finetune")
    miners = jax.tree.map(np.zeros_like, state.ema_params["miners"])
    updated = state._replace(ema_params={**state.ema_params, "miners": miners})
    Checkpoints(finished / "checkpoints" / "finetune").save(2, updated)
    before = read(finished)["provenance"]["phases"]
    assert len(finish(finished)) == 1
    after = read(finished)["provenance"]["phases"]
    assert [name for name in after if after[name] != before[name]] == ["finetune"]


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"recipe": 3}', '{"phases": []}'])
def test_a_damaged_report_is_made_again(damage, finished, finish):
    full = read(finished)
    (finished / "report.json").write_text(damage)
    assert len(finish(finished)) == 1
    assert read(finished) == full


def test_a_run_that_goes_on_longer(tiny_fields, finished):
    """Its report is not the shorter one's."""
    fields = json.loads((finished / "config.json").read_text())
    fields["config"]["run"]["finetune_steps"] = 3
    (finished / "config.json").write_text(json.dumps(fields))
    short = read(finished)["provenance"]["phases"]["finetune"]
    assert short["steps"] == {"done": 2, "planned": 2}
    experiment.train(config.from_values({**tiny_fields, "run.finetune_steps": 3}), finished)
    longer = read(finished)["provenance"]["phases"]["finetune"]
    assert longer["steps"] == {"done": 3, "planned": 3}
    assert longer["weights"] != short["weights"]
