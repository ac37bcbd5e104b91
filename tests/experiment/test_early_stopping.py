"""A phase ends where critic or players know the images by heart, and a resumed run knows that."""

import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_sources import save_source
from toys import GAME, as_shown

from minegan_jax import config, experiment, run_folder
from minegan_jax.baselines import transfergan
from minegan_jax.errors import InputError
from minegan_jax.experiment import target_images
from minegan_jax.metrics import overfitting
from minegan_jax.metrics.overfitting import Signs, critic_gap, overfits, signs
from minegan_jax.sources import load_source
from minegan_jax.training import log


@pytest.fixture(scope="module")
def fields(tiny_fields):
    """A run that looks for signs after each two steps."""
    return {
        **tiny_fields,
        "run.mine_steps": 6,
        "target.num_validation": 2,
        "run.evaluate_every_steps": 2,
    }


def test_the_critics_gap():
    train, fake = np.array([1.0, 3.0]), np.array([-2.0, -2.0, -2.0])
    assert critic_gap(train, np.array([2.0]), fake) == 0.0
    assert critic_gap(train, np.array([1.0]), fake) == 0.25
    assert critic_gap(train, np.array([-2.0]), fake) == 1.0
    assert critic_gap(train, np.array([-2.0]), train) == 0.0  # nothing to compare with


def test_copies_end_a_phase_and_new_images_do_not():
    rng = np.random.default_rng(0)
    train, new = rng.standard_normal((60, 8)), rng.standard_normal((200, 8))
    copies = train[rng.integers(0, 60, 200)]
    assert signs(1.0, as_shown(train), copies).authentic == 0.0
    assert overfits(signs(1.0, as_shown(train), copies))
    assert not overfits(signs(1.0, as_shown(train), new))
    assert not overfits(
        signs(0.9, as_shown(train), copies)
    )  # the critic has not learnt them by heart


def test_training_images_are_usually_as_authentic_as_new_ones():
    """Each is asked against the others, as a new one would be."""
    rng = np.random.default_rng(0)
    train, new = rng.standard_normal((400, 4)), rng.standard_normal((4000, 4))
    found = signs(0.0, as_shown(train), new)
    assert found.usually_authentic == pytest.approx(found.authentic, abs=0.05)
    slow = [
        signs(0.0, as_shown(np.delete(train[:20], i, axis=0)), train[i : i + 1]).authentic
        for i in range(20)
    ]
    assert signs(0.0, as_shown(train[:20]), new).usually_authentic == np.mean(slow)


@pytest.mark.parametrize(
    ("gap", "authentic", "ends"),
    [(0.9, 0.2, False), (1.0, 0.2, True), (1.0, 0.3, False), (2.0, 0.29, True)],
)
def test_both_signs_are_needed(gap, authentic, ends):
    assert overfits(Signs(gap, authentic, usually_authentic=0.5, at_least=0.3)) is ends


def steps_kept(workdir):
    """Returns the last step of each phase."""
    folder = workdir / run_folder.CHECKPOINTS
    return {
        phase.name: max(int(step.name) for step in phase.glob("[0-9]*"))
        for phase in folder.iterdir()
    }


def test_a_phase_that_ended_stays_ended(fields, tmp_path, monkeypatch):
    asked = []

    def at_the_second(found):
        asked.append(found)
        return len(asked) == 2

    with monkeypatch.context() as patch:
        patch.setattr(overfitting, "overfits", at_the_second)
        experiment.train(config.from_values(fields), tmp_path / "run")
    assert steps_kept(tmp_path / "run") == {"mine": 4, "finetune": 2}
    lines = [line for line in log.read(tmp_path / "run" / run_folder.METRICS) if "signs" in line]
    assert [(line["phase"], line["step"]) for line in lines] == [
        ("mine", 2),
        ("mine", 4),
        ("finetune", 2),
    ]
    assert set(lines[0]["signs"]) == set(Signs._fields)
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["recipe"]["target"]["train"] == 12 - 4 - 2
    # Resumed, it asks the state that it kept, and says the same of it.
    before = asked[1]
    with monkeypatch.context() as patch:
        patch.setattr(overfitting, "overfits", lambda found: found == before)
        experiment.train(config.from_values(fields), tmp_path / "run")
    assert steps_kept(tmp_path / "run") == {"mine": 4, "finetune": 2}
    assert len([x for x in log.read(tmp_path / "run" / run_folder.METRICS) if "signs" in x]) == 3


def test_validation_images_are_never_trained_on(fields):
    built = experiment.build.build(config.from_values(fields))
    dataset = target_images.load(built)
    whole = target_images.load(
        built._replace(config=config.from_values({**fields, "target.num_validation": 0}))
    )
    assert len(dataset.validation) == 2
    np.testing.assert_array_equal(np.concatenate([dataset.train, dataset.validation]), whole.train)
    np.testing.assert_array_equal(dataset.held_out, whole.held_out)


def test_scores_do_not_depend_on_what_else_is_asked(fields):
    method = experiment.build.build(config.from_values(fields)).methods["mine"]
    state = method.learner.init(None, jax.random.key(0))
    images = jax.random.uniform(jax.random.key(1), (5, 8, 8, 1), minval=-1.0)
    together = np.asarray(method.score(state, images, 5))
    np.testing.assert_allclose(together[:1], method.score(state, images[:1], 1), rtol=1e-5)


@pytest.mark.parametrize("count", [8, 6, 3])
def test_a_critic_that_compares_images_is_asked_in_the_groups_that_it_was_trained_with(
    count, tmp_path
):
    """In their order; the last one is filled up. Fewer images than a group are one."""
    source = load_source(save_source(tmp_path / "source", "progan", minibatch_stddev_group=4))
    method = transfergan.transfergan(source, GAME)
    state = method.learner.init(None, jax.random.key(0))
    images = jax.random.uniform(jax.random.key(1), (count, 16, 16, 1), minval=-1.0)
    found = np.asarray(method.score(state, images, count))
    groups = {8: ((0, 1, 2, 3), (4, 5, 6, 7)), 6: ((0, 1, 2, 3), (4, 5, 0, 1)), 3: ((0, 1, 2),)}
    expected = np.concatenate([source.score(images[jnp.array(g)]) for g in groups[count]])[:count]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    alone = jax.jit(partial(source.networks.criticise, alone=True))(source.critic, images)
    assert np.abs(found - alone).max() > 1e-3
    fewer = method.score(state, images[:2], 2)
    np.testing.assert_allclose(method.score(state, images, 2)[:2], fewer, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"run.evaluate_every_steps": 0}, "target.num_validation without run.evaluate_every_steps"),
        ({"target.num_validation": 8}, "8 of 8 training images are for validation: expected one"),
        ({"target.num_validation": 6}, "training images: expected at least 3 that differ, found 2"),
        ({"target.num_validation": -1}, "target.num_validation"),
        (
            {"method": "vae", "sources": (), "network.resolution": 8, "run.train_steps": 1},
            "'vae' has no critic to ask",
        ),
    ],
)
def test_mistakes(fields, tmp_path, changes, said):
    with pytest.raises(InputError, match=said):
        experiment.train(config.from_values({**fields, **changes}), tmp_path / "run")
    assert not (tmp_path / "run").exists()
