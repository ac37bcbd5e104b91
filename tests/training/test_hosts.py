"""Several processes train as one does; one that dies, or never comes, stops the others."""

import os
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from minegan_jax import experiment
from minegan_jax.errors import InputError
from minegan_jax.training import hosts, log

SECONDS = 120.0  # after which a process is taken to hang
FIELDS = {
    "run.mine_steps": 12,
    "run.finetune_steps": 8,
    "run.sample_every_steps": 6,
    "run.checkpoint_every_steps": 2,
    "game.learning_rate": 1e-3,
    "miner.learning_rate": 1e-3,
}


@pytest.fixture(scope="module")
def config_file(tiny_config):
    """The file of a config of twenty steps."""
    return tiny_config(**FIELDS)


def kill(process):
    process.kill()
    process.wait()
    process.stdout.close()


def free_port():
    """Returns a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def start(config_file):
    """Starts processes, with flags; ends those that are left when the test ends."""
    started = []

    def start_one(workdir, *flags, num_devices=2, program=("-m", "minegan_jax.main")):
        command = [sys.executable, *program, f"--config={config_file}"]
        process = subprocess.Popen(
            [*command, f"--workdir={workdir}", *flags],
            env={**os.environ, "JAX_NUM_CPU_DEVICES": str(num_devices)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start_one
    for process in started:
        kill(process)


@pytest.fixture
def start_two(start, tmp_path):
    """Starts two processes of two devices; each has its own disk, only the first one's is used."""

    def start_both(*flags, seeds=(0, 0)):
        together = f"--coordinator=127.0.0.1:{free_port()}", "--num_processes=2"
        own = [[f"--process_id={i}", f"--config.run.seed={seed}"] for i, seed in enumerate(seeds)]
        return [start(tmp_path / str(i), *together, *own[i], *flags) for i in (0, 1)]

    return start_both


def end(process):
    """Waits for a process; returns its status and what it said."""
    said, _ = process.communicate(timeout=SECONDS)
    return process.returncode, said


def wait_for_checkpoints(workdir, process, number):
    deadline = time.monotonic() + SECONDS
    while len(list(workdir.glob("checkpoints/mine/*[0-9]"))) < number:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def outcome(workdir):
    """Returns all numbers that must be the same."""
    run, metrics = experiment.open_run(workdir), log.read(workdir / "metrics.jsonl")
    numbers = [{k: v for k, v in line.items() if k != "steps_per_second"} for line in metrics]
    return numbers, {name: run.state(name) for name in run.phases_done()}


def assert_same(workdir, expected):
    (lines, states), (true_lines, true_states) = outcome(workdir), outcome(expected)
    assert [(line["phase"], line["step"]) for line in lines] == [
        (line["phase"], line["step"]) for line in true_lines
    ]
    jax.tree.map(
        lambda a, b: a == b or np.testing.assert_allclose(a, b, atol=1e-6, rtol=1e-6),
        lines,
        true_lines,
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), states, true_states)


def test_two_that_are_killed_and_resumed_equal_one(start, start_two, tmp_path):
    """Some of their arrays are whole on all devices, and some are shared."""
    flags = ["--config.run.shard_sources=True"]
    alone = start(tmp_path / "alone", *flags, num_devices=4)
    both = start_two(*flags)
    wait_for_checkpoints(tmp_path / "0", both[0], 2)
    for process in both:
        kill(process)
    assert not (tmp_path / "0" / "report.json").exists()
    for status, said in [end(alone), *map(end, start_two(*flags))]:
        assert status == 0, said
    assert_same(tmp_path / "0", tmp_path / "alone")
    assert (tmp_path / "0" / "adapter" / "weights.safetensors").exists()
    assert not (tmp_path / "1").exists()


@pytest.mark.parametrize("dying", [0, 1])
def test_one_that_dies_stops_the_other(dying, start_two, tmp_path):
    both = start_two("--config.run.mine_steps=100000", "--host_timeout=5")
    wait_for_checkpoints(tmp_path / "0", both[0], 1)
    kill(both[dying])
    status, said = end(both[1 - dying])
    assert status not in (0, None)
    # Which of the two is first to notice, our own line or JAX's, is not decided.
    assert "error: another process died or fell silent" in said or "another task died" in said


# The command, in which a step of one process takes for ever, while JAX in it answers the others.
HANGING = """
import time
from minegan_jax import main
from minegan_jax.training import loop
tell = loop._tell
loop._tell = lambda hooks, now: time.sleep(1e6) if now.step == 3 else tell(hooks, now)
main.main()
"""


@pytest.mark.parametrize("hanging", [0, 1])
def test_one_that_hangs_stops_the_other(hanging, start, tmp_path):
    together = f"--coordinator=127.0.0.1:{free_port()}", "--num_processes=2"
    both = [
        start(
            *(tmp_path / str(number), *together, f"--process_id={number}"),
            "--config.run.stuck_seconds=15",
            program=("-c", HANGING) if number == hanging else ("-m", "minegan_jax.main"),
        )
        for number in (0, 1)
    ]
    status, said = end(both[1 - hanging])
    assert status not in (0, None)
    assert f"error: no step in 15 s: {hosts.STUCK}" in said or "another task died" in said


def test_a_lost_connection_is_one_line():
    lost = jax.errors.JaxRuntimeError("UNKNOWN: Gloo all-reduce failed: Connection reset by peer")
    assert str(hosts.explained(lost)).startswith("another process died or fell silent; start all")
    other = jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
    assert hosts.explained(other) is other


def test_one_that_waits_for_nobody_says_so_in_time(start, tmp_path):
    waiting = {}
    for number in (0, 1):
        address = f"127.0.0.1:{free_port()}"
        flags = f"--coordinator={address}", "--num_processes=2", f"--process_id={number}"
        waiting[address] = start(tmp_path / "run", *flags, "--host_timeout=2")
    for address, process in waiting.items():
        status, said = end(process)
        assert status == 2
        (line,) = said.splitlines()
        assert line.startswith(f"error: no answer from {address} within 2 s: expected process 0")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (
            ["--config.target.max_images=1"],
            "error: 1 training images for 2 processes: expected one for",
        ),
        (["--config.run.batch_size=2"], "error: batch_size 2 does not split evenly over 4 devices"),
    ],
)
def test_more_processes_than_data_are_a_mistake(flags, line, start_two, tmp_path):
    for status, said in map(end, start_two(*flags)):
        assert status == 2, said
        assert line in said
    assert not (tmp_path / "0").exists()


def test_processes_with_other_settings_are_a_mistake(start_two, tmp_path):
    for status, said in map(end, start_two(seeds=(0, 1))):
        assert status == 2, said
        assert "error: the processes differ in config, sources or images" in said
    assert not (tmp_path / "0").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("nowhere", 2, 0), "--coordinator: expected HOST:PORT, found 'nowhere'"),
        (("here:1", None, 0), "expected all or none of --coordinator"),
        ((None, 2, 0), "expected all or none of --coordinator"),
        (("here:1", 2, 2), "--process_id: expected 0 to 1, found 2"),
    ],
)
def test_flags_that_do_not_fit_together(flags, message):
    with pytest.raises(InputError, match=message):
        hosts.join(*flags, seconds=1)
