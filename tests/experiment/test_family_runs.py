"""The whole run with each family as source, from its directory to report and adapter."""

import json
import shutil

import jax
import numpy as np
import pytest
from tiny_sources import ARGUMENTS, moved, named, save_source

from minegan_jax import config, experiment, sources, trees
from minegan_jax.errors import InputError
from minegan_jax.experiment import build
from minegan_jax.mining import minegan
from minegan_jax.mining.noise import as_noise
from minegan_jax.nets import family
from minegan_jax.sampling import adapter
from minegan_jax.sampling.generator import draw_noise
from minegan_jax.training import log
from weights_conversion import command, progan_genforce

OF_CLASSES = [name for name, arguments in ARGUMENTS.items() if "num_classes" in arguments]
STATISTICS = {"mean", "variance", "means", "variances", "noise"}


@pytest.fixture(scope="module", params=ARGUMENTS)
def run(request, tmp_path_factory, tiny_fields, tiny_source):
    """A finished run with a source of one family; grey images of 8 pixels are its target."""
    directory = save_source(tmp_path_factory.mktemp("sources") / request.param, request.param)
    fields = {"sources": (str(directory),), "target.colour": "convert"}
    fields["target.enlarge"] = True
    if not family.FAMILIES[request.param].critic:
        fields["game.critic"] = str(tiny_source)
    settings = config.from_values({**tiny_fields, **fields})
    return experiment.train(settings, tmp_path_factory.mktemp("runs") / request.param)


def vectors(params):
    """The paths of the vectors behind spectral norms that can turn.

    Those of attention have only just begun to: its kernels are unheard while their gain is 0.
    """
    leaves = trees.named_leaves(params)
    return {p for p in named(params, {"u"}) if leaves[p].size > 1 and "attention" not in p}


def test_its_metrics_are_finite_and_its_report_is_there(run):
    records = log.read(run.workdir / "metrics.jsonl")
    losses = [record for record in records if "critic_loss" in record]
    assert [(record["phase"], record["step"]) for record in losses] == [
        ("mine", 1), ("mine", 2), ("mine", 3), ("finetune", 1), ("finetune", 2)
    ]  # fmt: skip
    for record in losses:
        assert all(np.isfinite(record[name]) for name in ("critic_loss", "players_loss", "penalty"))
    report = json.loads((run.workdir / "report.json").read_text())
    assert report["phases"].keys() == {"source", "mine", "finetune"}
    assert (run.workdir / "samples" / "comparison.png").exists()


def test_its_report_warns_of_features_that_see_no_colour(run):
    report = json.loads((run.workdir / "report.json").read_text())
    colour = run.experiment.channels == 3
    assert ("'digits' see no colour" in report["caution"]) == colour
    assert ("Careful: features 'digits'" in (run.workdir / "report.md").read_text()) == colour


def test_mining_moves_no_bit_of_the_generator(run):
    (source,) = run.experiment.sources
    (generator,) = run.state("mine").params["generators"]
    assert not moved(source.generator, generator)


@pytest.mark.parametrize("run", OF_CLASSES, indirect=True)
def test_mining_moves_both_miners(run):
    phase = run.experiment.phases[0]
    (before,) = phase.learner.init(None, jax.random.key(0)).params["miners"]
    (after,) = run.state("mine").params["miners"]
    assert before.keys() == {"latent", "condition"}
    for name in before:
        assert moved(before[name], after[name])


@pytest.mark.parametrize("run", OF_CLASSES, indirect=True)
def test_its_report_says_which_classes_are_mined(run):
    report = json.loads((run.workdir / "report.json").read_text())
    rows = report["classes"]
    assert sum(row["share"] for row in rows) == pytest.approx(1.0)
    assert {row["class"] for row in rows} <= {"0", "1", "2"}
    assert [row["share"] for row in rows] == sorted((r["share"] for r in rows), reverse=True)
    assert "## Mined classes" in (run.workdir / "report.md").read_text()


def test_finetuning_moves_weights_and_not_statistics(run):
    (before,) = run.state("mine").params["generators"]
    (after,) = run.state("finetune").params["generators"]
    changed = moved(before, after)
    assert not changed & named(before, STATISTICS)
    assert vectors(before) <= changed
    unheard = {path for path in trees.named_leaves(before) if path.startswith("to_rgb")} - {
        f"to_rgb_{ARGUMENTS['progan']['resolution']}/{name}" for name in ("kernel", "bias")
    }
    assert named(before, {"kernel"}) - changed == {p for p in unheard if p.endswith("kernel")}


def test_the_critics_norms_follow_its_weights(run):
    critic = run.state("mine").params["critic"]
    changed = moved(run.experiment.critics_source.critic, critic)
    assert vectors(critic) <= changed
    for path in named(critic, {"u"}):
        np.testing.assert_allclose(np.linalg.norm(trees.named_leaves(critic)[path]), 1.0, rtol=1e-5)
    assert any(path.endswith("kernel") for path in changed)


def test_its_adapter_gives_the_same_images(run):
    loaded = adapter.load_adapter(run.workdir / "adapter")
    images = loaded.sample(3, seed=1)
    np.testing.assert_array_equal(images, run.sample(3, seed=1, phase="mine"))
    networks = run.experiment.sources[0].networks  # whatever its critic sees
    assert images.shape[1:] == (networks.resolution,) * 2 + (networks.channels,)


def test_what_it_finetuned_is_a_source(run):
    source, drawn = sources.load_source(run.workdir / "source"), run.generator("finetune")
    shape = drawn.sources[0].noise
    numbers = jax.random.normal(jax.random.key(1), (3, shape.num_numbers))
    expected = drawn.generate(0, as_noise(numbers, shape))
    difference = np.abs(source.generate(numbers) - expected)
    assert difference.mean() < 2e-3  # half precision
    assert difference.max() < 0.1
    assert bool(source.critic) == (not run.experiment.other_critic)


def test_a_cut_run_goes_on_bit_for_bit(run, cut):
    both = run, cut(run, "finetune", 2)
    for phase in ("mine", "finetune"):
        assert len({trees.digest(each.state(phase)) for each in both}) == 1


@pytest.mark.parametrize("critic", ["", "fresh"])
def test_where_sources_compete_each_image_is_scored_by_itself(critic, tmp_path):
    """Else the images of one source would win together, for how much they differ."""
    names = ("first", "second")
    both = [save_source(tmp_path / name, "progan", resolution=4) for name in names]
    fields = {"sources": tuple(map(str, both)), "game.critic": critic}
    method = build.build(config.from_values(fields)).methods["mine"]
    state = method.learner.init(None, jax.random.key(0))
    # Six images are no multiple of a group of four, which a critic that compares would refuse.
    assert np.isfinite(method.score_sources(state, jax.random.key(1), 6)).all()


def test_only_a_critic_alone_scores_images_by_themselves(tmp_path):
    source = sources.load_source(save_source(tmp_path / "source", "progan", resolution=4))
    images = jax.random.normal(jax.random.key(0), (4, 4, 4, 1))
    for alone in (True, False):
        critic = minegan.critic_of(source, alone=alone)
        score = jax.jit(critic.criticise)
        scores, first = (score(critic.start(), batch) for batch in (images, images[:1]))
        assert np.allclose(scores[:1], first, atol=1e-5) == alone


def fields_of(directory, **fields):
    return config.from_values({"sources": (str(directory),), **fields})


def test_a_fresh_critic_needs_none_in_the_file(tmp_path):
    directory = save_source(tmp_path / "sngan", "sngan")
    (directory / "critic.safetensors").unlink()
    description = json.loads((directory / "source.json").read_text())
    del description["weights"]["critic"]
    (directory / "source.json").write_text(json.dumps(description))
    built = build.build(fields_of(directory, **{"game.critic": "fresh"}))
    state = built.phases[0].learner.init(None, jax.random.key(0))
    (source,) = built.sources
    assert trees.named_shapes(state.params["critic"]) == trees.named_shapes(
        source.networks.init(jax.random.key(0))[1]
    )
    assert not built.other_critic
    assert build.build(fields_of(directory)).fresh_critic  # so too where the config names none
    with pytest.raises(InputError, match=r"'sngan' has no critic: expected one, or .*DIRECTORY"):
        build.build(fields_of(directory, **{"game.critic": str(directory)}))


@pytest.mark.parametrize("critic", ["", "fresh"])
def test_a_family_without_a_critic_gets_a_plain_one(critic, tmp_path):
    directory = save_source(tmp_path / "deep", "biggan_deep")
    built = build.build(fields_of(directory, **{"game.critic": critic}))
    assert built.fresh_critic
    assert built.other_critic
    method = built.methods["mine"]
    state = method.learner.init(None, jax.random.key(0))
    images = jax.random.uniform(jax.random.key(1), (2, 8, 8, 3))
    assert np.ptp(method.score(state, images, 2)) > 0


@pytest.fixture(scope="module")
def as_published(run, tmp_path_factory):
    """What a run finetuned, written as published and converted again; and what was said."""
    folder = tmp_path_factory.mktemp("as_published")
    said = progan_genforce.BACK.write(str(run.workdir), {"checkpoint": str(folder / "a.pth")})
    command.write(progan_genforce.convert(str(folder / "a.pth")), folder / "source")
    return sources.load_source(folder / "source"), said


@pytest.mark.parametrize("run", ["progan"], indirect=True)
def test_finetuned_networks_are_written_as_published(run, as_published):
    written, said = as_published
    assert "progan, a progan; its latents are its miner's, see 'The way back' in" in said
    state = run.state("finetune")
    (averaged,) = state.ema_params["generators"]
    jax.tree.map(np.testing.assert_array_equal, written.generator, averaged)
    jax.tree.map(np.testing.assert_array_equal, written.critic, state.params["critic"])


@pytest.mark.parametrize("run", ["progan"], indirect=True)
def test_sources_may_lie_elsewhere(run, as_published, tmp_path):
    moved = shutil.copytree(run.experiment.sources[0].location, tmp_path / "moved")
    files = {"checkpoint": str(tmp_path / "a.pth")}
    progan_genforce.BACK.write(str(run.workdir), {**files, "sources": str(moved)})
    again = progan_genforce.convert(**files)
    jax.tree.map(np.testing.assert_array_equal, again.params["critic"], as_published[0].critic)


@pytest.mark.parametrize("run", ["progan"], indirect=True)
def test_mined_latents_give_the_runs_images_elsewhere(run, as_published):
    drawn = run.generator("finetune")
    noise = draw_noise(jax.random.key(0), np.arange(8), drawn.sources[0].noise)
    latents = drawn.sources[0].mined(drawn.weights[0], noise)
    images = as_published[0].generate(latents)
    np.testing.assert_allclose(images, drawn.generate(0, noise), atol=1e-5)


@pytest.mark.parametrize("run", ["progan"], indirect=True)
def test_what_was_only_mined_is_not_written(run, tmp_path):
    copy = shutil.copytree(run.workdir, tmp_path / "copy")
    for left in ("checkpoints/finetune", "source"):
        shutil.rmtree(copy / left)
    said = "expected a run that finetunes, found phase 'mine', which leaves a source as it was"
    with pytest.raises(InputError, match=said):
        progan_genforce.BACK.write(str(copy), {"checkpoint": str(tmp_path / "a.pth")})
    with pytest.raises(InputError, match="expected --source= with the one to write of progan"):
        progan_genforce.BACK.write(
            str(run.workdir), {"checkpoint": str(tmp_path / "a.pth"), "source": "another"}
        )
    assert not (tmp_path / "a.pth").exists()
