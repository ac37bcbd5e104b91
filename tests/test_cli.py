"""Every mistake of a user: exit status 2, one line that says what to do, and nothing spoiled."""

import itertools
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minegan_jax import config, experiment, main, sources
from minegan_jax.training import checkpoints, log

# The config flag of ml_collections reads its file the old way.
pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")

CONFIG = """from minegan_jax.config import default_config


def get_config():
    config = default_config()
    config.update({fields!r})
    return config
"""


@pytest.fixture
def config_file(tmp_path, tiny_fields):
    """A config file of the tiny run."""
    path = tmp_path / "tiny.py"
    path.write_text(CONFIG.format(fields=tiny_fields))
    return path


@pytest.fixture
def cli(monkeypatch, capsys):
    """Runs the command line; returns its exit status and the last line that it printed."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["minegan_jax", *map(str, arguments)])
        status = main.main()
        shown = capsys.readouterr().err
        # A progress bar rewrites its line.
        lines = [line for line in shown.replace("\r", "\n").splitlines() if line.strip()]
        assert not any("Traceback" in line for line in lines)
        if status == 0:
            return status, ""
        errors = [line for line in lines if line.startswith("error: ")]
        assert errors == lines[-1:]
        return status, errors[0]

    return run


@pytest.fixture
def train(cli, config_file, tmp_path):
    """Trains the tiny config with some flags changed."""
    return lambda *flags: cli(f"--config={config_file}", f"--workdir={tmp_path / 'run'}", *flags)


def pictures(folder, *, size=8, colour=False, count=6):
    folder.mkdir()
    shape = (count, size, size, 3) if colour else (count, size, size)
    for number, pixels in enumerate(np.random.default_rng(0).integers(0, 256, shape, np.uint8)):
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return folder


def truncated(folder):
    file = pictures(folder) / "1.png"
    file.write_bytes(file.read_bytes()[:40])
    return folder


def empty(folder):
    folder.mkdir()
    return folder


# What is wrong with the images -> what the line must say.
FOLDERS = {
    "missing": (lambda folder: folder, "no such folder"),
    "empty": (empty, "no images in it"),
    "a truncated image": (truncated, "1.png: not a readable image"),
    "too small": (lambda f: pictures(f, size=7), "expected at least 8x8 pixels, found 7x7"),
    "colour": (lambda f: pictures(f, colour=True), "expected a grey image (1 channel)"),
}


@pytest.mark.parametrize("problem", FOLDERS)
def test_images_that_cannot_be_used(problem, train, tmp_path):
    make, said = FOLDERS[problem]
    status, line = train(f"--config.target=folder:{make(tmp_path / 'images')}")
    assert status == 2
    assert said in line
    assert str(tmp_path / "images") in line
    assert not (tmp_path / "run").exists()


FLAGS = {
    "--config.mine_step=3": "'mine_step': did you mean 'mine_steps'?",
    "--config.mine_steps=x": "mine_steps",
    "--config.mine_steps=3.5": "mine_steps",
    "--config.labels=7": "label 7: no image has it",
    "--config.target=nowhere": "expected one of digits, folder, npz, tfds",
    "--config.method=ganmining": "unknown method 'ganmining': expected minegan",
    "--config.sources=nowhere": "no source 'nowhere'",
    "--config.sources=": "at least one source",
    "--config.batch_size=12": "batch_size 12 does not split evenly over 8 devices",
    "--config.miner_start=middle": "miner_start",
    "--config.miner_width=4": "miner_width of 8 or more, found 4",
    "--config.critic_turns=0": "critic_turns",
    "--config.batch_size=0": "batch_size",
    "--config.features=inception": "unknown features 'inception'",
    "--config.judge=me": "unknown features 'me'",
    "--config.num_held_out=12": "too few images",
    "--mode=bake": "mode",
    "--modee=train": "modee",
    "train": "unexpected argument 'train'",
}


@pytest.mark.parametrize("flag", FLAGS)
def test_a_wrong_flag(flag, train, tmp_path):
    status, line = train(flag)
    assert status == 2
    assert FLAGS[flag] in line
    assert not (tmp_path / "run").exists()


def test_a_family_too_small_for_its_images(cli, tmp_path):
    flags = ("--config.method=scratch", "--config.resolution=4")
    status, line = cli("--config=mnist", f"--workdir={tmp_path / 'run'}", *flags)
    assert status == 2
    assert "resolution" in line


def test_what_is_missing_is_named(cli, config_file, tmp_path):
    assert "--workdir is missing" in cli(f"--config={config_file}")[1]
    assert "--config is missing" in cli(f"--workdir={tmp_path / 'run'}")[1]
    assert "mnist_pretrain" in cli("--config=mnits", f"--workdir={tmp_path / 'run'}")[1]
    assert "no config" in cli("--config=gone.py", f"--workdir={tmp_path / 'run'}")[1]


def test_a_folder_with_other_files_is_left_alone(cli, config_file, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    for workdir in (tmp_path / "other", config_file):
        status, line = cli(f"--config={config_file}", f"--workdir={workdir}")
        assert status == 2
        assert "expected a new folder or one with config.json" in line
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("mode", ["sample", "evaluate"])
def test_a_folder_that_is_no_run(mode, cli, tmp_path):
    status, line = cli(f"--mode={mode}", f"--workdir={tmp_path}", f"--out={tmp_path / 'a.npz'}")
    assert status == 2
    assert "expected a run folder with config.json" in line


# What can be wrong with a run that exists.


@pytest.fixture
def finished(tmp_path, tiny_run):
    """A copy of a finished run that a test may change."""
    return shutil.copytree(tiny_run, tmp_path / "finished")


def snapshot(folder):
    """Returns every file's content and time of change."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_another_config_is_refused_and_nothing_changed(cli, config_file, finished):
    before = snapshot(finished)
    status, line = cli(f"--config={config_file}", f"--workdir={finished}", "--config.mine_steps=99")
    assert status == 2
    assert "holds another run" in line
    assert "config.mine_steps is 3 there and 99 here" in line
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
    flags = (f"--config.sources={source}", "--config.mine_steps=1", "--config.finetune_steps=0")
    assert cli(f"--config={config_file}", f"--workdir={run}", *flags)[0] == 0
    old = sources.load_source(source).sha256
    sample = ("--mode=sample", f"--workdir={run}", f"--out={tmp_path / 'a.npz'}")

    make_source(source, seed=1)
    new = sources.load_source(source).sha256
    status, line = cli(*sample)
    assert status == 2
    assert old in line
    assert new in line

    weights = source / "generator.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    status, line = cli(*sample)
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
        ((workdir, f"--out={tmp_path / 'gone' / 'a.npz'}"), "gone"),
        ((workdir, f"--out={finished}"), str(finished)),
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
    assert cli(*flags) == (2, "error: figure5_digits:lnog: expected short or long")


def test_a_list_can_be_emptied():
    values = main.parse(["minegan_jax", "--config=mnist", "--config.labels="])
    assert config.from_config_dict(values.config).labels == ()


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
    rates = [f"--config.{name}=1e30" for name in ("critic_learning_rate", "miner_learning_rate")]
    status, line = train(*rates)
    assert status == 2
    metric, _, _, _, _, step, _, phase = line.removeprefix("error: ").split()[:8]
    assert metric in {"critic_loss", "wasserstein", "penalty", "players_loss"}
    assert (step, phase) == ("1", "mine:")
    assert log.read(tmp_path / "run" / "metrics.jsonl") == []


def test_the_last_good_checkpoint_stays(train, tmp_path):
    status, line = train("--config.learning_rate=1e30", "--config.finetune_steps=9")
    assert status == 2
    step = int(line.split(" at step ")[1].split()[0])
    assert f"at step {step} of finetune: stopped" in line
    assert step > 1
    records = log.read(tmp_path / "run" / "metrics.jsonl")
    assert [record["step"] for record in records] == [1, 2, 3, *range(1, step)]
    run = experiment.open_run(tmp_path / "run")
    assert int(run.mined("mine").state.selector.seen) == 3
    assert int(run.mined("finetune").state.selector.seen) == 3 + step - 1


def test_a_single_image_can_be_learned_from(train, tmp_path):
    folder = pictures(tmp_path / "images", count=1)
    flags = ("--config.num_held_out=0", "--config.mine_steps=1", "--config.finetune_steps=1")
    assert train(f"--config.target=folder:{folder}", *flags)[0] == 0
    assert (tmp_path / "run" / "report.json").exists()
