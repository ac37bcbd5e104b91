"""A comparison of methods: trains what is missing, measures all alike, writes table and pictures.

Every run lies in its own folder under the comparison's: one that is done is only read, one that
was cut is resumed.
"""

import json
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import UInt8

from minegan_jax import experiment, run_folder
from minegan_jax.config import from_values
from minegan_jax.errors import InputError
from minegan_jax.experiment import target_images
from minegan_jax.experiment.comparison_config import Cell, Comparison, cells, file_name
from minegan_jax.experiment.records import Row, describe
from minegan_jax.features.catalogue import load_extractor
from minegan_jax.features.embed import embed
from minegan_jax.features.extractor import Extractor
from minegan_jax.files import as_path, write_atomically
from minegan_jax.metrics.distances import nearest
from minegan_jax.report import image_grids, markdown, table, table_page
from minegan_jax.sampling.generator import Generator
from minegan_jax.types import Pixels

RUNS = "runs"
SOURCES = "sources"
ACROSS = 8  # samples of a method in the figure, and as many nearest training images
TIMED = 100  # images, drawn together, whose time is taken
ROUNDS = 3  # of which the median counts, unless ...
PATIENCE = 10.0  # ... one takes as many seconds


def compare(comparison: Comparison, workdir: str | Path) -> list[dict[str, Any]]:
    """Writes `table.md`, `table.json`, `table.html`, figures and, if sizes differ, curves.

    Returns:
      What `table.json` holds under `rows`: a record for each method, setting, size and seed.

    Raises:
      InputError: a run's config is wrong, its folder holds a run of another one, or `workdir` other
        files.
    """
    workdir = as_path(workdir)
    _check_free(workdir)
    trained = {
        name: experiment.train(from_values(fields), workdir / SOURCES / name)
        for name, fields in comparison.pretrained.items()
    }
    places = {name: str(run.workdir / run_folder.SOURCE) for name, run in trained.items()}
    shown = next(iter(comparison.methods)) if comparison.source_row else None
    rows = [
        row
        for cell in cells(comparison, places)
        for row in _rows(cell, workdir, with_source=cell.method == shown)
    ]
    milliseconds = _time(rows)
    records = [describe(row, f"{RUNS}/{row.cell.folder}") for row in rows]
    measured = {
        "device": jax.devices()[0].device_kind,
        "versions": _versions(rows),
        "milliseconds": milliseconds,
        "metrics": comparison.metrics,
        "rows": records,
    }
    text = json.dumps(measured, indent=2, allow_nan=False)
    write_atomically(workdir / "table.json", text.encode())
    parts = (
        table.to_markdown(records, milliseconds, comparison.metrics),
        table.given_to_markdown(records),
        *(f"{view}\n" for view in table.views(records)),
    )
    write_atomically(workdir / "table.md", "\n".join(parts).encode())
    _save_figures(workdir, rows, comparison)
    if len(comparison.max_images) > 1:
        _save_curves(workdir, records)
    table_page.write(workdir, measured)
    return records


def _check_free(workdir: Path) -> None:
    """Makes sure that nothing lies there but a comparison."""
    if not workdir.exists():
        return
    if not workdir.is_dir():
        raise InputError(f"{workdir}: expected a new folder, found a file")
    names = {path.name for path in workdir.iterdir()}
    if names and not names & {RUNS, SOURCES}:
        raise InputError(
            f"{workdir}: expected a new folder or one of a comparison, found other files"
        )


def _rows(cell: Cell, workdir: Path, *, with_source: bool) -> list[Row]:
    """Trains a run, unless it is done; returns a row for each of its phases."""
    folder = workdir / RUNS / cell.folder
    run = experiment.train(cell.config, folder)
    measured = json.loads((folder / markdown.JSON_NAME).read_text())
    *earlier, last = run.phases_done()
    titles = {
        **{name: f"{name} as it is" for name in (run.unmined() if with_source else ())},
        **dict.fromkeys(earlier, f"{cell.method} (w/o FT)"),
        last: cell.method,
    }
    return [Row(title, phase, cell, run, measured) for phase, title in titles.items()]


def _versions(rows: list[Row]) -> list[dict[str, str]]:
    """Returns the packages' versions that trained and measured; different ones one by one."""
    found: list[dict[str, str]] = []
    for row in rows:
        for versions in (run_folder.read_versions(row.run.workdir), row.report["versions"]):
            found += [versions] if versions not in found else []
    return found


def _time(rows: list[Row]) -> dict[str, float]:
    """Returns how long one image takes, in milliseconds, by title; of each one run is timed."""
    first = {row.title: row.run.generator(row.phase) for row in reversed(rows)}
    return {title: 1000.0 * _seconds(drawn) / TIMED for title, drawn in first.items()}


def _seconds(generator: Generator) -> float:
    """Returns how long it takes to draw some images, compilation left out."""
    generator.sample(TIMED)
    taken: list[float] = []
    while len(taken) < ROUNDS and sum(taken) < PATIENCE:
        start = time.perf_counter()
        generator.sample(TIMED)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def _save_figures(workdir: Path, rows: list[Row], comparison: Comparison) -> None:
    """Pictures each setting, with the first seed: samples and their nearest training images."""
    seed, size = comparison.seeds[0], max(comparison.max_images)
    for setting in comparison.settings:
        shown = [r for r in rows if r.cell[:2] == (setting, size) and r.cell.seed == seed]
        train = target_images.load(shown[0].run.experiment).train
        features = shown[0].cell.config.report.features
        assert features is not None  # which was checked
        extractor = load_extractor(features)
        strips = {row.title: _strip(row, train, extractor) for row in shown}
        strips["target"] = [train[:ACROSS]] * 2
        name = "figure.png" if len(comparison.settings) == 1 else f"figure_{file_name(setting)}.png"
        image_grids.save_png(workdir / name, image_grids.strips(strips), magnify=1)


def _strip(row: Row, train: UInt8[np.ndarray, "train _ _ _"], extractor: Extractor) -> list[Pixels]:
    """Returns some samples and the training image that is nearest to each."""
    drawn = row.run.generator(row.phase)
    images, measured = drawn.sample(ACROSS), drawn.as_measured().sample(ACROSS)
    found = nearest(embed(extractor, measured).features, embed(extractor, train).features)
    return [images, train[found.indices]]


def _save_curves(workdir: Path, records: list[dict[str, Any]]) -> None:
    """Charts the distances over the number of training images, the seeds as bands (Fig. 5)."""
    from minegan_jax.report import charts  # only here: it imports matplotlib

    for setting in dict.fromkeys(record["setting"] for record in records):
        mine = [record for record in records if record["setting"] == setting]
        series = {
            title: table.over_sizes([r for r in mine if r["title"] == title], "frechet_distance")
            for title in dict.fromkeys(record["title"] for record in mine)
        }
        chart = charts.curves(
            series, title=setting, across="training images", up="Fréchet distance"
        )
        charts.save(workdir / f"curves_{file_name(setting)}.png", chart)
