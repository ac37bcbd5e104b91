"""A run that is killed twenty times ends as one that never was, bit for bit."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from minegan_jax import experiment, trees
from minegan_jax.training import log

FIELDS = {
    "mine_steps": 150,
    "finetune_steps": 100,
    "log_every_steps": 5,
    "checkpoint_every_steps": 5,
}
# How each life ends: while the program starts, once it got on by a checkpoint, or at its report.
LIVES = ["start", "progress"] * 9 + ["report"] * 2


@pytest.fixture(scope="module")
def command(tmp_path_factory, tiny_fields):
    """Returns the command line of a run in a folder."""
    file = tmp_path_factory.mktemp("config") / "tiny.py"
    file.write_text(
        "from minegan_jax.config import default_config\n\n\n"
        "def get_config():\n"
        "    config = default_config()\n"
        f"    config.update({ ({**tiny_fields, **FIELDS})!r})\n"
        "    return config\n"
    )
    return lambda workdir: [
        sys.executable, "-m", "minegan_jax.main", f"--config={file}", f"--workdir={workdir}"
    ]  # fmt: skip


def start(command):
    """Starts the program on one device, with the compilation cache of the tests."""
    env = {name: value for name, value in os.environ.items() if name != "JAX_NUM_CPU_DEVICES"}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(command):
    """Runs the program to its end."""
    process = start(command)
    shown, _ = process.communicate(timeout=180)
    assert process.returncode == 0, shown.decode()


def checkpoints(workdir):
    return {path.parent.name + path.name for path in workdir.glob("checkpoints/*/[0-9]*")}


def has_report(workdir):
    return (workdir / "adapter").exists()


def live(command, workdir, ending, seconds):
    """Runs the program until `seconds` after what ends this life; says if the kill ended it."""
    before, started = checkpoints(workdir), time.monotonic()
    process = start(command)
    reached = {
        "start": lambda: True,
        "progress": lambda: checkpoints(workdir) - before,
        "report": lambda: has_report(workdir),
    }[ending]
    while not reached() and process.poll() is None and time.monotonic() < started + 60:
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def outcome(workdir):
    """Returns everything that must not differ."""
    run = experiment.open_run(workdir)
    lines = log.read(workdir / "metrics.jsonl")
    for line in lines:
        del line["steps_per_second"]
    files = ("report.json", "adapter/adapter.json", "adapter/weights.safetensors")
    return {
        "states": {name: trees.digest(run.mined(name).state) for name in run.phases_done()},
        "metrics": lines,
        **{name: (workdir / name).read_bytes() for name in files},
    }


def test_twenty_kills_change_nothing(command, tmp_path):
    finish(command(tmp_path / "warm"))  # fills the compilation cache
    uncut, killed = tmp_path / "uncut", tmp_path / "killed"
    started = time.monotonic()
    finish(command(uncut))
    duration = time.monotonic() - started

    chance = random.Random(0)
    longest = {"start": 0.6 * duration, "progress": 0.03 * duration, "report": 0.1 * duration}
    kills = [
        live(command(killed), killed, ending, chance.uniform(0, longest[ending]))
        for ending in LIVES
    ]
    assert all(kills[:-2]), "the run ended before its kills: give it more steps"
    finish(command(killed))
    assert outcome(killed) == outcome(uncut)
