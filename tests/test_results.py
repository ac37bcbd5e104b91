"""Every number of the results' tables is that of the JSON beside them."""

import json
import re
import statistics
from pathlib import Path

import pytest

from minegan_jax.evaluation import table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
README = (ROOT / "README.md").read_text()
WORDS = " ".join(README.split())
COMPARISONS = sorted(
    path for path in RESULTS.glob("*.json") if '"milliseconds": {' in path.read_text()
)
SAYING_WHAT_WAS_GIVEN = [path for path in COMPARISONS if '"given": {' in path.read_text()]


def rows_of(text):
    """Returns the lines of a text's tables, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return {line for line in lines if set(line) - set("|- ")}


SECONDS = "{seconds:.0f} s, {gibibytes:.1f} GiB"
RATIO = "{torch_seconds:.2f} s / {ours_seconds:.2f} s = **{torch_over_ours:.2f}**"
INFERENCE = "{mined_milliseconds:.1f} ms / {alone_milliseconds:.1f} ms = **{mined_over_alone:.2f}**"
# How a row of the README's table of speeds starts, and what it says of a benchmark's figures.
SPEEDS = {
    "step dcgan 64": ("mining step, width 64", RATIO),
    "step dcgan 32": ("the same at width 32", RATIO),
    "step biggan 16": ("BigGAN of 64 pixels, width 16", RATIO),
    "step progan 16": ("ProGAN of 64 pixels, the same", RATIO),
    "inference": ("images of a BigGAN of 64 pixels through two miners", INFERENCE),
    "start": ("a job of five steps", "{first_seconds:.0f} s / {second_seconds:.0f} s"),
    "measures frechet": ("Fréchet distance of two sets", SECONDS),
    "measures features": ("10,000 images of 64 pixels", SECONDS),
    "measures all": ("every measure of 10,000 images", SECONDS),
}
# What its text says of them.
SAID = {
    "full size": "**{gigabytes:.1f} GB** of memory",
    "convert biggan_pytorch": "takes {seconds:.0f} s and {gigabytes:.1f} GB",
    "convert progan_genforce": "that of a ProGAN-1024 {seconds:.0f} s and {gigabytes:.1f} GB",
}


def table_of(path):
    """Returns the table that a comparison's JSON makes."""
    found = json.loads(path.read_text())
    return table.to_markdown(found["rows"], found["milliseconds"], found["figures"])


@pytest.mark.parametrize("path", COMPARISONS, ids=lambda path: path.stem)
def test_the_tables_are_made_of_the_json(path):
    assert rows_of(table_of(path)) <= rows_of((ROOT / "docs" / "results.md").read_text())


@pytest.mark.parametrize("path", SAYING_WHAT_WAS_GIVEN, ids=lambda path: path.stem)
def test_the_tables_say_what_each_method_was_given(path):
    given = table.given_to_markdown(json.loads(path.read_text())["rows"])
    assert rows_of(given) <= rows_of((ROOT / "docs" / "results.md").read_text())


def test_the_readme_quotes_them():
    """A row that starts with target and method of a comparison is one of its rows."""
    known = set().union(*(rows_of(table_of(path)) for path in COMPARISONS))
    starts = {tuple(row.split(" | ")[:2]) for row in known if not row.startswith("| target")}
    readme = rows_of(README)
    quoted = {row for row in readme if tuple(row.split(" | ")[:2]) in starts}
    assert quoted
    assert quoted <= known


def test_the_photographs():
    report = json.loads((RESULTS / "lakes.json").read_text())
    measured = {
        "source as it is": report["phases"]["source"]["held_out"],
        "MineGAN (w/o FT)": report["phases"]["mine"]["held_out"],
        "MineGAN": report["phases"]["finetune"]["held_out"],
        "the training photographs": report["real"],
    }
    readme = rows_of(README)
    for title, found in measured.items():
        low, high = found["intervals"]["frechet_distance"]
        cells = f"{found['frechet_distance']:.0f} ({low:.0f} to {high:.0f}) | {found['kid']:.3f}"
        row = f"| {title} | {cells} | {found['kmmd_biased']:.3f} | {found['coverage']:.2f} |"
        assert row in readme
    shares = {row["class"]: row["share"] for row in report["classes"]}
    alps, cliffs, shores = (f"{shares[name]:.0%}"[:-1] for name in ("alp", "cliff", "seashore"))
    assert f"alps ({alps} %), cliffs ({cliffs} %) and sea shores ({shores} %)" in WORDS
    assert f"near reefs for {100 * shares['coral_reef']:.1f} % of the images" in WORDS


def test_what_tpus_would_need():
    readme = rows_of(README)
    for *row, _ in json.loads((RESULTS / "tpu.json").read_text()).values():
        assert "| " + " | ".join(row) + " |" in readme


def test_copies_of_one_source():
    found = json.loads((RESULTS / "copies.json").read_text()).values()
    means = " : ".join(f"{statistics.mean(shares):.2f}" for shares in zip(*found, strict=True))
    assert f"p is {means}" in (ROOT / "docs" / "results.md").read_text()


def test_where_early_stopping_ends():
    readme = rows_of(README)
    for run in json.loads((RESULTS / "early_stopping.json").read_text()):
        cells = [f"{run[name]:.3g}" for name in run if name not in ("looks", "images")]
        assert "| " + " | ".join(cells) + " |" in readme


@pytest.fixture(scope="module")
def speed():
    return json.loads((RESULTS / "speed.json").read_text())


@pytest.mark.parametrize("name", SPEEDS)
def test_speeds(name, speed):
    start, figures = SPEEDS[name]
    (row,) = (row for row in rows_of(README) if row.startswith(f"| {start}"))
    assert row.endswith(f"| {figures.format(**speed[name])} |")


@pytest.mark.parametrize("name", SAID)
def test_sizes(name, speed):
    assert SAID[name].format(**speed[name]) in WORDS


def test_a_large_step(speed):
    found, readme = speed["step dcgan 64"], rows_of(README)
    parts = [found[f"{name}_share_of_matrix_product"] for name in ("ours", "torch")]
    shares = (f"{100 * part:.0f} %" for part in parts)
    ends = " / ".join(shares), f"{found['ours_compile_seconds']:.1f} s"
    assert all(any(row.endswith(f"| {end} |") for row in readme) for end in ends)


def test_steps_of_several_sources(speed):
    readme = rows_of(README)
    timed = {count: row for count, row in speed["sources mine"].items() if count.isdigit()}
    for count, row in timed.items():
        ours, naive = row["ours_seconds"], row["naive_seconds"]
        ratios = f"{ours / timed['1']['ours_seconds']:.2f} | {naive / ours:.2f}"
        memory = f"{row['ours_megabytes']:.0f} | {row['naive_megabytes']:.0f}"
        assert f"| {count} | {ours:.3f} | {ratios} | {memory} |" in readme


def test_memory_of_several_sources(speed):
    readme = rows_of(README)
    phases = [speed[f"sources {phase} on 8 devices"] for phase in ("mine", "finetune")]
    for count in ("1", "8"):
        cells = [
            f"{row[count][f'{how}_megabytes']:.0f} MB"
            for row in phases
            for how in ("alone", "shared")
        ]
        assert "| " + " | ".join([count, *cells]) + " |" in readme


def test_the_quick_run(speed):
    found = speed["quick run"]
    mined, finetuned = (f"{found['recognised_as_nine'][name]:.0%}" for name in ("mine", "finetune"))
    assert (
        f"{mined[:-1]} % of the mined images are recognised as nines, {finetuned[:-1]} %" in WORDS
    )
    assert f"{found['seconds'] / 60:.1f} minutes" in WORDS
    assert f"{found['gigabytes']:.1f} GB of memory" in WORDS


def test_every_picture_says_where_it_comes_from():
    (text,) = (RESULTS.parent / "results.md").read_text().split("## The pictures")[1:]
    shown = {path.name for path in RESULTS.parent.glob("*.png")}
    named = " ".join(row.split(" | ")[0] for row in rows_of(text))
    assert set(re.findall(r"`(\w+\.png)`", named)) == shown
