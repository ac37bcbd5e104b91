"""What happens beside training."""

import numpy as np
import pytest
from PIL import Image

from minegan_jax.errors import InputError
from minegan_jax.experiment import hooks as run_hooks
from minegan_jax.training import hooks, log
from minegan_jax.training.checkpoints import Checkpoints
from minegan_jax.training.learner import Phase
from minegan_jax.training.loop import Progress


def progress(step, num_steps=7, name="mine", **metrics):
    values = {key: np.float32(value) for key, value in metrics.items()}
    return Progress(Phase(name, num_steps, None), step, f"state {step}", values)


@pytest.mark.parametrize(
    ("every", "expected"), [(3, [3, 6, 7]), (7, [7]), (0, [7]), (1, [1, 2, 3, 4, 5, 6, 7])]
)
def test_a_hook_is_called_at_intervals_and_at_the_end(every, expected):
    called = []
    hook = hooks.every(every, lambda at: called.append(at.step))
    for step in range(1, 8):
        hook(progress(step))
    assert called == expected


def test_metrics_are_means_over_their_interval(tmp_path):
    hook = hooks.write_metrics(log.writer(tmp_path / "metrics.jsonl"), 3)
    for step in range(1, 8):
        hook(progress(step, loss=step, win_rates=[step, 2 * step]))
    records = log.read(tmp_path / "metrics.jsonl")
    assert [record["step"] for record in records] == [3, 6, 7]
    assert [record["loss"] for record in records] == [2.0, 5.0, 7.0]
    assert [record["win_rates"] for record in records] == [[2.0, 4.0], [5.0, 10.0], [7.0, 14.0]]
    assert all(record["phase"] == "mine" for record in records)
    assert all(record["steps_per_second"] > 0 for record in records)


def test_a_resumed_run_drops_the_lines_that_it_takes_again(tmp_path):
    path = tmp_path / "metrics.jsonl"
    for step in (1, 2, 3, 4):
        log.append(path, {"phase": "mine", "step": step, "loss": -1.0})
    hook = hooks.write_metrics(log.writer(path), 1)
    for step in (3, 4, 5):
        hook(progress(step, loss=step))
    assert [record["loss"] for record in log.read(path)] == [-1.0, -1.0, 3.0, 4.0, 5.0]


@pytest.mark.parametrize(("value", "word"), [(np.nan, "nan"), (np.inf, "inf")])
def test_the_first_metric_that_is_not_finite_is_named_with_its_step(value, word, tmp_path):
    hook = hooks.write_metrics(log.writer(tmp_path / "metrics.jsonl"), 3)
    hook(progress(1, loss=0.0, penalty=1.0))
    hook(progress(2, loss=0.0, penalty=value))
    with pytest.raises(InputError, match=f"penalty became {word} at step 2 of mine: stopped"):
        hook(progress(3, loss=value, penalty=value))
    assert log.read(tmp_path / "metrics.jsonl") == []


def test_one_of_several_win_rates_may_break():
    with pytest.raises(InputError, match="win_rates became nan at step 4 of mine"):
        hooks.stop_if_not_finite("mine", 4, {"win_rates": np.array([1.0, np.nan])})


def test_states_go_to_their_phases_store(tmp_path):
    stores = {name: Checkpoints(tmp_path / name) for name in ("mine", "finetune")}
    state = {"weights": np.arange(3.0, dtype=np.float32)}
    hooks.save_checkpoints(stores)(progress(3, name="finetune")._replace(state=state))
    assert stores["mine"].newest(state) is None
    step, found = stores["finetune"].newest(state)
    assert step == 3
    np.testing.assert_array_equal(found["weights"], state["weights"])


def test_samples_and_evaluations_are_written(tmp_path):
    def sample(phase, state):
        assert (phase, state) == ("mine", "state 5")
        return np.zeros((4, 8, 8, 1), np.uint8)

    run_hooks.save_samples(tmp_path / "samples", sample)(progress(5))
    with Image.open(tmp_path / "samples" / "mine_000005.png") as picture:
        assert picture.size == (44, 44)  # two cells of 8 and three gaps of 2, twice as large
    path = tmp_path / "metrics.jsonl"
    run_hooks.evaluate(
        log.writer(path), lambda phase, state: {"kid": float("nan"), "of": f"{phase} {state}"}
    )(progress(5))
    (record,) = log.read(path)
    assert record["evaluation"] == {"kid": None, "of": "mine state 5"}


def test_a_bar_per_phase_starts_where_the_run_resumes(capsys):
    with hooks.progress_bars() as hook:
        for step in (4, 5, 6, 7):
            hook(progress(step))
    shown = capsys.readouterr().err
    assert "mine" in shown
    assert "7/7" in shown
