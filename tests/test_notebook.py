"""The notebook, cell by cell, on the smallest BigGAN; only what belongs to Colab is left out."""

import json
import os
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

from minegan_jax.sampling import adapter

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "tests" / "fixtures" / "biggan32"
RUN = {"mine_steps": 2, "finetune_steps": 1, "batch_size": 16, "accumulation_steps": 2}
FIELDS = {
    "miner": {"width": 32},
    "run": {**RUN, "sample_every_steps": 0},
    "report": {"num_images": 20},
    "target": {"num_held_out": 3},
}


def parameters(folder):
    """The cell of parameters, for a tiny run in a folder."""
    values = {
        "GENERATOR": str(WEIGHTS / "G_ema.pth"),
        "CRITIC": str(WEIGHTS / "D.pth"),
        **{name.upper(): str(folder / name) for name in ("photos", "workdir", "source")},
        "FIELDS": FIELDS,
    }
    return "\n".join(f"{name} = {value!r}" for name, value in values.items())


@pytest.mark.filterwarnings("default")  # Jupyter's own are not ours
def test_the_notebook_mines_converted_weights(tmp_path, monkeypatch):
    ours = Path(sys.executable).parent  # its `!python` must be this one
    monkeypatch.setenv("PATH", f"{ours}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "photos").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (8, 40, 40, 3), np.uint8)
    for number, photo in enumerate(pixels):
        Image.fromarray(photo).save(tmp_path / "photos" / f"{number}.png")
    notebook = nbformat.read(ROOT / "notebooks" / "minegan_biggan_tpu.ipynb", as_version=4)
    tags = [cell.metadata.get("tags", []) for cell in notebook.cells]
    assert sum("colab" in found for found in tags) == 1
    (place,) = [number for number, found in enumerate(tags) if "parameters" in found]
    notebook.cells[place].source = parameters(tmp_path)
    notebook.cells = [
        cell for cell, found in zip(notebook.cells, tags, strict=True) if "colab" not in found
    ]
    where = {"metadata": {"path": str(ROOT)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=where).execute()

    report = json.loads((tmp_path / "workdir" / "report.json").read_text())
    assert report["phases"].keys() == {"source", "mine", "finetune"}
    assert sum(row["share"] for row in report["classes"]) == pytest.approx(1.0)
    assert (tmp_path / "workdir" / "adapter.zip").exists()
    images = adapter.load_adapter(tmp_path / "workdir" / "adapter").sample(2)
    assert images.shape == (2, 32, 32, 3)
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in shown) == 2
