"""The notebooks, cell by cell, on the smallest sources; only what belongs to Colab is left out."""

import json
import os
import sys
from pathlib import Path

import nbformat
import pytest
import small_wheel
from nbclient import NotebookClient
from photographs import photographs

from minegan_jax.sampling import adapter

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
WEIGHTS = ROOT / "tests" / "fixtures" / "biggan32"
SHORT = {"mine_steps": 2, "finetune_steps": 1, "sample_every_steps": 0}
MEASURED = {"report": {"num_images": 20}}


def execute(name, **parameters):
    """Runs a notebook with other parameters and without Colab's cells; returns what it shows."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    tags = [cell.metadata.get("tags", []) for cell in notebook.cells]
    (place,) = [number for number, found in enumerate(tags) if "parameters" in found]
    notebook.cells[place].source = "\n".join(f"{key} = {it!r}" for key, it in parameters.items())
    notebook.cells = [
        cell for cell, found in zip(notebook.cells, tags, strict=True) if "colab" not in found
    ]
    where = {"metadata": {"path": str(ROOT)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where).execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def num_pictures(shown):
    return sum("image/png" in output.get("data", {}) for output in shown)


def printed(shown):
    return "".join(output["text"] for output in shown if output.get("name") == "stdout")


@pytest.fixture(autouse=True)
def _this_python(monkeypatch):
    """A notebook's `!python` is the one that runs the tests."""
    ours = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{ours}{os.pathsep}{os.environ['PATH']}")


pytestmark = pytest.mark.filterwarnings("default")  # Jupyter's own are not ours


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.iterdir()), ids=lambda path: path.stem)
def test_the_first_cells_bring_the_device(path):
    """Each installs the extra of its device; one that needs it says so where it is not there."""
    notebook = nbformat.read(path, as_version=4)
    colab = [cell.source for cell in notebook.cells if "colab" in cell.metadata.get("tags", [])]
    assert "[tpu]" in colab[0]
    assert "%pip install" in colab[0]
    needs = "accelerator" in notebook.metadata
    assert needs == any("SystemExit" in source for source in colab)
    assert not any(cell.get("outputs") for cell in notebook.cells)


def test_biggan(tmp_path):
    run = {**SHORT, "batch_size": 16, "accumulation_steps": 2}
    photographs(tmp_path / "photos", 40, 3, classes=1, count=8)
    shown = execute(
        "minegan_biggan_tpu",
        GENERATOR=str(WEIGHTS / "G_ema.pth"),
        CRITIC=str(WEIGHTS / "D.pth"),
        PHOTOS=str(tmp_path / "photos"),
        WORKDIR=str(tmp_path / "run"),
        SOURCE=str(tmp_path / "source"),
        FIELDS={"miner": {"width": 32}, "run": run, "target": {"num_held_out": 3}, **MEASURED},
    )
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["phases"].keys() == {"source", "mine", "finetune"}
    assert sum(row["share"] for row in report["classes"]) == pytest.approx(1.0)
    assert (tmp_path / "run" / "adapter.zip").exists()
    images = adapter.load_adapter(tmp_path / "run" / "adapter").sample(2)
    assert images.shape == (2, 32, 32, 3)
    assert num_pictures(shown) == 2


def test_quick_start(tmp_path):
    fields = {"run": {**SHORT, "batch_size": 8}, **MEASURED}
    shown = execute("minegan_quick_start", WORKDIR=str(tmp_path / "run"), FIELDS=fields)
    assert num_pictures(shown) == 2
    rows = printed(shown).splitlines()
    assert [row.split()[0] for row in rows] == ["source", "mine", "finetune"]
    assert all("nines" in row and "Fréchet distance" in row for row in rows)


def test_several_gans(tmp_path):
    sources = ("digits_0_to_4", "digits_5_to_9")
    shown = execute(
        "minegan_several_gans",
        SOURCES=sources,
        IMAGES="digits",
        WORKDIR=str(tmp_path / "run"),
        FIELDS={"run": {**SHORT, "batch_size": 8}, **MEASURED},
    )
    assert num_pictures(shown) == 1
    nearest = json.loads((tmp_path / "run_projection" / "projection.json").read_text())
    assert nearest["verdict"] in printed(shown)
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["phases"]["mine"]["probability"].keys() == set(sources)


def test_faces(tmp_path):
    network = small_wheel.network(latent_size=4, widths=(8, 8, 4, 4))
    small_wheel.write_wheel(tmp_path / "small.whl", network)
    photographs(tmp_path / "photos", 40, 1, classes=1, count=8)
    fields = {
        "miner": {"width": 8},
        "run": {**SHORT, "finetune_steps": 0, "batch_size": 8},
        "target": {"num_held_out": 2},
        **MEASURED,
    }
    shown = execute(
        "minegan_faces",
        WHEEL=str(tmp_path / "small.whl"),
        PHOTOS=str(tmp_path / "photos"),
        SOURCE=str(tmp_path / "source"),
        WORKDIR=str(tmp_path / "run"),
        FIELDS=fields,
    )
    assert num_pictures(shown) == 4
