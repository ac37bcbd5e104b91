"""What can go wrong with a run that exists, and with what is asked of it: one line each."""

import itertools
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from minegan_jax import config, experiment, main, sources
from minegan_jax.training import checkpoints, log

# The config flag of ml_collections reads its file the old way.
pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")


def snapshot(folder):
    """Returns every file's content and time of change."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_another_config_is_refused_and_nothing_changed(cli, config_file, finished):
    before = snapshot(finished)
    status, line = cli(
        f"--config={config_file}", f"--workdir={finished}", "--config.run.mine_steps=99"
    )
    assert status == 2
    assert "holds another run" in line
    assert "config.run.mine_steps is 3 there and 99 here" in line
    assert snapshot(finished) == before


def test_the_same_config_again_changes_no_result(cli, config_file, finished):
    before = snapshot(finished)
    assert cli(f"--config={config_file}", f"--workdir={finished}")[0] == 0
    after = snapshot(finished)
    assert {path: content for path, (content, _) in after.items()} == {
        path: content for path, (content, _) in before.items()
    }


def test_a_damaged_run_description(cli, finished, tmp_path):
    (finished / "config.json").write_text('{"config": ')
    out = tmp_path / "a.npz"
    status, line = cli("--mode=sample", f"--workdir={finished}", f"--out={out}")
    assert status == 2
    assert "damaged" in line


def test_a_source_that_changed_since(cli, config_file, tmp_path, make_source):
    source, run = make_source(tmp_path / "source"), tmp_path / "run"
    flags = (
        f"--config.sources={source}",
        "--config.run.mine_steps=1",
        "--config.run.finetune_steps=0",
    )
    assert cli(f"--config={config_file}", f"--workdir={run}", *flags)[0] == 0
    old = sources.load_source(source).sha256
    sample = ("--mode=sample", f"--workdir={run}", f"--out={tmp_path / 'a.npz'}")

    make_source(source, seed=1)
    new = sources.load_source(source).sha256
    status, line = cli(*sample)
    assert status == 2
    assert old in line
    assert new in line

    make_source(source)
    weights = source / "generator.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert cli(*sample) == (0, "")  # the run has weights of its own
    status, line = cli(*sample, "--phase=source")
    assert status == 2
    assert "changed or damaged" in line

    shutil.rmtree(source)
    status, line = cli(*sample)
    assert status == 2
    assert f"no source '{source}'" in line


def test_samples_need_a_run_a_phase_and_a_file(cli, finished, tmp_path):
    out, workdir = f"--out={tmp_path / 'a.npz'}", f"--workdir={finished}"
    for flags, said in (
        ((workdir,), "--out is missing"),
        ((out,), "expected either --workdir or --adapter"),
        ((workdir, out, f"--adapter={finished / 'adapter'}"), "either --workdir or --adapter"),
        (
            (workdir, out, "--phase=mining"),
            f"no phase 'mining' in {finished}: expected mine, finetune, source",
        ),
        ((workdir, out, "--num_images=0"), "num_images"),
        ((f"--adapter={tmp_path / 'gone'}", out), "found no adapter.json"),
        ((workdir, f"--out={finished / 'config.json' / 'a.npz'}"), "config.json"),
        ((workdir, f"--out={finished}"), f"--out={finished}: a run folder"),
    ):
        status, line = cli("--mode=sample", *flags)
        assert status == 2
        assert said in line


def test_samples_of_a_run_and_of_its_adapter(cli, finished, tmp_path):
    for name, flags in {
        "run": (f"--workdir={finished}", "--phase=mine"),
        "adapter": (f"--adapter={finished / 'adapter'}",),
        "last": (f"--workdir={finished}",),
        "source": (f"--workdir={finished}", "--phase=source"),
    }.items():
        out = f"--out={tmp_path / name}.npz"
        assert cli("--mode=sample", *flags, "--num_images=5", "--seed=2", out)[0] == 0
    images = {file.stem: np.load(file)["images"] for file in tmp_path.glob("*.npz")}
    assert images["run"].shape == (5, 8, 8, 1)
    np.testing.assert_array_equal(images["run"], images["adapter"])
    for one, other in itertools.combinations(("run", "last", "source"), 2):
        assert (images[one] != images[other]).any()


def test_what_a_config_file_says_is_the_whole_line(cli, tmp_path):
    flags = "--mode=compare", "--config=figure5_digits:lnog", f"--workdir={tmp_path / 'run'}"
    assert cli(*flags) == (
        2,
        "error: figure5_digits:lnog: expected one of short, rates, long, long_rates",
    )


def test_a_list_can_be_emptied():
    values = main.parse(["minegan_jax", "--config=mnist", "--config.target.labels="])
    assert config.from_config_dict(values.config).target.labels == ()


def test_help(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["minegan_jax", "--help"])
    assert main.main() == 0
    shown = capsys.readouterr().out
    assert "--workdir" in shown
    assert "mine_steps" in shown


def test_a_full_disk(cli, finished):
    full = Path("/dev/full")
    status, line = cli("--mode=sample", f"--workdir={finished}", f"--out={full}")
    assert status == 2
    assert "No space left on device" in line
    assert full.is_char_device()  # and no file has taken its place


def test_a_disk_too_full_for_a_checkpoint(train, monkeypatch):
    monkeypatch.setattr(checkpoints, "SPACE_FIXED", 1 << 60)
    status, line = train()
    assert status == 2
    assert "no space left for a checkpoint" in line


def test_an_unfinished_run_has_no_samples_yet(cli, finished, tmp_path):
    sample = ("--mode=sample", f"--workdir={finished}", f"--out={tmp_path / 'a.npz'}")
    shutil.rmtree(finished / "checkpoints" / "finetune")
    assert cli(*sample)[0] == 0  # what is done can be looked at
    status, line = cli(*sample, "--phase=finetune")
    assert status == 2
    assert "phase 'finetune' has no checkpoint yet" in line
    shutil.rmtree(finished / "checkpoints")
    status, line = cli(*sample)
    assert status == 2
    assert "found no checkpoint yet" in line


def test_evaluation_can_be_repeated(cli, finished):
    report = json.loads((finished / "report.json").read_text())
    assert cli("--mode=evaluate", f"--workdir={finished}")[0] == 0
    assert json.loads((finished / "report.json").read_text()) == report
    assert cli("--mode=evaluate", f"--workdir={finished}", "--num_images=20")[0] == 0
    assert json.loads((finished / "report.json").read_text()) != report
    assert set(report["phases"]) == {"source", "mine", "finetune"}


def test_a_loss_that_explodes_stops_the_run(train, tmp_path):
    rates = [
        f"--config.{name}=1e30" for name in ("game.critic_learning_rate", "miner.learning_rate")
    ]
    status, line = train(*rates)
    assert status == 2
    metric, _, _, _, _, step, _, phase = line.removeprefix("error: ").split()[:8]
    assert metric in {"critic_loss", "wasserstein", "penalty", "players_loss"}
    assert (step, phase) == ("1", "mine:")
    assert log.read(tmp_path / "run" / "metrics.jsonl") == []


def test_the_last_good_checkpoint_stays(train, tmp_path):
    status, line = train("--config.game.learning_rate=1e30", "--config.run.finetune_steps=9")
    assert status == 2
    step = int(line.split(" at step ")[1].split()[0])
    assert f"at step {step} of finetune: stopped" in line
    assert step > 1
    records = log.read(tmp_path / "run" / "metrics.jsonl")
    assert [record["step"] for record in records] == [1, 2, 3, *range(1, step)]
    run = experiment.open_run(tmp_path / "run")
    assert int(run.state("mine").selector.seen) == 3
    assert int(run.state("finetune").selector.seen) == 3 + step - 1
