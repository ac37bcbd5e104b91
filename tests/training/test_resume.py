"""A run that was cut and resumed equals one that was not, bit for bit."""

import shutil

import pytest
from outcomes import outcome

from minegan_jax import config, experiment


@pytest.fixture(scope="module")
def cut_config(tiny_fields):
    """Four steps of mining and three of finetuning."""
    steps = {"run.mine_steps": 4, "run.finetune_steps": 3, "game.critic_steps": 2}
    return config.from_values({**tiny_fields, **steps})


@pytest.fixture(scope="module")
def uncut(tmp_path_factory, cut_config):
    """The folder of the run that nothing ever cut."""
    workdir = tmp_path_factory.mktemp("uncut") / "run"
    experiment.train(cut_config, workdir)
    return workdir


@pytest.mark.parametrize("phase", ["mine", "finetune"])
def test_a_run_cut_within_a_phase(phase, uncut, cut_config, tmp_path):
    """The newest checkpoint of the phase and all that came after it is lost."""
    workdir = shutil.copytree(uncut, tmp_path / "run")
    checkpoints = workdir / "checkpoints"
    newest = max((checkpoints / phase).glob("[0-9]*"), key=lambda path: int(path.name))
    shutil.rmtree(newest)
    if phase == "mine":
        shutil.rmtree(checkpoints / "finetune")
    shutil.rmtree(workdir / "adapter")
    (workdir / "report.json").unlink()
    # A kill may come while a line is written.
    metrics = workdir / "metrics.jsonl"
    metrics.write_text(metrics.read_text()[:-9])

    experiment.train(cut_config, workdir)
    assert outcome(workdir) == outcome(uncut)


def test_a_run_cut_before_its_report(uncut, cut_config, tmp_path):
    workdir = shutil.copytree(uncut, tmp_path / "run")
    shutil.rmtree(workdir / "adapter")
    (workdir / "report.json").unlink()
    experiment.train(cut_config, workdir)
    assert outcome(workdir) == outcome(uncut)


def test_a_damaged_newest_checkpoint_is_trained_again(uncut, cut_config, tmp_path):
    workdir = shutil.copytree(uncut, tmp_path / "run")
    newest = workdir / "checkpoints" / "finetune" / "3"
    largest = max(newest.rglob("*"), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
    experiment.train(cut_config, workdir)
    assert outcome(workdir) == outcome(uncut)
