"""One command trains every method, measures all alike, and writes table and pictures."""

import json
import statistics
import sys

import numpy as np
import pytest
from PIL import Image

from minegan_jax import compare, comparison, experiment, main
from minegan_jax.config import default_config
from minegan_jax.errors import InputError
from minegan_jax.evaluation import table

pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")

FILE = """from minegan_jax.comparison import default_comparison


def get_config():
    config = default_comparison()
    config.fields.update({fields!r})
    config.settings = {{"on-manifold": {{"num_held_out": 5}}}}
    config.methods = {{
        "TransferGAN": {{"method": "transfergan"}},
        "MineGAN": {{"mine_steps": 2}},
    }}
    config.max_images = (4, 6)
    config.seeds = (0, 1)
    return config
"""


@pytest.fixture(scope="module")
def small(tiny_fields):
    """A comparison of two methods, with one seed."""
    values = comparison.default_comparison()
    values.fields.update({**tiny_fields, "finetune_steps": 1})
    values.settings = {"off-manifold": {}, "on-manifold": {}}
    values.methods = {"TransferGAN": {"method": "transfergan"}, "MineGAN": {"mine_steps": 1}}
    values.update(max_images=(6,), seeds=(0,))
    return values


@pytest.fixture(scope="module")
def done(tmp_path_factory, tiny_fields):
    """The folder of a comparison that the command line made."""
    folder = tmp_path_factory.mktemp("compare")
    file, workdir = folder / "two.py", folder / "table"
    file.write_text(FILE.format(fields={**tiny_fields, "finetune_steps": 1}))
    with pytest.MonkeyPatch.context() as patch:
        flags = f"--config={file}", f"--workdir={workdir}", "--config.fields.seed=7"
        patch.setattr(sys, "argv", ["minegan_jax", "--mode=compare", *flags])
        assert main.main() == 0
    return workdir


def read(workdir):
    return json.loads((workdir / "table.json").read_text())


def test_every_method_setting_size_and_seed_has_a_row(done):
    rows = read(done)["rows"]
    keys = {(r["title"], r["setting"], r["max_images"], r["seed"]) for r in rows}
    assert len(keys) == len(rows) == 3 * 2 * 2
    assert {row["title"] for row in rows} == {"TransferGAN", "MineGAN (w/o FT)", "MineGAN"}


def test_a_rows_figures_are_those_of_its_run(done):
    for row in read(done)["rows"]:
        report = json.loads((done / row["folder"] / "report.json").read_text())
        phase = report["phases"][row["phase"]]
        assert row["kmmd"] == phase["held_out"]["kmmd_biased"]
        assert row["frechet_distance"] == phase["held_out"]["frechet_distance"]
        assert row["mean_variance"] == phase["mean_variance"]
        assert row["recognised"] == phase["recognised"]
        assert row["hits"] is None  # of images without labels
        assert row["probability"] == {"tiny": 1.0}
        described = report["recipe"]["target"]
        assert (described["train"], described["seed"]) == (row["max_images"], row["seed"])
        assert described["held_out"] == 5


def test_the_table_has_the_mean_over_seeds(done):
    rows = [row for row in read(done)["rows"] if row["max_images"] == 4]
    values = [row["frechet_distance"] for row in rows if row["title"] == "MineGAN"]
    text = (done / "table.md").read_text()
    assert f"| {statistics.mean(values):.3g} ± {statistics.stdev(values):.2g} |" in text
    assert text.count("\n| on-manifold | MineGAN | no |") == 2
    assert "## 4 training images" in text


def test_its_pictures(done):
    figure = np.asarray(Image.open(done / "figure.png"))
    assert figure.shape[0] == 4 * (56 + 4)  # three methods and the target
    curves = np.asarray(Image.open(done / "curves_on_manifold.png"))
    assert len(np.unique(curves.reshape(-1, 3), axis=0)) > 10


def test_a_comparison_that_was_cut_goes_on(small, tmp_path, monkeypatch):
    """Runs that are done are read, never trained again."""
    given, train, trained = comparison.from_config_dict(small), experiment.train, []

    def die_at_the_second(config, folder):
        trained.append(folder.name)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return train(config, folder)

    with monkeypatch.context() as patch:
        patch.setattr(experiment, "train", die_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            compare.compare(given, tmp_path)
    first = tmp_path / "runs" / trained[0] / "report.json"
    before = first.stat().st_mtime_ns
    assert not (tmp_path / "table.json").exists()
    compare.compare(given, tmp_path)
    assert first.stat().st_mtime_ns == before
    assert len(read(tmp_path)["rows"]) == 2 * 3
    assert len(list(tmp_path.glob("figure_o*_manifold.png"))) == 2
    changed = {**given.fields, "finetune_steps": 2}
    with pytest.raises(
        InputError, match=r"holds another run.*finetune_steps is 1 there and 2 here"
    ):
        compare.compare(given.__class__(**{**vars(given), "fields": changed}), tmp_path)


def test_sources_are_trained_first_and_once(small, tiny_fields, tmp_path):
    values = small.copy_and_resolve_references()
    scratch = {"method": "scratch", "sources": (), "resolution": 8, "width": 4, "latent_size": 4}
    values.pretrained = {"new": {**tiny_fields, **scratch, "train_steps": 1}}
    values.settings = {"from a new one": {"sources": ("new",)}}
    values.methods = {"TransferGAN": {"method": "transfergan"}}
    values.source_row = True
    records = compare.compare(comparison.from_config_dict(values), tmp_path)
    assert [record["title"] for record in records] == ["source as it is", "TransferGAN"]
    assert [record["probability"] for record in records] == [{"new": 1.0}] * 2
    phases = json.loads((tmp_path / records[0]["folder"] / "report.json").read_text())["phases"]
    measured = [phases[name]["held_out"] for name in ("source", "finetune")]
    assert [record["kid"] for record in records] == [found["kid"] for found in measured]
    losses = tmp_path / "sources" / "new" / "metrics.jsonl"
    before = losses.read_text()
    assert compare.compare(comparison.from_config_dict(values), tmp_path) == records
    assert losses.read_text() == before
    values.pretrained.new.train_steps = 2
    with pytest.raises(InputError, match=r"holds another run.*train_steps is 1 there and 2 here"):
        compare.compare(comparison.from_config_dict(values), tmp_path)


def test_mistakes(small):
    for changes, said in [
        ({"seeds": ()}, "nothing to compare: seeds of the comparison are empty"),
        ({"methods": {}}, "nothing to compare: methods"),
        ({"methods": {"a": {"mine_step": 1}}}, "'mine_step': did you mean 'mine_steps'?"),
        ({"pretrained": {"a": {"widht": 1}}}, "'widht': did you mean 'width'?"),
        (
            {"figures": ("fid",)},
            "unknown figure 'fid' of a table: expected one of frechet_distance",
        ),
        ({"figures": ("recognised",)}, "unknown figure 'recognised'"),
        ({"figures": ("hits:9",)}, "unknown figure 'hits:9'"),
        ({"settings": {"a": {"labels": "nine"}}}, "'labels': expected int, found 'nine'"),
    ]:
        values = small.copy_and_resolve_references()
        for name, value in changes.items():
            values[name] = value
        with pytest.raises(InputError, match=said.replace("?", r"\?")):
            comparison.from_config_dict(values)
    with pytest.raises(InputError, match="a config of one run: expected one of a comparison"):
        comparison.from_config_dict(default_config())


PARTS = {
    "setings=3": "--config.setings: there is no 'setings': did you mean 'settings'?",
    "fields.mine_step=3": "--config.fields.mine_step: there is no 'mine_step': did you mean",
    'methods["BSSA"].width=3': "there is no 'BSSA': did you mean 'BSA'?",
    "methods.QQQ.width=3": "there is no 'QQQ': expected one of BSA, DGN-AM",
    "methods.DGN-AM.width=3": '["NAME"] where one is no word',
    "seeds[9]=3": "--config.seeds[9]: there is no 9 in (0, 1, 2)",
    "fields.mine_steps=x": "--config.fields.mine_steps=x: invalid literal",
}


@pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")
@pytest.mark.parametrize("part", PARTS)
def test_a_wrong_part_is_one_line(part, cli, tmp_path):
    status, line = cli(
        "--mode=compare", "--config=table2_digits", f"--workdir={tmp_path}", f"--config.{part}"
    )
    assert status == 2
    assert PARTS[part] in line


def test_methods_that_are_told_the_class(small):
    (first, *_) = comparison.cells(comparison.from_config_dict(small), {})
    assert not compare.is_told(first.config)
    told = {"classes": "1"}
    assert compare.is_told(first.config.__class__(**{**vars(first.config), **told}))


def test_hits_are_images_of_the_targets_classes(small):
    (first, *_) = comparison.cells(comparison.from_config_dict(small), {})
    config = first.config.__class__(**{**vars(first.config), "labels": (2, 9)})
    assert compare._hits({"1": 0.5, "2": 0.2, "9": 0.25, "confident": 1.0}, config) == 0.45
    assert compare._hits({}, config) is None


def test_figures_that_are_missing_leave_a_dash():
    row = {"title": "a", "setting": "s", "max_images": 1, "seed": 0, "label": False}
    record = {
        **row,
        **table.figures({"held_out": None, "mean_variance": 1.0, "memorisation": None}),
    }
    shown = ("frechet_distance", "mean_variance", "hits", "recognised:9", "probability:b")
    record |= {"hits": None, "recognised": {}, "probability": {"b": 0.25}}
    text = table.to_markdown([record], {"a": 1.0}, shown)
    assert "| s | a | no | - | 1 | - | - | 0.25 | 1 |" in text
    assert "| recognised as 9 | p of b | ms an image |" in text
    assert table.over_sizes([record], "kmmd") == [(1, [])]
