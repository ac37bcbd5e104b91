"""A minibatch gone through in parts: the same result, and mistakes in one line."""

import contextlib
import os
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from tiny_sources import save_source
from toys import GAME, changed

from minegan_jax import config, experiment
from minegan_jax.errors import InputError
from minegan_jax.experiment import build
from minegan_jax.mining import minegan
from minegan_jax.nets import progan
from minegan_jax.nets.family import Networks
from minegan_jax.nets.function import as_function
from minegan_jax.sources import Source, load_source
from minegan_jax.training import devices
from minegan_jax.training.accumulation import accumulate
from minegan_jax.types import Batch

RULES = changed(
    GAME,
    {
        "miner.learning_rate": 1e-2,
        "game.learning_rate": 1e-2,
        "game.critic_learning_rate": 1e-2,
        "run.batch_size": 8,
        "game.critic_steps": 2,
        "selector.exploration": 0.3,
        "selector.exploration_steps": 10,
    },
)
# Without fusion emitters, which most tests do without, float32 rounds too unevenly for 1e-6.
FLAG = "xla_cpu_use_fusion_emitters"
AS_FOR_USERS = {FLAG: True} if FLAG in os.environ.get("XLA_FLAGS", "") else {}


def generate(params, latents):
    return jnp.tanh(latents @ params["weights"]).reshape(-1, 2, 2, 1)


def criticise(params, images):
    return jnp.tanh(images.reshape(len(images), -1) @ params["hidden"]) @ params["out"]


def init(key):
    draw = partial(jax.random.normal, key)
    return {"weights": draw((3, 4))}, {"hidden": draw((4, 5)), "out": draw((5,))}


def sources_of(count):
    """Returns sources of 2x2 images in JAX's default precision."""
    networks = Networks(generate, criticise, init, latent_size=3, resolution=2, channels=1)
    keys = jax.random.split(jax.random.key(3), count)
    return [Source("toy", "", networks, *init(key), sha256="", description={}) for key in keys]


def learner_of(sources, rules, phase="mine"):
    given = minegan.MinerShape(depth=2, width=9), minegan.critic_of(sources[0])
    return {"mine": minegan.mine, "finetune": minegan.finetune}[phase](
        sources, rules, *given
    ).learner


def batch():
    images = np.random.default_rng(0).integers(0, 256, (8, 2, 2, 2, 1), np.uint8)
    return Batch(jnp.asarray(images), *jnp.zeros((2, 8, 2), jnp.int32))


def start(sources, phase):
    """Returns a phase's first state."""
    state = learner_of(sources, RULES).init(None, jax.random.key(0))
    return (
        state
        if phase == "mine"
        else learner_of(sources, RULES, phase).init(state, jax.random.key(0))
    )


def assert_close(found, expected, **tolerances):
    jax.tree.map(partial(np.testing.assert_allclose, **tolerances), found, expected)


@pytest.mark.parametrize("phase", ["mine", "finetune"])
@pytest.mark.parametrize("num_sources", [1, 2])
def test_parts_give_the_result_of_the_whole(num_sources, phase):
    with jax.enable_x64(True):
        sources = sources_of(num_sources)
        results = []
        for accumulation in (1, 4):
            learner = learner_of(
                sources, changed(RULES, {"run.accumulation_steps": accumulation}), phase
            )
            draws = learner.draw(jax.random.key(1))
            step = jax.jit(
                lambda *given, step=learner.step: step(*given, oracles.mean_over_devices),
                compiler_options=AS_FOR_USERS,
            )
            results.append(step(start(sources, phase), batch(), draws))
        assert_close(*results, rtol=1e-6, atol=1e-9)


def test_devices_that_share_go_through_parts_too():
    sources, results = sources_of(2), []
    for accumulation, spread, num_devices in ((1, False, 1), (2, True, 2)):
        rules = changed(
            RULES, {"run.accumulation_steps": accumulation, "run.shard_sources": spread}
        )
        learner = learner_of(sources, rules, "finetune")
        mesh = devices.make_mesh(8, jax.devices()[:num_devices], accumulation=accumulation)
        state = devices.place(learner, start(sources, "finetune"), mesh)
        given = jax.device_put(batch(), devices.split(mesh)), jax.random.key(1)
        results.append(jax.device_get(devices.compile_step(learner, mesh)(state, *given)))
    assert_close(results[1][1], results[0][1], rtol=1e-5, atol=1e-5)
    assert_close(results[1][0].params, results[0][0].params, rtol=1e-5, atol=1e-4)


def test_one_part_is_the_function_itself():
    assert accumulate(start, 1) is start


def test_a_critic_that_compares_images_sees_each_part_by_itself():
    critic = progan.Critic(resolution=4, channels=1, width=4)
    images = jax.random.normal(jax.random.key(0), (8, 4, 4, 1))
    score = partial(as_function(critic), critic.init(jax.random.key(1), images)["params"])
    by_part = jnp.stack([score(images[:4]).mean(), score(images[4:]).mean()])
    found = accumulate(lambda part: score(part).mean(), 2)(images)
    np.testing.assert_allclose(found, by_part.mean(), rtol=1e-6)
    assert abs(found - score(images).mean()) > 1e-4


@pytest.mark.parametrize(
    ("batch_size", "accumulation", "num_devices", "message"),
    [
        (
            8,
            3,
            1,
            "batch_size 8 does not split evenly over 1 devices, each in an accumulation of 3",
        ),
        (
            8,
            8,
            2,
            "batch_size 8 does not split evenly over 2 devices, each in an accumulation of 8",
        ),
    ],
)
def test_parts_that_do_not_come_out_even_are_one_line(
    batch_size, accumulation, num_devices, message
):
    with pytest.raises(InputError, match=message) as error:
        devices.make_mesh(batch_size, jax.devices()[:num_devices], accumulation=accumulation)
    assert "\n" not in str(error.value)


def test_a_run_says_so_before_it_makes_a_folder(tiny_fields, tmp_path):
    fields = {**tiny_fields, "run.accumulation_steps": 3}
    with pytest.raises(InputError, match="each in an accumulation of 3 parts"):
        experiment.train(config.from_values(fields), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def progans(tmp_path_factory):
    """Sources whose critics compare so many images, by how many."""
    folder = tmp_path_factory.mktemp("progans")
    return {
        group: save_source(folder / f"{group}", "progan", minibatch_stddev_group=group)
        for group in (0, 1, 4, 16)
    }


@pytest.mark.parametrize("method", ["minegan", "transfergan", "scratch"])
@pytest.mark.parametrize(
    ("batch_size", "accumulation", "group", "said"),
    [
        (8, 4, 4, "leaves parts of 2 images, of which the critic compares 4"),
        (24, 4, 4, "leaves parts of 6 images, of which the critic compares 4"),
        (8, 2, 16, "leaves parts of 4 images, of which the critic compares 8"),
        (8, 2, 4, ""),
        (8, 8, 1, ""),
        (8, 8, 0, ""),
        (8, 1, 16, ""),
    ],
)
def test_parts_hold_whole_groups_of_a_critic_that_compares(
    method, batch_size, accumulation, group, said, tiny_fields, progans, monkeypatch
):
    source = progans[group]
    fields = {**tiny_fields, "run.batch_size": batch_size, "run.accumulation_steps": accumulation}
    given = {"sources": () if method == "scratch" else (str(source),), "method": method}
    networks = load_source(source).networks
    monkeypatch.setattr(build, "_fresh", lambda _: networks)
    settings = config.from_values({**fields, **given})
    with pytest.raises(InputError, match=said) if said else contextlib.nullcontext():
        build.build(settings)


def test_the_field_reaches_the_rules_and_is_checked():
    given = config.from_values({"run.accumulation_steps": 4})
    assert given.game_settings().run.accumulation_steps == 4
    with pytest.raises(InputError, match=r"'run\.accumulation_steps': expected 1 or more"):
        config.from_values({"run.accumulation_steps": 0})
