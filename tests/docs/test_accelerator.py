"""The one command for an accelerator: its rows, how it keeps them, and a rehearsal of it."""

import importlib
import json
import subprocess
import sys
import time
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from minegan_jax.nets.family import FAMILIES

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
PRECISIONS = ("tf32", "bfloat16", "float32")
# One of each kind: together they are compiled in a minute.
SOME = (
    *("right dcgan", "right repeat dcgan deterministic"),
    *("right features digits", "quick peak", "quick mnist tf32", "torch mnist tf32"),
    "prepared mnist",
)


@pytest.fixture
def load(monkeypatch):
    """Imports a module of `benchmarks/`."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.fixture
def rows(load):
    return load("accelerator_rows")


@pytest.fixture
def settings(load):
    return load("accelerator_settings")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.json"


def read(out):
    return json.loads(out.read_text())


def test_every_family_is_checked(settings):
    assert settings.CHECKED.keys() == FAMILIES.keys()
    for row in settings.CHECKED.values():
        assert row.critics_family == "" or row.critics_family in FAMILIES


@pytest.mark.parametrize("tiny", [False, True])
def test_the_plan_has_every_row_once(rows, settings, tiny):
    names = [row.name for row in rows.plan(tiny=tiny)]
    assert len(names) == len(set(names))
    assert {name.split()[0] for name in names} == {*rows.PARTS}
    checks = {f"right {kind}{name}" for name in FAMILIES for kind in ("", "repeat ")}
    times = {f"quick {name} {precision}" for name in settings.TIMED for precision in PRECISIONS}
    opponents = {f"torch {name} tf32" for name, row in settings.TIMED.items() if row.opponent}
    assert checks | times | opponents | {"whole mnist", "whole bigGAN_digits"} <= {*names}


def test_what_a_row_compares_with_comes_before_it(rows):
    plan = rows.plan(tiny=False)
    names = [row.name for row in plan]
    for number, row in enumerate(plan):
        assert row.after is None or row.after in names[:number]


def test_the_most_valuable_come_first(rows):
    parts = [row.name.split()[0] for row in rows.plan(tiny=False)]
    assert parts.index("right") < parts.index("quick") < parts.index("whole")


def test_photographs_only_with_a_folder(rows, tmp_path):
    assert "whole photographs" not in [row.name for row in rows.plan(tiny=False)]
    given = rows.plan(tiny=False, photographs=tmp_path)
    assert given[-1].name == "whole photographs"


def a_row(rows, name, run=lambda: {"value": 1}, **changes):
    return rows.Row(name, run, 1.0, **changes)


def test_a_row_that_fails_leaves_a_line_and_the_next_to_a_fresh_process(rows, out):
    def fail():
        raise RuntimeError("out of\nmemory")

    given = [a_row(rows, "one"), a_row(rows, "two", fail), a_row(rows, "three")]
    assert not rows.run_rows(given, out, time.time() + 60)
    kept = read(out)
    assert kept["one"]["status"] == "done"
    assert kept["one"]["value"] == 1
    assert kept["two"]["status"] == "failed"
    assert kept["two"]["error"] == "RuntimeError: out of memory"
    assert "three" not in kept


def test_a_row_is_in_the_file_while_it_runs(rows, out):
    seen = []
    row = a_row(rows, "one", lambda: seen.append(read(out)["one"]["status"]) or {})
    assert rows.run_rows([row], out, time.time() + 60)
    assert seen == ["running"]


def test_a_row_gets_the_figures_that_it_is_compared_with(rows, out):
    def double(before):
        return {"value": None if before is None else 2 * before["value"]}

    given = [a_row(rows, "one"), a_row(rows, "two", double, after="one")]
    given += [a_row(rows, "three", double, after="nothing")]
    assert rows.run_rows(given, out, time.time() + 60)
    assert [read(out)[name]["value"] for name in ("one", "two", "three")] == [1, 2, None]


def test_a_row_does_not_start_without_the_time_for_it(rows, out):
    long = a_row(rows, "long", lambda: pytest.fail("it started"))._replace(seconds=100.0)
    assert rows.run_rows([long, a_row(rows, "short")], out, time.time() + 60)
    kept = read(out)
    assert kept["long"]["status"] == "left out"
    assert kept["long"]["left_out"].startswith("it is given 100 s, ")
    assert kept["short"]["status"] == "done"


FIRST = """
import json, sys, time
from pathlib import Path
out = Path(next(flag for flag in sys.argv if flag.startswith("--out=")).removeprefix("--out="))
names = [name for name in sys.argv[1:] if not name.startswith("--")]
rows = json.loads(out.read_text()) if out.exists() else {}
"""
KEEP_ONE_AND_HANG = """
rows[names[0]] = {"status": "done"}
rows[names[1]] = {"status": "running"}
out.write_text(json.dumps(rows))
time.sleep(100)
"""
CRASH = """
rows[names[0]] = {"status": "running"}
out.write_text(json.dumps(rows))
sys.exit(3)
"""


@pytest.fixture
def run(load, rows, out, tmp_path, monkeypatch):
    """Runs three rows in processes that do what they are told."""

    def run(what, seconds):
        script = tmp_path / "process.py"
        script.write_text(FIRST + what)
        door = load("accelerator")
        monkeypatch.setattr(door, "PROCESS", script)
        given = [a_row(rows, name) for name in ("one", "two", "three")]
        options = Namespace(out=out, rehearse=True, photographs=None)
        door.run(given, options, time.time() + seconds)
        return read(out)

    return run


def test_a_run_that_is_cut_keeps_what_it_has(run):
    start = time.time()
    kept = run(KEEP_ONE_AND_HANG, seconds=3.0)
    assert time.time() - start < 30
    assert kept["one"]["status"] == "done"
    assert kept["two"]["status"] == "failed"
    assert kept["two"]["error"].startswith("its process ended before it did")
    assert kept["three"]["status"] == "left out"


@pytest.mark.parametrize("what", [CRASH, "sys.exit(3)"])
def test_a_process_that_crashes_takes_one_row_with_it(run, what):
    kept = run(what, seconds=60.0)
    assert [kept[name]["status"] for name in ("one", "two", "three")] == ["failed"] * 3


@pytest.fixture
def call(load, out, monkeypatch):
    """Calls the command on a machine that has such a device; returns status and rows that ran."""

    def call(device, *flags):
        door, ran = load("accelerator"), []

        def run(rows, options, until):
            del until
            ran.extend(row.name for row in rows)
            platform = {"platform": device.partition(" ")[0], "device": device, "status": "done"}
            kept = read(out) if out.exists() else {}
            options.out.write_text(json.dumps(kept | {row.name: platform for row in rows}))

        monkeypatch.setattr(door, "run", run)
        monkeypatch.setattr(sys, "argv", ["accelerator.py", f"--out={out}", *flags])
        return door.main(), ran

    return call


def test_without_an_accelerator_nothing_is_measured(call, capsys):
    assert call("cpu") == (2, ["card"])
    assert capsys.readouterr().err == (
        "error: no accelerator: JAX sees a CPU; --rehearse tries all on it\n"
    )


def test_the_same_command_goes_on_with_what_is_missing(call, out):
    assert call("gpu H100", "--only=right")[0] == 0
    again = call("gpu H100", "--only=right,quick peak")
    assert again == (0, ["card", "quick peak"])
    kept = read(out)
    out.write_text(json.dumps({**kept, "right dcgan": {"status": "failed"}}))
    assert call("gpu H100", "--only=right") == (0, ["card", "right dcgan"])


def test_another_device_measures_all_again(call):
    first = call("gpu H100", "--only=quick")
    assert call("gpu H200", "--only=quick") == first


@pytest.mark.parametrize("flags", [("--only=fast",), ("--photographs=nowhere",)])
def test_mistakes_are_one_line(call, capsys, flags):
    with pytest.raises(SystemExit, match="2"):
        call("gpu H100", *flags)
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "error: " in line)
    assert flags[0].partition("=")[2] in line


def test_errors_count_against_the_largest_number_of_an_array(load):
    error = load("accelerator_right").relative_error
    expected = {"large": np.array([100.0, 1.0]), "small": np.array([1.0])}
    moved = {"large": np.array([100.0, 1.1]), "small": np.array([1.0])}
    assert error(moved, expected) == pytest.approx(1e-3)
    assert error({**expected, "small": np.array([1.2])}, expected) == pytest.approx(0.2)
    # An array of rounding errors has the floor.
    nothing = {**expected, "small": np.array([1e-9])}
    assert error({**nothing, "small": np.array([2e-9])}, nothing) == pytest.approx(1e-8)


def rehearse(out, *flags):
    """Runs the command at tiny sizes; returns its rows but those of the card."""
    command = [sys.executable, str(BENCHMARKS / "accelerator.py"), "--rehearse", "--minutes=30"]
    done = subprocess.run([*command, f"--out={out}", *flags], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return read(out)


def test_a_rehearsal(out):
    kept = rehearse(out, f"--only={','.join(SOME)}")
    assert kept.keys() == {"card", *SOME}
    assert all(row["status"] in ("done", "left out") for row in kept.values())
    assert kept["right dcgan"]["within"]
    assert kept["right repeat dcgan deterministic"]["resumed_equal"]
    assert kept["right features digits"]["default_within"]
    assert kept["quick mnist tf32"]["step_seconds"] > 0.0
    left_out = [name for name, row in kept.items() if row["status"] == "left out"]
    assert left_out == ([] if find_spec("torch") else ["torch mnist tf32"])


@pytest.mark.slow
def test_a_rehearsal_of_every_family(out):
    names = [f"right {name}" for name in FAMILIES]
    kept = rehearse(out, f"--only={','.join(names)}")
    assert kept.keys() == {"card", *names}
    assert all(kept[name]["status"] == "done" and kept[name]["within"] for name in names)
