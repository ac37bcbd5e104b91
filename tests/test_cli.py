"""Every mistake of a user: exit status 2, one line that says what to do, and nothing spoiled."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from minegan_jax import main

# The config flag of ml_collections reads its file the old way.
pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")


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
    status, line = train(f"--config.target.images=folder:{make(tmp_path / 'images')}")
    assert status == 2
    assert said in line
    assert str(tmp_path / "images") in line
    assert not (tmp_path / "run").exists()


FLAGS = {
    "--config.mine_step=3": "there is no 'mine_step': did you mean 'run.mine_steps'?",
    "--config.target.labels.x=3": "--config.target.labels.x: there is no 'x' in",
    "--config=sngan": "expected one --config, found",
    "--config.run.mine_steps=x": "mine_steps",
    "--config.run.mine_steps=3.5": "mine_steps",
    "--config.target.labels=7": "label 7: no image has it",
    "--config.target.images=nowhere": "expected one of digits, folder, npz, tfds",
    "--config.method=ganmining": "unknown method 'ganmining': expected minegan",
    "--config.sources=nowhere": "no source 'nowhere'",
    "--config.sources=": "at least one source",
    "--config.run.batch_size=12": "batch_size 12 does not split evenly over 8 devices",
    "--config.miner.start=middle": "'miner.start': expected prior or residual or collapsed or",
    "--config.miner.width=0": "'miner.width': expected 1 or more, found 0",
    "--config.game.critic_steps=0": "'game.critic_steps': expected 1 or more",
    "--config.run.batch_size=0": "batch_size",
    "--config.report.features=inception": "unknown features 'inception'",
    "--config.report.classifier=me": "unknown features 'me'",
    "--config.target.num_held_out=12": "too few images",
    "--mode=bake": "mode",
    "--modee=train": "modee",
    "train": "unexpected argument 'train'",
    "--seed=3": "--seed does nothing with --mode=train",
    "--num_images=3": "--num_images does nothing with --mode=train",
    "--out=a.npz": "--out does nothing with --mode=train",
    "--adapter=a": "--adapter does nothing with --mode=train",
    "--features=digits": "--features does nothing with --mode=train",
    "--workdir=twice": "--workdir is given 2 times",
    "--config.sources=gs://bucket/source": "expected a local path, found a URL",
    "--config.sources=my source,2024_05_01": "no source 'my source'",
    "--config.game.critic=~no-such-user/critic": "no such home",
    "--config.report.features=classifier:s3://a": "expected a local path, found a URL",
}


@pytest.mark.parametrize("flag", FLAGS)
def test_a_wrong_flag(flag, train, tmp_path):
    status, line = train(flag)
    assert status == 2
    assert FLAGS[flag] in line
    assert not (tmp_path / "run").exists()


def test_a_family_too_small_for_its_images(cli, tmp_path):
    flags = ("--config.method=scratch", "--config.network.resolution=4")
    status, line = cli("--config=mnist", f"--workdir={tmp_path / 'run'}", *flags)
    assert status == 2
    assert "resolution" in line


def test_what_is_missing_is_named(cli, config_file, tmp_path):
    assert "--workdir is missing" in cli(f"--config={config_file}")[1]
    assert "--config is missing" in cli(f"--workdir={tmp_path / 'run'}")[1]
    assert "--config is missing" in cli("--config.run.seed=3")[1]
    assert "mnist_pretrain" in cli("--config=mnits", f"--workdir={tmp_path / 'run'}")[1]
    assert "no config" in cli("--config=gone.py", f"--workdir={tmp_path / 'run'}")[1]


@pytest.mark.parametrize("seed", ["--config.run.seed=x", "-config.run.seed=x"])
def test_a_configs_fields_may_come_before_it(seed, cli, config_file):
    for config in (["--config", str(config_file)], [f"-config={config_file}"]):
        status, line = cli(seed, *config)
        assert status == 2
        assert "--config.run.seed=x: invalid literal" in line


def test_several_processes_only_train(cli, tmp_path):
    status, line = cli("--mode=sample", f"--workdir={tmp_path}", "--distributed")
    assert status == 2
    assert "--mode=sample takes one process: several only train together" in line


@pytest.mark.parametrize(
    ("mode", "flags"),
    [
        ("sample", ("--config=mnist",)),
        ("sample", ("--features=digits",)),
        ("evaluate", ("--config=mnist", "--config.report.features=nonsense")),
        ("evaluate", ("--out=a.npz",)),
        ("evaluate", ("--source=a",)),
        ("compare", ("--config=table2_digits", "--phase=mine")),
        ("compare", ("--config=table2_digits", "--weights=raw")),
    ],
)
def test_a_flag_that_a_mode_does_not_read(mode, flags, cli, tmp_path):
    status, line = cli(f"--mode={mode}", f"--workdir={tmp_path / 'run'}", *flags)
    assert status == 2
    assert f"does nothing with --mode={mode}" in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("mode", ["train", "sample", "evaluate", "compare"])
def test_a_url_is_no_folder(mode, cli, config_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {"train": (f"--config={config_file}",), "compare": ("--config=table2_digits",)}
    out = ("--out=a.npz",) if mode == "sample" else ()
    status, line = cli(f"--mode={mode}", "--workdir=gs://bucket/run", *config.get(mode, ()), *out)
    assert status == 2
    assert "expected a local path, found a URL" in line
    assert not list(tmp_path.glob("gs*"))


def test_a_home_is_the_users(cli, config_file, tmp_path, monkeypatch):
    """Behind `=` no shell writes it out."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert cli(f"--config={config_file}", "--workdir=~/runs/one")[0] == 0
    flags = "--mode=sample", "--workdir=~/runs/one", "--num_images=2", "--out=~/new/a.npz"
    assert cli(*flags)[0] == 0
    assert (tmp_path / "home" / "new" / "a.npz").is_file()
    assert not (tmp_path / "~").exists()


def test_names_of_sources_are_split_at_commas_alone(train, tiny_source, tmp_path):
    for name in ("my source", "2024_05_01"):
        shutil.copytree(tiny_source, tmp_path / name)
    given = ",".join(str(tmp_path / name) for name in ("my source", "2024_05_01"))
    assert train(f"--config.sources={given}")[0] == 0
    written = json.loads((tmp_path / "run" / "config.json").read_text())
    assert written["config"]["sources"] == given.split(",")


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
    out = (f"--out={tmp_path / 'a.npz'}",) if mode == "sample" else ()
    status, line = cli(f"--mode={mode}", f"--workdir={tmp_path}", *out)
    assert status == 2
    assert "expected a run folder with config.json" in line


def test_a_single_image_can_be_learned_from(train, tmp_path):
    folder = pictures(tmp_path / "images", count=1)
    flags = (
        "--config.target.num_held_out=0",
        "--config.run.mine_steps=1",
        "--config.run.finetune_steps=1",
    )
    assert train(f"--config.target.images=folder:{folder}", *flags)[0] == 0
    assert (tmp_path / "run" / "report.json").exists()


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "a.png: target.enlarge=True enlarges it",
            "a.png: --config.target.enlarge=True enlarges it",
        ),
        ("expected target.max_images=NUMBER", "expected --config.target.max_images=NUMBER"),
        ("exclude_broken=True leaves it out", "--config.exclude_broken=True leaves it out"),
        ("--config.run.seed=x: no number", "--config.run.seed=x: no number"),
        ("config field 'run.seed': expected int", "config field 'run.seed': expected int"),
        ("a/target.fit=crop.png: damaged", "a/target.fit=crop.png: damaged"),
    ],
)
def test_fields_in_messages_are_flags(message, said):
    """Python's users read the field, the command line's the flag."""
    assert main.as_flags(message) == said


DEFAULT = "from minegan_jax.config import default_config\ndef get_config():\n"
BROKEN_CONFIGS = {
    f"{DEFAULT}    config = default_config()\n    config.learning_rate = 1\n": (
        "line 4: there is no field 'learning_rate': did you mean 'miner.learning_rate' or"
    ),
    f"{DEFAULT}    config = default_config()\n    config.run.mine_step = 1\n": (
        "line 4: there is no field 'mine_step': did you mean 'run.mine_steps'?"
    ),
    f"{DEFAULT}    return 1 / 0\n": "line 3: ZeroDivisionError: division by zero",
    f"{DEFAULT}    return 3\n": "expected get_config to return a config, found 3",
    "def get_config(:\n": "line 1: SyntaxError: invalid syntax",
    "x = 3\n": "expected a function get_config, found none",
    "import nothing_like_it\n": "line 1: ModuleNotFoundError: No module named 'nothing_like_it'",
}


@pytest.mark.parametrize("flags", [(), ("--config.run.seed=3",)], ids=["alone", "with a flag"])
@pytest.mark.parametrize("code", BROKEN_CONFIGS)
def test_a_config_that_fails_is_one_line(code, flags, cli, tmp_path):
    file = tmp_path / "own.py"
    file.write_text(code)
    status, line = cli(f"--config={file}", f"--workdir={tmp_path / 'run'}", *flags)
    assert status == 2
    assert BROKEN_CONFIGS[code] in line
    assert line.startswith(f"error: {file}")
    assert not (tmp_path / "run").exists()
