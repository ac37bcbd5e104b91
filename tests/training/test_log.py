"""The metrics file survives kills and holds nothing but JSON."""

import math

from minegan_jax.training import log


def test_lines_come_back(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert log.read(path) == []
    records = [{"phase": "mine", "step": i, "win_rates": [0.25, 0.75]} for i in (1, 2)]
    for record in records:
        log.append(path, record)
    assert log.read(path) == records


def test_what_json_lacks_becomes_null(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log.append(path, {"a": math.nan, "b": {"c": [1.0, math.inf]}, "d": (-math.inf, 2)})
    assert "NaN" not in path.read_text()
    assert "Infinity" not in path.read_text()
    assert log.read(path) == [{"a": None, "b": {"c": [1.0, None]}, "d": [None, 2]}]


def test_a_line_that_a_kill_cut_short_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    for step in (1, 2, 3):
        log.append(path, {"phase": "mine", "step": step})
    path.write_text(path.read_text()[:-7])
    assert [record["step"] for record in log.read(path)] == [1, 2]
    log.forget_from(path, "mine", 3)
    log.append(path, {"phase": "mine", "step": 3})
    assert [record["step"] for record in log.read(path)] == [1, 2, 3]


def test_forgetting_spares_other_phases_and_earlier_steps(tmp_path):
    path = tmp_path / "metrics.jsonl"
    log.forget_from(path, "mine", 1)
    assert not path.exists()
    for phase, step in (("mine", 1), ("mine", 2), ("finetune", 1), ("finetune", 2)):
        log.append(path, {"phase": phase, "step": step})
    log.forget_from(path, "finetune", 2)
    log.forget_from(path, "mine", 5)
    kept = [(record["phase"], record["step"]) for record in log.read(path)]
    assert kept == [("mine", 1), ("mine", 2), ("finetune", 1)]
