"""A run that is killed twenty times ends as one that never was, bit for bit."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from outcomes import outcome

FIELDS = {
    "run.mine_steps": 300,  # enough that no life before the last two gets to the end
    "run.finetune_steps": 200,
    "run.log_every_steps": 5,
    "run.checkpoint_every_steps": 5,
}
# How each life ends: while the program starts, after a checkpoint, or while it reports.
LIVES = ["start", "checkpoint"] * 9 + ["report"] * 2


@pytest.fixture(scope="module")
def command(tiny_config):
    """Returns the command line of a run in a folder."""
    file = tiny_config(**FIELDS)
    return lambda workdir: [
        sys.executable, "-m", "minegan_jax.main", f"--config={file}", f"--workdir={workdir}"
    ]  # fmt: skip


def start(command):
    """Starts the program on one device, with the compilation cache of the tests."""
    env = {name: value for name, value in os.environ.items() if name != "JAX_NUM_CPU_DEVICES"}
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def checkpoints(workdir):
    return {path.parent.name + path.name for path in workdir.glob("checkpoints/*/[0-9]*")}


def wait_until(reached, process, seconds=180.0):
    """Waits for something, but not for longer than the process or some seconds."""
    started = time.monotonic()
    while not reached() and process.poll() is None and time.monotonic() < started + seconds:
        time.sleep(0.005)
    return time.monotonic() - started


def finish(command, workdir):
    """Runs the program to its end; returns how long it took to its first checkpoint."""
    process = start(command(workdir))
    seconds = wait_until(lambda: checkpoints(workdir), process)
    shown, _ = process.communicate(timeout=180)
    assert process.returncode == 0, shown.decode()
    return seconds


def live(command, workdir, ending, *, starting, chance):
    """Runs the program, kills it at a random moment, and says if it was the kill that ended it."""
    before, process = checkpoints(workdir), start(command(workdir))
    if ending == "report":
        wait_until((workdir / "adapter").exists, process)
        time.sleep(chance.uniform(0.0, starting))
    else:
        longest = chance.uniform(0.0, starting) if ending == "start" else 180.0
        wait_until(lambda: checkpoints(workdir) - before, process, longest)
        time.sleep(chance.uniform(0.0, 0.05))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def test_twenty_kills_change_nothing(command, tmp_path):
    uncut, killed = tmp_path / "uncut", tmp_path / "killed"
    starting, chance = finish(command, uncut), random.Random(0)
    kills = [live(command, killed, ending, starting=starting, chance=chance) for ending in LIVES]
    assert all(kills[:-2]), "the run ended before its kills: give it more steps"
    finish(command, killed)
    assert outcome(killed) == outcome(uncut)
