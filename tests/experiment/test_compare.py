"""One command trains every method, measures all alike, and writes table and pictures."""

import json
import shutil
import statistics
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from loading import load_dataset
from PIL import Image

from minegan_jax import experiment, main, run_folder
from minegan_jax.config import default_config, from_values, nested, replaced
from minegan_jax.errors import InputError
from minegan_jax.experiment import compare, comparison_config, records, used_fields
from minegan_jax.report import evaluator, measure, table
from minegan_jax.sources import load_source

pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")

FILE = """from minegan_jax.experiment.comparison_config import default_comparison


def get_config():
    config = default_comparison()
    config.fields.update({fields!r})
    config.settings = {{"on-manifold": {{"target": {{"num_held_out": 5}}}}}}
    config.methods = {{
        "TransferGAN": {{"method": "transfergan"}},
        "MineGAN": {{"run": {{"mine_steps": 2}}}},
    }}
    config.max_images = (4, 6)
    config.seeds = (0, 1)
    return config
"""


@pytest.fixture(scope="module")
def small(tiny_fields):
    """A comparison of two methods, with one seed."""
    values = comparison_config.default_comparison()
    values.fields.update(nested({**tiny_fields, "run.finetune_steps": 1}))
    values.settings = {"off-manifold": {}, "on-manifold": {}}
    values.methods = {
        "TransferGAN": {"method": "transfergan"},
        "MineGAN": {"run": {"mine_steps": 1}},
    }
    values.update(max_images=(6,), seeds=(0,))
    return values


@pytest.fixture(scope="module")
def done(tmp_path_factory, tiny_fields):
    """The folder of a comparison that the command line made."""
    folder = tmp_path_factory.mktemp("compare")
    file, workdir = folder / "two.py", folder / "table"
    file.write_text(FILE.format(fields=nested({**tiny_fields, "run.finetune_steps": 1})))
    with pytest.MonkeyPatch.context() as patch:
        flags = f"--config={file}", f"--workdir={workdir}", "--config.fields.run.seed=7"
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
        assert row["target_accuracy"] is None  # of images without labels
        assert row["probability"] == {"tiny": 1.0}
        described = report["recipe"]["target"]
        assert (described["train"], described["seed"]) == (row["max_images"], row["seed"])
        assert described["held_out"] == 5


def test_a_row_says_what_the_method_was_given(done):
    rows = {row["title"]: row["given"] for row in read(done)["rows"]}
    one = {"guide": None, "search_steps": 0, "weights": "ema"}
    assert rows == {
        "TransferGAN": {"steps": 1, "images": 8, **one},
        "MineGAN (w/o FT)": {"steps": 2, "images": 16, **one},
        "MineGAN": {"steps": 3, "images": 24, **one},
    }
    text = (done / "table.md").read_text()
    assert "| MineGAN | on-manifold | no | 3 | 24 | - | - | ema |" in text


def test_a_row_says_what_made_it(done, tiny_source):
    found = read(done)
    assert [set(versions) for versions in found["versions"]] == [
        {*run_folder.PACKAGES, "minegan_jax"}
    ]
    made = [row["provenance"] for row in found["rows"]]
    source = load_source(tiny_source)
    for row in made:
        assert row["sources"] == {"tiny": source.sha256}
        assert row["networks"].keys() == {"features", "classifier"}
    assert len({row["images"] for row in made}) == 2 * 2  # sizes and seeds
    assert len({row["config"] for row in made}) == 2 * 2 * 2  # and methods


def test_a_configs_digest():
    """It knows what is said, not where a source lies or what has its default."""
    there, here = (
        {"sources": (f"/{place}/a",), "run.mine_steps": 3} for place in ("there", "here")
    )
    digest = records.config_digest(from_values(there), ["a"])
    assert digest == records.config_digest(from_values({**here, "run.batch_size": 64}), ["a"])
    assert digest != records.config_digest(from_values({**here, "run.batch_size": 63}), ["a"])
    assert digest != records.config_digest(from_values(here), ["b"])


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
    curves = np.asarray(Image.open(done / "curves_on_manifold.png").convert("RGB"))
    assert len(np.unique(curves.reshape(-1, 3), axis=0)) > 10


def test_a_comparison_that_was_cut_goes_on(small, tmp_path, monkeypatch):
    """Runs that are done are read, never trained again."""
    given, train, trained = comparison_config.from_config_dict(small), experiment.train, []

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
    changed = {**given.fields, "run": {**given.fields["run"], "batch_size": 16}}
    with pytest.raises(InputError, match=r"holds another run.*batch_size is 8 there and 16 here"):
        compare.compare(given.__class__(**{**vars(given), "fields": changed}), tmp_path)


def test_an_evaluation_of_one_run_changes_no_row(small, tmp_path):
    """Neither while the comparison is cut, when a run's last phase is missing, nor later."""
    values = small.copy_and_resolve_references()
    values.settings = {"a": {}}
    values.methods = {"MineGAN": {"run": {"mine_steps": 1}}}
    given = comparison_config.from_config_dict(values)
    rows = compare.compare(given, tmp_path)
    folder = tmp_path / rows[0]["folder"]
    experiment.open_run(folder).evaluate(num_images=10, seed=3)
    assert compare.compare(given, tmp_path) == rows
    shutil.rmtree(folder / "checkpoints" / "finetune")
    experiment.open_run(folder).evaluate()
    assert compare.compare(given, tmp_path) == rows


def test_sources_are_trained_first_and_once(small, tiny_fields, tmp_path):
    values = small.copy_and_resolve_references()
    network = {"network.resolution": 8, "network.width": 4, "network.latent_size": 4}
    fields = {**tiny_fields, **network, "method": "scratch", "sources": (), "run.train_steps": 1}
    read = used_fields.READ["scratch"]
    values.pretrained = {
        "new": nested({path: fields[path] for path in fields if path in {*read, "sources"}})
    }
    values.settings = {"from a new one": {"sources": ("new",)}}
    values.methods = {"TransferGAN": {"method": "transfergan"}}
    values.source_row = True
    records = compare.compare(comparison_config.from_config_dict(values), tmp_path)
    assert [record["title"] for record in records] == ["source as it is", "TransferGAN"]
    assert [record["probability"] for record in records] == [{"new": 1.0}] * 2
    phases = json.loads((tmp_path / records[0]["folder"] / "report.json").read_text())["phases"]
    measured = [phases[name]["held_out"] for name in ("source", "finetune")]
    assert [record["kid"] for record in records] == [found["kid"] for found in measured]
    losses = tmp_path / "sources" / "new" / "metrics.jsonl"
    before = losses.read_text()
    assert compare.compare(comparison_config.from_config_dict(values), tmp_path) == records
    assert losses.read_text() == before
    values.pretrained.new.run.seed = 2
    with pytest.raises(InputError, match=r"holds another run.*seed is 0 there and 2 here"):
        compare.compare(comparison_config.from_config_dict(values), tmp_path)


def test_mistakes(small):
    for changes, said in [
        ({"seeds": ()}, "nothing to compare: seeds of the comparison are empty"),
        ({"methods": {}}, "nothing to compare: methods"),
        (
            {"methods": {"a": {"run": {"mine_step": 1}}}},
            "'run.mine_step': did you mean",
        ),
        ({"pretrained": {"a": {"network": {"widht": 1}}}}, "did you mean 'network.width'?"),
        (
            {"metrics": ("fid",)},
            "unknown metric 'fid' of a table: expected one of frechet_distance",
        ),
        ({"metrics": ("recognised",)}, "unknown metric 'recognised'"),
        ({"metrics": ("target_accuracy:9",)}, "unknown metric 'target_accuracy:9'"),
        ({"metrics": ("recognised:12",)}, "'recognised:12' of a table: expected one of 0, 1"),
        ({"metrics": ("target_accuracy", "recognised:nine")}, "metric 'recognised:nine'"),
        ({"metrics": ("probability:none",)}, "'probability:none' of a table: expected one of tiny"),
        (
            {"settings": {"a": {"target": {"labels": 9.5}}}},
            "'target.labels': expected int",
        ),
    ]:
        values = small.copy_and_resolve_references()
        for name, value in changes.items():
            values[name] = value
        with pytest.raises(InputError, match=said.replace("?", r"\?")):
            comparison_config.from_config_dict(values)
    with pytest.raises(InputError, match="a config of one run: expected one of a comparison"):
        comparison_config.from_config_dict(default_config())


PARTS = {
    "setings=3": "--config.setings: there is no 'setings': did you mean 'settings'?",
    "fields.run.mine_step=3": "fields.run.mine_step: there is no 'mine_step': did you mean",
    'methods["BSSA"].run.train_steps=3': "there is no 'BSSA': did you mean 'BSA'?",
    "methods.QQQ.run.train_steps=3": "there is no 'QQQ': expected one of BSA, DGN-AM",
    "methods.DGN-AM.run.train_steps=3": '["NAME"] where one is no word',
    "seeds[9]=3": "--config.seeds[9]: there is no 9 in (0, 1, 2)",
    "fields.run.mine_steps=x": "--config.fields.run.mine_steps=x: invalid literal",
}


def test_names_that_some_run_has(small):
    values = small.copy_and_resolve_references()
    values.pretrained = {"new": {"method": "scratch", "sources": ()}}
    values.settings = {
        "both": {"sources": ("new", *small.fields.sources)},
        "twice": {"sources": small.fields.sources * 2},
        "none": {"sources": (), "method": "scratch", "report": {"classifier": None}},
    }
    names = ("new", "tiny", "tiny_2", "scratch")
    values.metrics = (*(f"probability:{name}" for name in names), "recognised:9")
    values.methods = {"MineGAN": {}}
    assert comparison_config.from_config_dict(values).metrics == values.metrics
    values.fields.report.classifier = None
    with pytest.raises(InputError, match=r"'recognised:9'.*as no run has a classifier"):
        comparison_config.from_config_dict(values)


@pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")
@pytest.mark.parametrize("part", PARTS)
def test_a_wrong_part_is_one_line(part, cli, tmp_path):
    status, line = cli(
        "--mode=compare", "--config=table2_digits", f"--workdir={tmp_path}", f"--config.{part}"
    )
    assert status == 2
    assert PARTS[part] in line


def test_methods_that_are_told_the_class(small):
    (first, *_) = comparison_config.cells(comparison_config.from_config_dict(small), {})
    assert not records.uses_label(first.config)
    told = {"classes": "1"}
    assert records.uses_label(replaced(first.config, told))


def test_hits_are_images_of_the_targets_classes():
    shares = {"1": 0.5, "2": 0.2, "9": 0.25, "confident": 1.0}
    assert measure.recognised_as(("2", "9"), shares) == 0.45
    assert measure.recognised_as((), shares) is None
    assert measure.recognised_as(("9",), {}) is None


@pytest.mark.parametrize("names", [("12",), ("0", "lake"), ("lake",), ("confident",)])
def test_classes_that_the_judge_does_not_know_are_none(names):
    """Nor are those that have no names: class 0 of photographs is no digit."""
    shares = {**{str(digit): 0.1 for digit in range(10)}, "confident": 0.9}
    assert measure.recognised_as(names, shares) is None


def test_the_targets_classes_go_by_their_names(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8), np.uint8)
    for number, image in enumerate(pixels):
        folder = tmp_path / ("lake", "sea")[number % 2]
        folder.mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    np.savez(tmp_path / "some.npz", images=pixels, labels=np.array([0, 1] * 3))

    def classes(spec, *labels):
        found = load_dataset(spec, resolution=8, channels=1, labels=labels)
        return evaluator.target_classes(found)

    assert classes(f"folder:{tmp_path}", 1) == ("sea",)
    assert classes(f"folder:{tmp_path}") == ()
    assert classes(f"npz:{tmp_path / 'some.npz'}", 0) == ()


def test_figures_that_are_missing_leave_a_dash():
    row = {"title": "a", "setting": "s", "max_images": 1, "seed": 0, "label": False}
    record = {
        **row,
        **table.metrics(
            {
                **{"held_out": None, "mean_variance": 1.0, "memorisation": None},
                "recognised_as_target": None,
            }
        ),
    }
    shown = (
        "frechet_distance",
        "mean_variance",
        "target_accuracy",
        "recognised:9",
        "probability:b",
    )
    record |= {"recognised": {}, "probability": {"b": 0.25}}
    text = table.to_markdown([record], {"a": 1.0}, shown)
    assert "| s | a | no | - | 1 | - | - | 0.25 | 1 |" in text
    assert "| recognised as 9 | p of b | ms an image |" in text
    assert table.over_sizes([record], "kmmd") == [(1, [])]


@pytest.mark.parametrize(
    ("fields", "score", "guide", "images", "searched"),
    [
        ({"method": "minegan", "game.critic_steps": 5}, len, None, 7 * 4 * 5, 0),
        ({"method": "vae", "game.critic_steps": 5}, None, "seen", 7 * 4, 0),
        ({"method": "ppgn", "baseline.search_steps": 9}, None, "seen", 0, 9),
        ({"method": "bsa", "baseline.search_steps": 9}, None, None, 7 * 4, 0),
    ],
)
def test_what_other_methods_are_given(fields, score, guide, images, searched):
    """Only critics take several minibatches a step; a search sees no real image."""
    config = from_values({"run.batch_size": 4, **fields})
    phases = [SimpleNamespace(name="early"), SimpleNamespace(name="late")]
    built = SimpleNamespace(
        phases=phases,
        methods={phase.name: SimpleNamespace(score=score) for phase in phases},
        guide=guide and SimpleNamespace(name=guide),
    )
    done = {"early": 2, "late": 5, "source": None}
    report = {
        "provenance": {"phases": {n: {"steps": d and {"done": d}} for n, d in done.items()}},
        "phases": {name: {"weights": "raw"} for name in done},
    }
    cell = comparison_config.Cell("a", 6, "b", 0, config)
    late = records.Row("b", "late", cell, SimpleNamespace(experiment=built), report)
    rest = {"search_steps": searched, "weights": "raw"}
    assert records.given(late) == {"steps": 7, "images": images, "guide": guide, **rest}
    nothing = {"steps": 0, "images": 0, "guide": None, "search_steps": 0, "weights": "raw"}
    assert records.given(late._replace(phase="source")) == nothing


def test_settings_that_give_the_same_share_a_row():
    given = {
        "steps": 3,
        "images": 24,
        "guide": "seen",
        "search_steps": 9,
        "weights": "raw",
    }
    row = {"title": "a", "label": False, "given": given}
    told = {**row, "setting": "z", "label": True}
    text = table.given_to_markdown([{**row, "setting": s} for s in "xyx"] + [told])
    assert text.splitlines()[-2:] == [
        "| a | x, y | no | 3 | 24 | seen | 9 | raw |",
        "| a | z | yes | 3 | 24 | seen | 9 | raw |",
    ]
