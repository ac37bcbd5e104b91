"""Metrics as events: every number of a run, once, whatever was cut."""

import builtins

import pytest
from tensorboardX import proto
from tensorboardX.record_writer import masked_crc32c

from minegan_jax import experiment, run_folder
from minegan_jax.config import from_values
from minegan_jax.errors import InputError
from minegan_jax.training import log, tensorboard


def read(directory):
    """Yields the events of all files of a folder, and checks their sums."""
    for file in sorted(directory.glob("events.*")):
        content = file.read_bytes()
        while content:
            head, length = content[:8], int.from_bytes(content[:8], "little")
            assert masked_crc32c(head) == int.from_bytes(content[8:12], "little")
            yield proto.event_pb2.Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]


def numbers(directory):
    """Returns the numbers by name and step."""
    events = read(directory)
    return {(v.tag, e.step): v.simple_value for e in events for v in e.summary.value}


def test_the_numbers_of_a_record():
    selector = [{"name": "a", "probability": 0.25, "interval": [0.1, 0.4]}, {"name": "b"}]
    record = {"phase": "mine", "step": 3, "loss": 1.5, "none": None, "selector": selector}
    record["evaluation"] = {"kid": 0.5, "step": 1}
    assert dict(tensorboard.scalars(record)) == {
        **{"loss": 1.5, "selector/a/probability": 0.25},
        **{"evaluation/kid": 0.5, "evaluation/step": 1},
    }


def test_a_run_writes_what_its_metrics_hold(tiny_fields, tmp_path):
    fields = {**tiny_fields, "run.tensorboard": True, "run.log_every_steps": 1}
    run = experiment.train(from_values(fields), tmp_path / "run")
    for phase in run.phases_done():
        found = numbers(run.workdir / run_folder.TENSORBOARD / phase)
        lines = log.read(run.workdir / run_folder.METRICS)
        expected = {
            (name, line["step"]): value
            for line in lines
            if line["phase"] == phase
            for name, value in tensorboard.scalars(line)
        }
        assert found == pytest.approx(expected)
        assert expected


def test_what_is_taken_again_replaces_what_was(tmp_path):
    """A file's first event says from which step on TensorBoard forgets the files before it."""
    starts = 1, 3
    for first in starts:
        write = tensorboard.mirror(log.writer(tmp_path / "metrics.jsonl"), tmp_path / "events")
        for step in range(first, 6):
            write({"phase": "mine", "step": step, "loss": float(10 * first + step)})
    assert [line["loss"] for line in log.read(tmp_path / "metrics.jsonl")] == [11, 12, 33, 34, 35]
    sessions = [event for event in read(tmp_path / "events" / "mine") if not event.summary.value]
    restarts = [event.step for event in sessions if event.session_log.status]
    assert restarts == list(starts)


def test_without_the_package_it_is_named(monkeypatch, tmp_path):
    found = builtins.__import__

    def find(name, *args):
        if name.startswith("tensorboardX"):
            raise ImportError(name)
        return found(name, *args)

    monkeypatch.setattr(builtins, "__import__", find)
    with pytest.raises(InputError, match=r"expected the package tensorboardX, found none: pip"):
        tensorboard.mirror(log.writer(tmp_path / "metrics.jsonl"), tmp_path)
