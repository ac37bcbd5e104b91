"""Every number of the results' tables is that of the JSON beside them."""

import json
import statistics
from pathlib import Path

import pytest

from minegan_jax.evaluation import table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "results"
COMPARISONS = sorted(path for path in RESULTS.glob("*.json") if "rows" in path.read_text()[:4000])


def rows_of(text):
    """Returns the lines of a text's tables, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return {line for line in lines if set(line) - set("|- ")}


def table_of(path):
    """Returns the table that a comparison's JSON makes."""
    found = json.loads(path.read_text())
    return table.to_markdown(found["rows"], found["milliseconds"], found["figures"])


@pytest.mark.parametrize("path", COMPARISONS, ids=lambda path: path.stem)
def test_the_tables_are_made_of_the_json(path):
    assert rows_of(table_of(path)) <= rows_of((ROOT / "docs" / "results.md").read_text())


def test_the_readme_quotes_them():
    """A row that starts with target and method of a comparison is one of its rows."""
    known = set().union(*(rows_of(table_of(path)) for path in COMPARISONS))
    starts = {tuple(row.split(" | ")[:2]) for row in known if not row.startswith("| target")}
    readme = rows_of((ROOT / "README.md").read_text())
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
    readme = rows_of((ROOT / "README.md").read_text())
    for title, found in measured.items():
        low, high = found["intervals"]["frechet_distance"]
        cells = f"{found['frechet_distance']:.0f} ({low:.0f} to {high:.0f}) | {found['kid']:.3f}"
        row = f"| {title} | {cells} | {found['kmmd_biased']:.3f} | {found['coverage']:.2f} |"
        assert row in readme


def test_what_tpus_would_need():
    readme = rows_of((ROOT / "README.md").read_text())
    for *row, _ in json.loads((RESULTS / "tpu.json").read_text()).values():
        assert "| " + " | ".join(row) + " |" in readme


def test_copies_of_one_source():
    found = json.loads((RESULTS / "copies.json").read_text()).values()
    means = " : ".join(f"{statistics.mean(shares):.2f}" for shares in zip(*found, strict=True))
    assert f"p is {means}" in (ROOT / "docs" / "results.md").read_text()


def test_where_early_stopping_ends():
    readme = rows_of((ROOT / "README.md").read_text())
    for run in json.loads((RESULTS / "early_stopping.json").read_text()):
        cells = [f"{run[name]:.3g}" for name in run if name not in ("looks", "images")]
        assert "| " + " | ".join(cells) + " |" in readme
