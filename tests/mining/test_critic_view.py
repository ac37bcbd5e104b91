"""What the critic sees is not what a user gets: small grey boxes of large colour images."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_sources

from minegan_jax import config, experiment
from minegan_jax.errors import InputError
from minegan_jax.experiment import build, critics
from minegan_jax.mining.view import in_words, make_view, read_boxes
from minegan_jax.nets.image_resize import WHOLE, Box, ImageShape, box_view
from minegan_jax.sampling.adapter import load_adapter
from minegan_jax.types import to_pixels, to_unit_range

BOX = (0.25, 0.0, 0.5, 0.5)


@pytest.fixture(scope="module")
def colourful(tmp_path_factory):
    """The directory of a source of 16x16 colour images that has no critic."""
    folder = tmp_path_factory.mktemp("sources")
    return str(tiny_sources.save_source(folder / "colourful", "mobilestylegan"))


@pytest.fixture(scope="module")
def fields(tiny_fields, colourful):
    """Of a run that mines it for grey images of 8 pixels, with few steps."""
    return {
        **tiny_fields,
        "sources": (colourful,),
        "view.boxes": BOX,
        "game.fresh_warmup_steps": 1,
        "run.sample_every_steps": 3,
    }


@pytest.fixture(scope="module")
def run(fields, tmp_path_factory):
    return experiment.train(config.from_values(fields), tmp_path_factory.mktemp("runs") / "run")


def test_the_view_follows_from_box_and_target(run):
    assert run.experiment.view.shape == ImageShape(8, 1)
    assert run.experiment.fresh_critic
    stored = json.loads((run.workdir / "config.json").read_text())["config"]["view"]
    assert stored == {"resolution": 8, "channels": 1, "boxes": list(BOX)}


@pytest.mark.parametrize("phase", ["source", "mine", "finetune"])
def test_images_are_handed_out_whole_and_measured_in_the_view(run, phase):
    drawn = run.generator(phase)
    whole, measured = drawn.sample(3, seed=1), drawn.as_measured().sample(3, seed=1)
    assert whole.shape == (3, 16, 16, 3)
    assert measured.shape == (3, 8, 8, 1)
    seen = to_pixels(box_view(Box(*BOX), 8, 1)(to_unit_range(jnp.asarray(whole))))
    np.testing.assert_allclose(np.asarray(seen, int), measured, atol=1)


def test_an_adapter_knows_its_view(run):
    loaded, drawn = load_adapter(run.workdir / "adapter"), run.generator("mine")
    np.testing.assert_array_equal(loaded.sample(3, seed=2), drawn.sample(3, seed=2))
    measured = loaded.as_measured().sample(3, seed=2)
    np.testing.assert_array_equal(measured, drawn.as_measured().sample(3, seed=2))


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (3, "expected an object, found 3"),
        ({"boxes": []}, "expected a field 'image_shape'"),
        ({"image_shape": [8, 1], "boxes": "all"}, "a list of numbers, four for each source"),
        ({"image_shape": [8, 1], "boxes": [0, 0, 1]}, "4 numbers, found 3"),
    ],
)
def test_an_adapter_of_a_broken_view_is_refused(view, said, run, tmp_path):
    for name in ("adapter.json", "weights.safetensors"):
        (tmp_path / name).write_bytes((run.workdir / "adapter" / name).read_bytes())
    described = json.loads((tmp_path / "adapter.json").read_text())
    (tmp_path / "adapter.json").write_text(json.dumps({**described, "view": view}))
    with pytest.raises(InputError, match=said):
        load_adapter(tmp_path)


def test_a_report_says_how_images_are_measured(run):
    report = json.loads((run.workdir / "report.json").read_text())
    said = "8x8 and grey; those of colourful in the box of top 0.25, left 0, height 0.5 and width"
    assert said in report["view"]
    assert "handed out 16x16 and in colour" in report["view"]
    for name in ("report.md", "report.html"):
        assert report["view"] in (run.workdir / name).read_text()


def test_the_players_wait_for_a_fresh_critic(run):
    first, last = (run.experiment.phases[0].learner, run.experiment.phases[-1].learner)
    assert first is not last
    waits = critics.first_warmup(run.experiment.config, is_fresh=True).game.warmup_steps
    assert waits == 1
    assert run.experiment.config.game.warmup_steps == 0


def test_in_the_warm_up_only_the_critic_moves(fields, tmp_path):
    few = {**fields, "run.mine_steps": 1, "run.finetune_steps": 0}
    run = experiment.train(config.from_values(few), tmp_path / "run")
    start = run.experiment.phases[0].learner.init(None, jax.random.key(0))
    state = run.state("mine")
    tell = jax.tree.map(np.array_equal, state.params["generators"], start.params["generators"])
    assert all(jax.tree.leaves(tell))
    before = run.generator("source").sample(4)
    np.testing.assert_allclose(run.sample(4), before, atol=1)  # M(u) is u still
    moved = jax.tree.map(np.array_equal, state.params["critic"], start.params["critic"])
    assert not all(jax.tree.leaves(moved))


def test_a_cut_run_goes_on_bit_for_bit(run, cut):
    again = cut(run, "mine", 3)
    for phase in ("mine", "finetune"):
        same = jax.tree.map(np.array_equal, run.state(phase), again.state(phase))
        assert all(jax.tree.leaves(same))


def test_transfergan_in_the_same_view(fields, tmp_path):
    own = {name: value for name, value in fields.items() if not name.startswith("miner.")}
    del own["run.mine_steps"]
    values = config.from_values({**own, "method": "transfergan"})
    run = experiment.train(values, tmp_path / "run")
    assert run.sample(2).shape == (2, 16, 16, 3)
    assert run.generator().as_measured().sample(2).shape == (2, 8, 8, 1)
    stored = json.loads((run.workdir / "source" / "source.json").read_text())
    assert set(stored["weights"]) == {"generator"}  # the critic is of another family


def test_several_sources_are_seen_through_boxes_of_their_own(fields, tiny_source, tmp_path):
    both = {**fields, "sources": (*fields["sources"], str(tiny_source))}
    both |= {"view.boxes": (*BOX, *WHOLE), "view.channels": 1, "game.critic": "fresh"}
    run = experiment.train(config.from_values(both), tmp_path / "run")
    assert run.sample(3).shape == (3, 16, 16, 3)
    assert run.generator().as_measured().sample(3).shape == (3, 8, 8, 1)
    loaded = load_adapter(run.workdir / "adapter")
    images = run.generator("mine").as_measured().sample(5)
    np.testing.assert_array_equal(loaded.as_measured().sample(5), images)


def shape_of(values, target=None):
    built = build.build(config.from_values(values), target_shape=target and (lambda: target))
    return tuple(built.view.shape)


def test_a_fresh_critic_sees_no_more_than_there_is(fields):
    whole = {**fields, "view.boxes": ()}
    assert shape_of(whole) == (16, 3)
    assert shape_of(whole, ImageShape(9, 3)) == (9, 3)
    assert shape_of(whole, ImageShape(64, 1)) == (16, 1)
    assert shape_of(fields, ImageShape(64, 3)) == (8, 3)
    enlarged = {**whole, "target.enlarge": True, "target.colour": "convert"}
    assert shape_of(enlarged, ImageShape(6, 1)) == (16, 3)
    asked = {**fields, "view.resolution": 12, "view.channels": 3}
    assert shape_of(asked, ImageShape(64, 1)) == (12, 3)


def test_a_critic_of_colours_sees_grey_photographs(tiny_fields, tmp_path):
    source = tiny_sources.save_source(tmp_path / "source", "dcgan_stack")
    values = {**tiny_fields, "sources": (str(source),), "target.num_held_out": 2}
    assert shape_of(values) == shape_of(values, ImageShape(64, 3)) == (8, 3)
    assert shape_of(values, ImageShape(64, 1)) == (8, 1)
    assert shape_of({**values, "target.colour": "convert"}, ImageShape(64, 1)) == (8, 3)
    assert shape_of({**values, "view.channels": 1}, ImageShape(64, 3)) == (8, 1)
    few = {"run.mine_steps": 1, "run.finetune_steps": 0}
    run = experiment.train(config.from_values({**values, **few}), tmp_path / "run")
    assert not run.experiment.fresh_critic
    assert run.sample(2).shape == (2, 8, 8, 3)
    method, state = run.experiment.methods["mine"], run.state("mine")
    scores = method.score(state, jax.random.uniform(jax.random.key(0), (2, 8, 8, 1)), 2)
    assert np.ptp(scores) > 0


def test_a_sources_critic_sees_what_it_was_trained_on(tiny_fields):
    assert shape_of(tiny_fields, ImageShape(64, 1)) == (8, 1)
    for field, value in (("resolution", 7), ("channels", 3)):
        with pytest.raises(InputError, match=f"view.{field}={value}: the critic of source 'tiny'"):
            shape_of({**tiny_fields, f"view.{field}": value})


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((0.0, 0.0, 1.0), r"top, left, height, width of each of 1 sources, 4 numbers, found 3"),
        ((0.0, 0.0, 1.0, 1.0) * 2, "4 numbers, found 8"),
        ((0.0, 0.0, 0.0, 1.0), "a height and a width of more than 0"),
        ((0.0, 0.0, 1.0, -0.5), "a height and a width of more than 0"),
        ((1.0, 0.0, 0.5, 0.5), "a box that shows a part of the image"),
        ((0.0, -0.5, 0.5, 0.5), "a box that shows a part of the image"),
    ],
)
def test_a_wrong_box_is_one_line(numbers, said, tiny_fields):
    with pytest.raises(InputError, match=said) as caught:
        build.build(config.from_values({**tiny_fields, "view.boxes": numbers}))
    assert "\n" not in str(caught.value)


def test_a_box_is_a_list_of_finite_numbers():
    for wrong in (float("nan"), float("inf"), "all"):
        with pytest.raises(InputError, match=r"config field 'view\.boxes': expected"):
            config.from_values({"view.boxes": (0.0, 0.0, wrong, 1.0)})


def test_all_go_through_as_many_pixels_as_the_smallest_box_has():
    """A sharp real image is as blurred as a fake of few pixels, to the critic alone."""
    view = make_view(ImageShape(8, 1), [ImageShape(8, 1)], [Box(0.0, 0.0, 0.5, 0.5)])
    sharp = jnp.asarray(np.indices((8, 8)).sum(axis=0) % 2, jnp.float32)[None, :, :, None]
    np.testing.assert_allclose(view.real(sharp), 0.5, atol=1e-6)
    (measured,) = view.measured
    assert measured(sharp).max() == 1.0


def test_a_view_in_words_names_no_box_where_the_whole_is_seen():
    view = make_view(ImageShape(8, 1), [ImageShape(16, 3)], read_boxes((), 1))
    assert in_words(view, ["one"]) == (
        "images are measured as the critic sees them, 8x8 and grey;"
        " they are handed out 16x16 and in colour"
    )
