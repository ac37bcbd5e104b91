"""What a run of MineGAN finetuned is where the next run starts, by every method."""

import json

import numpy as np
import pytest
from tiny_sources import save_source

from minegan_jax import config, experiment, sources
from minegan_jax.errors import InputError
from minegan_jax.experiment import auto_config
from minegan_jax.mining import mined_family
from minegan_jax.nets import family


@pytest.fixture(scope="module")
def trained(tiny_fields, tmp_path_factory):
    """Trains with some fields; returns the run."""

    def train(**fields):
        workdir = tmp_path_factory.mktemp("runs") / "run"
        return experiment.train(config.from_values({**tiny_fields, **fields}), workdir)

    return train


@pytest.fixture(scope="module")
def first(trained):
    """A run that mined and finetuned the tiny source."""
    return trained()


@pytest.mark.parametrize("method", ["minegan", "transfergan"])
def test_the_next_run_starts_from_its_images(method, first, trained):
    fields = {"method": method, "sources": (str(first.workdir / "source"),)}
    run = trained(**{**fields, "run.mine_steps": 1, "run.finetune_steps": 1})
    start = run.sample(6, seed=3, phase="source").astype(int)
    assert np.abs(start - first.sample(6, seed=3, phase="finetune")).max() <= 1  # half precision
    moved = run.sample(6, seed=3, phase="finetune")
    assert (moved != start).any()
    again = sources.load_source(run.workdir / "source")  # and so on
    assert again.networks.latent_size == run.experiment.sources[0].networks.latent_size


def test_its_report_says_what_the_first_run_saw(tiny_source, trained, tmp_path):
    """Another seed holds out other images, which the first run trained on."""
    source = sources.load_source(tiny_source)
    params = {"generator": source.generator, "critic": source.critic}
    known = tmp_path / "known"
    sources.save_source(known, params, source.description, seen=np.zeros(0, np.uint64))
    first = trained(sources=(str(known),))
    fields = {"sources": (str(first.workdir / "source"),), "target.seed": 5}
    run = trained(**{**fields, "run.mine_steps": 1, "run.finetune_steps": 0})
    (remark,) = json.loads((run.workdir / "report.json").read_text())["remarks"]
    assert remark.startswith("source 'run' was trained on ")
    assert not (run.workdir / "source").exists()  # nothing was finetuned


def test_several_sources_are_several_again(tmp_path, tiny_source, make_source, trained):
    other = make_source(tmp_path / "other", seed=1)
    run = trained(sources=(str(tiny_source), str(other)))
    folders = [run.workdir / "source" / name for name in ("tiny", "other")]
    found = [sources.load_source(folder) for folder in folders]
    for number, source in enumerate(found):
        name = run.source_names[number]
        assert source.name == f"run_{name}"
        assert bool(source.critic) == (number == 0)
    again = trained(sources=tuple(map(str, folders)), **{"run.finetune_steps": 0})
    assert again.source_names == ("run_tiny", "run_other")


@pytest.mark.parametrize("fields", [{"miner.space": "w+"}, {}])
def test_wherever_the_miner_sat(fields, trained, tmp_path):
    directory = save_source(tmp_path / "stylegan2", "stylegan2")
    run = trained(sources=(str(directory),), **fields)
    source = sources.load_source(run.workdir / "source")
    assert source.networks.truncates == (not fields)
    assert not source.networks.w_size
    drawn = source.generate(np.ones((1, 4), np.float32))
    assert drawn.shape == (1, 8, 8, 1)


def test_the_recipe_is_that_of_its_architecture(first, tiny_images):
    source = str(first.workdir / "source")
    chosen = auto_config.choose([source], f"folder:{tiny_images}", None)
    assert chosen.sources == (source,)


def test_a_runs_folder_says_where_its_source_is(first):
    with pytest.raises(InputError, match=r"a run's folder: expected .*/source"):
        sources.load_source(first.workdir)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"miner": None}, "arguments missing: ['miner']"),
        ({"depth": 3}, "unknown: ['depth']"),
        ({"family": "gan"}, "unknown family 'gan'"),
    ],
)
def test_other_arguments_are_refused(change, said, first):
    (source,) = [sources.load_source(first.workdir / "source")]
    arguments = {**source.description["arguments"], **change}
    kept = {name: value for name, value in arguments.items() if value is not None}
    with pytest.raises(InputError) as caught:
        family.build(mined_family.NAME, kept)
    assert said in str(caught.value)
