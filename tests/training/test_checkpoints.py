"""Checkpoints: bit-equal when whole, passed over when damaged, refused when not finite."""

import gc
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from minegan_jax import trees
from minegan_jax.errors import InputError
from minegan_jax.training import checkpoints
from minegan_jax.training.checkpoints import Checkpoints

# Orbax leaves coroutines behind that were never awaited when a file cannot be read.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _swept():
    """Collects them here, and not in the next file's tests."""
    yield
    gc.collect()


class State(NamedTuple):
    """What a learner's state may hold."""

    params: dict[str, Any]
    optimizer: Any
    seen: jax.Array


def state_at(step):
    weights = jax.random.normal(jax.random.key(step), (50, 40))
    params = {"miners": ({"weights": weights},), "none": ({},)}
    optimizer = optax.adam(0.1).init(params)
    return State(params, optimizer, jnp.asarray(step, jnp.int32))


@pytest.fixture
def store(tmp_path):
    """Checkpoints of steps 1 and 2."""
    kept = Checkpoints(tmp_path / "phase")
    for step in (1, 2):
        kept.save(step, state_at(step))
    return kept


def reopened(tmp_path):
    return Checkpoints(tmp_path / "phase").newest(state_at(0))


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def largest_file(directory):
    files = [path for path in directory.rglob("*") if path.is_file()]
    return max(files, key=lambda path: path.stat().st_size)


def empty(directory):
    for path in sorted(directory.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


DAMAGES = {
    "a flipped byte": lambda directory: flip_a_byte(largest_file(directory)),
    "a truncated file": lambda directory: cut(largest_file(directory)),
    "a file that is gone": lambda directory: largest_file(directory).unlink(),
    "an empty folder": empty,
}


def test_there_may_be_none(tmp_path):
    assert reopened(tmp_path) is None


@pytest.mark.usefixtures("store")
def test_the_newest_comes_back_bit_for_bit(tmp_path):
    step, state = reopened(tmp_path)
    assert step == 2
    assert trees.digest(state) == trees.digest(state_at(2))
    assert jax.tree.structure(state) == jax.tree.structure(state_at(2))


def test_the_one_before_is_kept_and_older_ones_go(store, tmp_path):
    store.save(3, state_at(3))
    assert sorted(path.name for path in (tmp_path / "phase").glob("[0-9]*")) == ["2", "3"]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_newest_is_reported_and_passed_over(damage, tmp_path, caplog):
    DAMAGES[damage](tmp_path / "phase" / "2")
    step, state = reopened(tmp_path)
    assert step == 1
    assert trees.digest(state) == trees.digest(state_at(1))
    (warning,) = [r.getMessage() for r in caplog.records if "is damaged" in r.getMessage()]
    assert str(tmp_path / "phase" / "2") in warning


@pytest.mark.usefixtures("store")
def test_all_may_be_damaged(tmp_path):
    for step in ("1", "2"):
        flip_a_byte(largest_file(tmp_path / "phase" / step))
    assert reopened(tmp_path) is None


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("damage", DAMAGES)
def test_saving_over_a_damaged_step_works(damage, tmp_path):
    DAMAGES[damage](tmp_path / "phase" / "2")
    again = Checkpoints(tmp_path / "phase")
    again.save(2, state_at(2))
    step, state = again.newest(state_at(0))
    assert step == 2
    assert trees.digest(state) == trees.digest(state_at(2))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_state_that_is_not_finite_is_refused(value, store, tmp_path):
    state = state_at(3)
    weights = state.params["miners"][0]["weights"].at[3, 4].set(value)
    broken = state._replace(params={"miners": ({"weights": weights},), "none": ({},)})
    with pytest.raises(InputError, match="params/miners/0/weights is not finite at step 3"):
        store.save(3, broken)
    assert not (tmp_path / "phase" / "3").exists()
    assert reopened(tmp_path)[0] == 2


def as_another_version(step):
    """States of other structures: an array more, fewer, of another shape, of another type."""
    state = state_at(step)
    weights = state.params["miners"][0]["weights"]
    return {
        "one more": state._replace(params={**state.params, "turns": weights}),
        "one fewer": state._replace(params={"miners": ({},), "none": ({},)}),
        "another shape": state._replace(seen=state.seen[None]),
        "another type": state._replace(seen=state.seen.astype(jnp.float32)),
    }


def contents(directory):
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("change", as_another_version(0))
def test_another_structure_is_one_line_and_stays(change, tmp_path):
    directory = tmp_path / "phase"
    before = contents(directory)
    other = as_another_version(3)[change]
    for use in (
        lambda: Checkpoints(directory).newest(other),
        lambda: Checkpoints(directory).save(2, other),
        lambda: Checkpoints(directory).save(3, other),
    ):
        with pytest.raises(InputError, match="a checkpoint of another structure") as caught:
            use()
        assert "\n" not in str(caught.value)
    assert contents(directory) == before
    assert reopened(tmp_path)[0] == 2


@pytest.mark.parametrize("version", [None, checkpoints.FORMAT - 1, checkpoints.FORMAT + 1])
def test_another_format_is_one_line_and_stays(version, tmp_path, monkeypatch):
    directory = tmp_path / "phase"
    monkeypatch.setattr(checkpoints, "FORMAT", version)
    Checkpoints(directory).save(1, state_at(1))
    monkeypatch.undo()
    before = contents(directory)
    for use in (
        lambda: Checkpoints(directory).newest(state_at(0)),
        lambda: Checkpoints(directory).newest_part(state_at(0), lambda state: state.params),
        lambda: Checkpoints(directory).save(2, state_at(2)),
    ):
        with pytest.raises(InputError, match=f"a checkpoint of format {version}, as another"):
            use()
    assert contents(directory) == before


def test_a_part_is_read_alone(store, monkeypatch):
    read = []
    monkeypatch.setattr(checkpoints, "_check_digests", lambda found, _: read.extend(found))
    step, miners = store.newest_part(state_at(0), lambda state: state.params["miners"])
    assert step == 2
    assert read == ["params/miners/0/weights"]
    np.testing.assert_array_equal(miners[0]["weights"], state_at(2).params["miners"][0]["weights"])


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_part_of_a_damaged_checkpoint_is_passed_over(damage, tmp_path):
    DAMAGES[damage](tmp_path / "phase" / "2")
    step, seen = Checkpoints(tmp_path / "phase").newest_part(state_at(0), lambda state: state)
    assert step == 1
    assert trees.digest(seen) == trees.digest(state_at(1))


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("damage", DAMAGES)
def test_another_structure_is_seen_where_a_checkpoint_is_damaged_too(damage, tmp_path):
    DAMAGES[damage](tmp_path / "phase" / "2")
    named = 1 if damage == "an empty folder" else 2  # the newest that still says its structure
    with pytest.raises(InputError, match=f"{named}: a checkpoint of another structure"):
        Checkpoints(tmp_path / "phase").newest(as_another_version(0)["one more"])
