"""One seed is one run, on one device or on eight, compiled by us or by `jax.pmap`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minegan_jax.errors import InputError
from minegan_jax.methods import adversarial, mining
from minegan_jax.sources import load_source
from minegan_jax.training import devices
from minegan_jax.types import Batch

RULES = adversarial.Rules(
    learning_rates={"miners": 1e-3, "generators": 1e-3, "critic": 1e-3},
    batch_size=8,
    critic_turns=2,
)


@pytest.fixture(scope="module")
def learner(tiny_source, make_source, tmp_path_factory):
    """Mines two sources, so that what is chosen by their scores is tested as well."""
    other = make_source(tmp_path_factory.mktemp("other") / "other", seed=1)
    sources = [load_source(tiny_source), load_source(other)]
    shape = mining.MinerShape(depth=2, width=9)
    return mining.mine(sources, RULES, shape, mining.critic_of(sources[0])).learner


def batch_at(step):
    rng = np.random.default_rng(step)
    images = rng.integers(0, 256, (8, RULES.critic_turns, 8, 8, 1), np.uint8)
    return Batch(jnp.asarray(images), jnp.zeros((8, RULES.critic_turns), jnp.int32))


def run(learner, step, num_steps=2):
    """Returns the state and the metrics after some steps."""
    state = learner.init(None, jax.random.key(0))
    state = jax.tree.map(jnp.copy, state)  # a step reuses the memory of its state
    for i in range(num_steps):
        state, metrics = step(state, batch_at(i), jax.random.key(100 + i))
    return jax.device_get((state, metrics))


def on_devices(learner, num_devices):
    mesh = devices.make_mesh(RULES.batch_size, jax.devices()[:num_devices])
    step = devices.compile_step(learner, mesh)

    def placed(state, batch, key):
        state = jax.device_put(state, devices.replicated(mesh))
        return step(state, jax.device_put(batch, devices.split(mesh)), key)

    return run(learner, placed)


@pytest.fixture(scope="module")
def on_all(learner):
    return on_devices(learner, 8)


def assert_close(found, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), found, expected)


def test_one_device_and_eight_agree(learner, on_all):
    assert jax.device_count() == 8
    assert_close(on_devices(learner, 1), on_all)


def test_pmap_runs_the_same_body(learner, on_all):
    body = jax.pmap(
        lambda state, batch, draws: learner.step(state, batch, draws, devices.value_and_mean_grad),
        axis_name=devices.AXIS,
        in_axes=(None, 0, 0),
        out_axes=(None, None),
    )

    def step(state, batch, key):
        draws = jax.jit(learner.draw)(key)
        shares = jax.tree.map(lambda leaf: leaf.reshape(8, -1, *leaf.shape[1:]), (batch, draws))
        return body(state, *shares)

    assert_close(run(learner, step), on_all)


@pytest.mark.parametrize("batch_size", [4, 12, 1])
def test_a_batch_that_does_not_split_is_the_users_mistake(batch_size):
    with pytest.raises(InputError, match=f"batch_size {batch_size} does not split .* 8 devices"):
        devices.make_mesh(batch_size)


def test_the_given_states_memory_is_reused(learner):
    mesh = devices.make_mesh(8)
    state = learner.init(None, jax.random.key(0))
    state = jax.device_put(jax.tree.map(jnp.copy, state), devices.replicated(mesh))
    batch = jax.device_put(batch_at(0), devices.split(mesh))
    devices.compile_step(learner, mesh)(state, batch, jax.random.key(0))
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state.params))


def test_a_given_compilation_cache_is_kept(monkeypatch):
    given = jax.config.jax_compilation_cache_dir
    devices.use_compilation_cache()
    assert jax.config.jax_compilation_cache_dir == given
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    try:
        devices.use_compilation_cache()
        assert jax.config.jax_compilation_cache_dir == str(devices.CACHE)
    finally:
        jax.config.update("jax_compilation_cache_dir", given)
