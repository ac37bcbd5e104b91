"""Every number of the results' tables is that of the JSON beside them."""

import importlib.util
import itertools
import json
import re
import statistics
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "docs" / "results"
TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = "\n".join(text.read_text() for text in TEXTS)  # the front page and the documents behind it
WORDS = " ".join(README.split())
COMPARISONS = sorted(
    path for path in RESULTS.glob("*.json") if '"milliseconds": {' in path.read_text()
)


def rows_of(text):
    """Returns the lines of a text's tables, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return {line for line in lines if set(line) - set("|- ")}


SECONDS = "{seconds:.0f} s, {gibibytes:.1f} GiB"
PROCESSORS = "{processor_seconds:.0f} s of one core, {gibibytes:.1f} GiB"
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
    "measures evaluate": ("drawing and measuring 50,000 images", PROCESSORS),
}
# What its text says of them.
SAID = {
    "full size": "**{gigabytes:.1f} GB** of memory",
    "convert biggan_pytorch": "takes {seconds:.0f} s and {gigabytes:.1f} GB",
    "convert progan_genforce": "that of a ProGAN-1024 {seconds:.0f} s and {gigabytes:.1f} GB",
}


@pytest.fixture(scope="module")
def tables():
    """The script that writes the tables."""
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs" / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.name)
def test_the_tables_are_made_of_the_json(text, tables):
    assert tables.filled(text.read_text()) == text.read_text()


def test_a_changed_table_is_found(tables, tmp_path, monkeypatch, capsys):
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    name = COMPARISONS[0].stem
    page.write_text(f"<!-- table {name} -->\n| 1 |\n<!-- end -->\n")
    (tmp_path / "README.md").write_text("")
    monkeypatch.setattr(tables, "texts", lambda: [page])
    monkeypatch.setattr(sys, "argv", ["tables.py", "--check"])
    assert tables.main() == 1
    assert str(page) in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["tables.py"])
    assert tables.main() == 0
    monkeypatch.setattr(sys, "argv", ["tables.py", "--check"])
    assert tables.main() == 0
    assert "Fréchet distance" in page.read_text()


@pytest.mark.parametrize("path", COMPARISONS, ids=lambda path: path.stem)
def test_every_comparison_has_its_tables(path):
    for what in ("table", "given"):
        assert re.search(rf"<!-- {what} {path.stem}\b", README)


@pytest.mark.parametrize("path", COMPARISONS, ids=lambda path: path.stem)
def test_no_source_saw_what_is_held_out(path):
    for row in json.loads(path.read_text())["rows"]:
        assert row["remarks"] == []


def test_what_tpus_would_need():
    readme = rows_of(README)
    for *row, _ in json.loads((RESULTS / "tpu.json").read_text()).values():
        assert "| " + " | ".join(row) + " |" in readme


def means_of(name, figure):
    """Returns a figure's mean over seeds, by what a comparison's rows are called."""
    found = {}
    for row in json.loads((RESULTS / f"{name}.json").read_text())["rows"]:
        found.setdefault(row["title"], []).append(row[figure])
    return {title: statistics.mean(numbers) for title, numbers in found.items()}


def test_what_is_said_of_smiles():
    means = means_of("faces_smiles_generateme", "target_accuracy")
    shares = [means[title] for title in ("source as it is", "MineGAN (w/o FT)", "MineGAN")]
    assert "from {:.2f} to {:.2f}, finetuning to {:.2f}.".format(*shares) in WORDS


@pytest.mark.parametrize("name", ["faces_smiles_generateme", "several_digits_two"])
def test_the_papers_order_fails_where_that_is_said(name):
    means = means_of(name, "frechet_distance")
    best = min(means[title] for title in means if title.startswith("TransferGAN"))
    assert best < means["MineGAN"]
    assert "TransferGAN at its best rate is nearer to the held-out images than MineGAN" in WORDS


def test_what_is_said_of_few_images():
    found = {}
    for row in json.loads((RESULTS / "figure5_digits.json").read_text())["rows"]:
        place = row["setting"], row["max_images"], row["title"]
        figures = found.setdefault(place, ([], []))
        figures[0].append(row["frechet_distance"])
        figures[1].append(row["near_copies"])
    means = {place: tuple(map(statistics.mean, figures)) for place, figures in found.items()}
    mined, moved = "MineGAN (w/o FT)", ("MineGAN", "TransferGAN", "scratch")
    for (_, size, title), (_, copies) in means.items():
        assert title != mined or copies == 0.0
        assert size == 10 or copies < 0.01
    shares = [means[place][1] for place in means if place[1] == 10 and place[2] in moved]
    said = f"{100 * min(shares):.0f} to {100 * max(shares):.0f} %"
    assert f"copies them, {said} of what it makes" in WORDS
    for setting, sizes in {"off-manifold": (100, 400), "on-manifold": (400,)}.items():
        for size in sizes:
            distances = {title: means[setting, size, title][0] for title in (mined, *moved)}
            assert min(distances, key=distances.get) == "TransferGAN"
            assert distances["scratch"] < 3 * distances["TransferGAN"]
    for size in (10, 100, 400):
        place = "on-manifold", size
        assert means[*place, mined][0] < means[*place, "MineGAN"][0]
    for size, title in itertools.product((10, 100), moved):
        spread = statistics.stdev(found["on-manifold", size, title][0])
        gap = means["on-manifold", size, mined][0] - means["on-manifold", size, title][0]
        assert gap < spread


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
