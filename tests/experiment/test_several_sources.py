"""Mining several sources, from the config to the report and the adapter."""

import json
import logging
import shutil

import jax
import numpy as np
import pytest

from minegan_jax import config, experiment, sources, trees
from minegan_jax.errors import InputError
from minegan_jax.experiment import build
from minegan_jax.sampling.adapter import load_adapter


@pytest.fixture(scope="module")
def three(tmp_path_factory, make_source):
    """Sources of 8 and 12 pixels, the second with another latent size; and one in colour."""
    folder = tmp_path_factory.mktemp("several")
    return (
        make_source(folder / "small", seed=1),
        make_source(folder / "large", seed=2, resolution=12, latent_size=3),
        make_source(folder / "colourful", seed=3, channels=3),
    )


@pytest.fixture(scope="module")
def fields(three, tiny_fields):
    """Fields of a tiny run with two sources that differ."""
    return {**tiny_fields, "sources": tuple(map(str, three[:2])), "selector.exploration": 0.5}


@pytest.fixture(scope="module")
def run(tmp_path_factory, fields):
    return experiment.train(config.from_values(fields), tmp_path_factory.mktemp("runs") / "two")


def complaint(**values):
    with pytest.raises(InputError) as caught:
        build.build(config.from_values(values))
    return str(caught.value)


def test_the_report_says_how_often_each_is_used(run):
    report = json.loads((run.workdir / "report.json").read_text())
    table, text = report["selector"], (run.workdir / "report.md").read_text()
    assert [row["name"] for row in table] == ["small", "large"]
    np.testing.assert_allclose(sum(row["probability"] for row in table), 1.0, rtol=1e-6)
    for number, row in enumerate(table):
        low, high = row["interval"]
        assert 0 <= low <= row["probability"] <= high <= 1
        assert row["without_it"][number] == 0.0
        assert sum(row["without_it"]) == pytest.approx(1.0)
    assert "without it: large" in text
    shares = np.array([row["probability"] for row in table])
    entropy = -(shares * np.log2(shares, where=shares > 0, out=np.zeros(2))).sum()
    assert report["selector_entropy"] == pytest.approx(entropy)
    assert f"equal ones: {entropy:.2f}" in text
    assert (run.workdir / "samples" / "selector.png").exists()


def test_the_metrics_say_so_over_time(run):
    lines = map(json.loads, (run.workdir / "metrics.jsonl").read_text().splitlines())
    tables = [line for line in lines if "selector" in line]
    assert [(line["phase"], line["step"]) for line in tables] == [
        ("mine", 1), ("mine", 2), ("mine", 3), ("finetune", 1), ("finetune", 2)
    ]  # fmt: skip
    assert {row["name"] for row in tables[0]["selector"]} == {"small", "large"}


def test_all_images_have_one_size(run):
    """Handed out they have the largest source's, measured the critic's."""
    drawn = run.generator()
    for name in (None, "small", "large"):
        assert drawn.sample(5, source=name).shape == (5, 12, 12, 1)
        assert drawn.as_measured().sample(5, source=name).shape == (5, 8, 8, 1)
    with pytest.raises(InputError, match=r"no source 'huge': expected small, large"):
        run.generator().sample(1, source="huge")


def test_the_adapter_draws_what_the_run_draws(run):
    adapter = load_adapter(run.workdir / "adapter")
    np.testing.assert_array_equal(
        adapter.sample(20, seed=3), run.generator("mine").sample(20, seed=3)
    )
    assert adapter.names == ("small", "large")


def test_a_dropped_source_is_in_no_later_phase(run, fields, tmp_path):
    """Dropping is a part of finetuning: what mining found, and its adapter, are as without it."""
    dropped = experiment.train(
        config.from_values({**fields, "selector.drop_below": 0.9}), tmp_path / "run"
    )
    report = json.loads((dropped.workdir / "report.json").read_text())
    table = report["selector"]
    assert sorted(row["probability"] for row in table) == [0.0, 1.0]
    assert report["phases"]["finetune"]["probability"] == {
        row["name"]: row["probability"] for row in table
    }
    (kept,) = (row for row in table if row["probability"])
    (gone,) = (row for row in table if not row["probability"])
    assert kept["without_it"] is None
    assert gone["interval"] == [0.0, 0.0]
    assert gone["without_it"][run.source_names.index(kept["name"])] == 1.0
    assert "| - | - |" in (dropped.workdir / "report.md").read_text()
    adapter = load_adapter(dropped.workdir / "adapter")
    found = dropped.generator("mine")
    assert adapter.names == found.names == run.source_names
    for seed in (0, 3):
        images = run.generator("mine").sample(30, seed)
        np.testing.assert_array_equal(adapter.sample(30, seed), images)
        np.testing.assert_array_equal(found.sample(30, seed), images)
    assert min(report["phases"]["mine"]["probability"].values()) > 0.0


def test_devices_may_share_the_sources(run, fields, tmp_path):
    """All that follows training reads such a state as any other, after a cut as well."""
    values = config.from_values({**fields, "run.shard_sources": True})
    shared = experiment.train(values, tmp_path / "run")
    np.testing.assert_allclose(shared.sample(5), run.sample(5), atol=1)
    (shared.workdir / "report.json").unlink()
    shutil.rmtree(shared.workdir / "checkpoints" / "finetune" / "2")
    before = trees.digest(shared.state("mine"))
    again = experiment.train(values, shared.workdir)
    assert trees.digest(again.state("mine")) == before
    np.testing.assert_array_equal(again.sample(5), shared.sample(5))


@pytest.mark.parametrize(("critic", "resolution"), [("", 8), ("large", 12), ("fresh", 8)])
def test_whose_critic(fields, critic, resolution):
    built = build.build(config.from_values({**fields, "game.critic": critic}))
    assert built.resolution == resolution
    state = built.phases[0].learner.init(None, jax.random.key(0))
    found, *own = (
        trees.digest(trees.named_leaves(params))
        for params in (state.params["critic"], *(source.critic for source in built.sources))
    )
    same = [digest == found for digest in own]
    assert same == {"": [True, False], "large": [False, True], "fresh": [False, False]}[critic]


def test_an_unknown_critic(fields):
    assert (
        "no critic 'huge': expected 'fresh', a directory of a source or one of small, large, biggan"
        in complaint(**{**fields, "game.critic": "huge"})
    )


@pytest.mark.parametrize("critic", ["other", "mnist_without_9"])
def test_a_critic_of_a_source_that_is_not_mined(critic, fields, three, tmp_path, make_source):
    other = make_source(tmp_path / "other", seed=9, resolution=9)
    (other / "generator.safetensors").unlink()  # a critic needs none
    description = json.loads((other / "source.json").read_text())
    del description["weights"]["generator"]
    (other / "source.json").write_text(json.dumps(description))
    name = {"other": str(other)}.get(critic, critic)
    built = build.build(config.from_values({**fields, "game.critic": name}))
    assert built.critics_source.name == critic
    assert built.resolution == {"other": 9}.get(critic, 28)
    assert [source.name for source in built.sources] == ["small", "large"]
    state = built.phases[0].learner.init(None, jax.random.key(0))
    expected = sources.load_source(name).critic
    assert trees.digest(state.params["critic"]) == trees.digest(expected)
    built = build.build(config.from_values({**fields, "game.critic": str(three[1])}))
    assert built.critics_source is built.sources[1]
    colourful = {**fields, "game.critic": str(three[2])}
    assert "(channels: small 1, large 1, colourful 3)" in complaint(**colourful)


def test_a_run_belongs_to_its_critic(fields, tmp_path, make_source):
    other = make_source(tmp_path / "other", seed=9)
    judged = {**fields, "game.critic": str(other), "run.mine_steps": 1, "run.finetune_steps": 0}
    finished = experiment.train(config.from_values(judged), tmp_path / "run")
    assert (finished.workdir / "report.json").exists()
    make_source(other, seed=10)
    with pytest.raises(InputError, match="trained with sources"):
        experiment.open_run(tmp_path / "run")


def test_grey_and_colour_need_a_rule(three, fields):
    mixed = {**fields, "sources": tuple(map(str, three))}
    assert "grey and of colour images (channels: small 1, large 1, colourful 3)" in complaint(
        **mixed
    )
    built = build.build(config.from_values({**mixed, "target.colour": "convert"}))
    assert built.channels == 1


def test_a_source_may_be_there_twice(fields, three, caplog):
    twice = {**fields, "sources": (str(three[0]),) * 2}
    with caplog.at_level(logging.WARNING):
        built = build.build(config.from_values(twice))
    assert [source.name for source in built.sources] == ["small", "small_2"]
    assert "source 'small' is there more than once" in caplog.text


def test_a_source_that_makes_no_numbers(fields, three, tmp_path):
    source = sources.load_source(three[0])
    broken = jax.tree.map(lambda leaf: np.full_like(leaf, np.nan), source.generator)
    params = {"generator": broken, "critic": source.critic}
    sources.save_source(tmp_path / "broken", params, {**source.description, "name": "broken"})
    both = {**fields, "sources": (str(three[0]), str(tmp_path / "broken"))}
    assert "source broken makes images that are not finite" in complaint(**both)
    built = build.build(config.from_values({**both, "exclude_broken": True}))
    assert [source.name for source in built.sources] == ["small"]
