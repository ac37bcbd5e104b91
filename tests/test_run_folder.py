"""A run folder survives kills while it is made, and says when other versions made it."""

import json
import shutil
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import minegan_jax
from minegan_jax import config, experiment, run_folder
from minegan_jax.errors import InputError

# How `ml_collections` loads a config file.
pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")
IDENTITY = {"config": {"seed": 1}, "sources": {}, "target": {"sha256": "0"}}
ROOT = Path(__file__).parents[1]
# What the process is about to do when it is killed, by the function that does it.
MOMENTS = {
    "before anything is written": "pathlib.Path.open",
    "while the config is written": "os.fsync",
    "before the config gets its name": "pathlib.Path.replace",
}
KILLED = """
import os, pathlib, signal
from minegan_jax import run_folder
{moment} = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
run_folder.create_or_check(pathlib.Path({workdir!r}), {identity!r})
"""


def killed(code):
    """Runs a program that kills itself."""
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_while_the_folder_is_made_leaves_it_usable(moment, tmp_path):
    workdir = tmp_path / "run"
    code = KILLED.format(moment=MOMENTS[moment], workdir=str(workdir), identity=IDENTITY)
    for _ in range(2):
        killed(code)
    assert workdir.is_dir()
    run_folder.create_or_check(workdir, IDENTITY)
    assert [path.name for path in workdir.iterdir()] == ["config.json"]
    assert run_folder.read_identity(workdir) == IDENTITY


@pytest.mark.parametrize("name", ["cat.jpg", ".config.json.old", ".config.json", ".hidden.123"])
def test_a_folder_of_other_files_is_left_alone(name, tmp_path):
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match="found other files"):
        run_folder.create_or_check(tmp_path, IDENTITY)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_kills_left_is_cleaned_when_a_run_goes_on(tmp_path):
    run_folder.create_or_check(tmp_path, IDENTITY)
    (tmp_path / "samples").mkdir()
    left = [tmp_path / ".report.json.7", tmp_path / "samples" / ".walk.png.4242"]
    kept = [tmp_path / ".note", tmp_path / "samples" / "walk.png.4242"]
    for path in (*left, *kept):
        path.write_text("")
    run_folder.create_or_check(tmp_path, IDENTITY)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in kept)


def test_other_versions_are_named_when_a_run_goes_on(tmp_path, caplog):
    run_folder.create_or_check(tmp_path, IDENTITY)
    run_folder.create_or_check(tmp_path, IDENTITY)
    assert not caplog.records
    config = json.loads((tmp_path / "config.json").read_text())
    config["versions"]["jax"] = "0.0.1"
    del config["versions"]["optax"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    run_folder.create_or_check(tmp_path, IDENTITY)
    (line,) = [record.getMessage() for record in caplog.records]
    assert f"jax 0.0.1 there, {run_folder.versions()['jax']} here" in line
    assert "optax unknown there" in line
    assert "flax" not in line


@pytest.mark.parametrize(("value", "goes_on"), [((), True), ((0.5, 0.5), False)])
def test_a_folder_of_before_a_field_has_its_default(value, goes_on, tmp_path):
    run_folder.create_or_check(tmp_path, IDENTITY)
    config = {**IDENTITY["config"], "target": {"box": value}}
    later, defaults = {**IDENTITY, "config": config}, {"target.box": ()}
    before = (tmp_path / "config.json").read_bytes()
    if goes_on:
        run_folder.create_or_check(tmp_path, later, defaults=defaults)
        assert run_folder.read_identity(tmp_path)["config"]["target"] == {"box": []}
    else:
        with pytest.raises(InputError, match=r"config.target.box is \[\] there and \[0.5, 0.5\]"):
            run_folder.create_or_check(tmp_path, later, defaults=defaults)
        assert (tmp_path / "config.json").read_bytes() == before


def test_a_checkout_that_nobody_installed_has_its_version(monkeypatch):
    def missing(name):
        if name == "minegan_jax":
            raise metadata.PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(metadata, "version", missing)
    assert run_folder.versions()["minegan_jax"] == minegan_jax.__version__


DAMAGED = ("[]", "3", "{", '{"format": 2, "config": 1}', "[" * 100_000, '{"format": 2}')


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_config_is_one_line(content, tmp_path):
    (tmp_path / "config.json").write_text(content)
    for use in (run_folder.read_identity, run_folder.read_versions, experiment.open_run):
        with pytest.raises(InputError, match="damaged file") as caught:
            use(tmp_path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "an older version"),
        ('{"format": 3}', "a newer version .* expected format 2, found 3"),
    ],
)
def test_a_run_of_another_format_is_named(content, said, tmp_path):
    (tmp_path / "config.json").write_text(content)
    for use in (run_folder.read_identity, run_folder.read_versions, experiment.open_run):
        with pytest.raises(InputError, match=said) as caught:
            use(tmp_path)
        assert "\n" not in str(caught.value)


CUT_WHILE_SAVING = """
import os, pathlib, signal, sys
from minegan_jax import main
from minegan_jax.training import checkpoints
save = checkpoints.Checkpoints.save
def cut(self, step, state):
    if self._directory.name == "finetune":
        die = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
        os.rename = os.replace = pathlib.Path.rename = pathlib.Path.replace = die
    save(self, step, state)
checkpoints.Checkpoints.save = cut
sys.argv = ["minegan_jax", "--config={config}", "--workdir={workdir}"]
sys.exit(main.main())
"""


def test_a_kill_in_the_first_checkpoint_of_a_phase_leaves_the_one_before(
    cli, config_file, tmp_path
):
    workdir = tmp_path / "run"
    killed(CUT_WHILE_SAVING.format(config=config_file, workdir=workdir))
    unfinished = [path.name for path in (workdir / "checkpoints" / "finetune").iterdir()]
    assert unfinished
    assert not any(name.isdecimal() for name in unfinished)
    assert experiment.open_run(workdir).phases_done() == ["mine"]
    assert cli("--mode=sample", f"--workdir={workdir}", f"--out={tmp_path / 'a.npz'}")[0] == 0
    assert cli("--mode=evaluate", f"--workdir={workdir}")[0] == 0
    assert cli(f"--config={config_file}", f"--workdir={workdir}")[0] == 0
    assert experiment.open_run(workdir).phases_done() == ["mine", "finetune"]


@pytest.fixture(scope="module")
def short_run(tmp_path_factory, tiny_fields):
    """A run that ends after one step of finetuning."""
    workdir = tmp_path_factory.mktemp("short") / "run"
    experiment.train(config.from_values({**tiny_fields, "run.finetune_steps": 1}), workdir)
    return workdir


def test_a_longer_last_phase_goes_on_and_equals_one_that_was_not_cut(
    short_run, tmp_path, tiny_fields, tiny_run
):
    workdir = shutil.copytree(short_run, tmp_path / "run")
    longer = experiment.train(config.from_values({**tiny_fields, "run.finetune_steps": 2}), workdir)
    whole = experiment.open_run(tiny_run)
    np.testing.assert_array_equal(longer.sample(4), whole.sample(4))
    stored = run_folder.read_identity(workdir)["config"]
    assert stored["run"]["finetune_steps"] == 2
    with pytest.raises(InputError, match="finetune_steps is 2 there and 1 here"):
        experiment.train(config.from_values({**tiny_fields, "run.finetune_steps": 1}), workdir)


@pytest.mark.parametrize(
    "field", ["run.mine_steps", "game.learning_rate", "run.seed", "run.batch_size"]
)
def test_what_changes_the_result_is_another_run(field, short_run, tmp_path, tiny_fields):
    workdir = shutil.copytree(short_run, tmp_path / "run")
    other = {**tiny_fields, "run.finetune_steps": 1}
    other[field] = 2 * tiny_fields.get(field, 1)
    with pytest.raises(InputError, match=f"holds another run.*config.{field}"):
        experiment.train(config.from_values(other), workdir)


def test_a_run_is_the_same_wherever_its_parts_lie(
    short_run, tmp_path, tiny_fields, tiny_source, tiny_images
):
    """Nor does it matter what is logged, reported or kept, or how devices share the work."""
    workdir = shutil.copytree(short_run, tmp_path / "run")
    source = shutil.copytree(tiny_source, tmp_path / "moved source")
    images = shutil.copytree(tiny_images, tmp_path / "moved images")
    moved = {
        "sources": (str(source),),
        "target.images": f"folder:{images}",
        "run.finetune_steps": 1,
    }
    free = {
        "run.log_every_steps": 7,
        "report.num_images": 30,
        "report.neighbours": 2,
        "run.remat": True,
    }
    run = experiment.train(config.from_values({**tiny_fields, **moved, **free}), workdir)
    np.testing.assert_array_equal(run.sample(4), experiment.open_run(short_run).sample(4))
    assert json.loads((workdir / "report.json").read_text())["recipe"]["num_images"] == 30
    assert run_folder.read_identity(workdir)["config"]["sources"] == [str(source)]


def test_sources_that_moved_are_named_where_a_run_is_opened(
    short_run, tmp_path, tiny_source, make_source
):
    workdir = shutil.copytree(short_run, tmp_path / "run")
    stored = json.loads((workdir / "config.json").read_text())
    stored["config"]["sources"] = ["gone"]
    stored["sources"] = {"gone": next(iter(stored["sources"].values()))}
    (workdir / "config.json").write_text(json.dumps(stored))
    with pytest.raises(InputError, match="no source 'gone'"):
        experiment.open_run(workdir)
    found = experiment.open_run(workdir, [str(tiny_source)]).sample(4)
    np.testing.assert_array_equal(found, experiment.open_run(short_run).sample(4))
    with pytest.raises(InputError, match="trained with sources"):
        experiment.open_run(workdir, [str(make_source(tmp_path / "other", seed=5))])
