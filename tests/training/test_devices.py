"""One seed is one run, on one device or on eight, compiled by us or by `jax.pmap`."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec
from tiny_sources import save_source
from toys import SLOW as RULES
from toys import changed

from minegan_jax.baselines import transfergan
from minegan_jax.errors import InputError
from minegan_jax.mining import minegan
from minegan_jax.nets import progan
from minegan_jax.nets.function import as_function
from minegan_jax.nets.spectral import SpectralDense
from minegan_jax.sources import load_source
from minegan_jax.training import devices, sharding
from minegan_jax.types import Batch


class SpectralGenerator(nn.Module):
    """Has stored vectors, which move in finetuning."""

    @nn.compact
    def __call__(self, latents):
        hidden = nn.tanh(SpectralDense(16, name="first")(latents))
        return nn.tanh(SpectralDense(64, name="second")(hidden)).reshape(-1, 8, 8, 1)


def with_spectral_norms(source):
    module = SpectralGenerator()
    params = module.init(jax.random.key(7), jnp.zeros((1, source.networks.latent_size)))["params"]
    networks = source.networks._replace(generate=as_function(module))
    return source._replace(networks=networks, generator=jax.device_get(params))


@pytest.fixture(scope="module")
def methods(tiny_source, make_source, tmp_path_factory):
    """Returns what makes each phase's learner from rules.

    It takes two sources, so that what is chosen by their scores is tested as well.
    """
    other = make_source(tmp_path_factory.mktemp("other") / "other", seed=1)
    sources = [load_source(tiny_source), with_spectral_norms(load_source(other))]
    given = minegan.MinerShape(depth=2, width=9), minegan.critic_of(sources[0])
    return {
        "mine": lambda rules: minegan.mine(sources, rules, *given).learner,
        "finetune": lambda rules: minegan.finetune(sources, rules, *given).learner,
    }


@pytest.fixture(scope="module")
def learner(methods):
    return methods["mine"](RULES)


def batch_at(step):
    rng = np.random.default_rng(step)
    images = rng.integers(0, 256, (8, RULES.game.critic_steps, 8, 8, 1), np.uint8)
    return Batch(jnp.asarray(images), *jnp.zeros((2, 8, RULES.game.critic_steps), jnp.int32))


def run(step, state):
    """Returns the state and the metrics after two steps."""
    for i in range(2):
        state, metrics = step(state, batch_at(i), jax.random.key(100 + i))
    return state, metrics


def on_devices(learner, num_devices, previous=None):
    """Returns the same, where the devices hold it."""
    mesh = devices.make_mesh(RULES.run.batch_size, jax.devices()[:num_devices])
    step = devices.compile_step(learner, mesh)
    state = devices.place(learner, learner.init(previous, jax.random.key(0)), mesh)
    share = devices.split(mesh)
    return run(lambda state, batch, key: step(state, jax.device_put(batch, share), key), state)


@pytest.fixture(scope="module")
def on_all(learner):
    return on_devices(learner, 8)


def assert_close(*results):
    found, expected = map(jax.device_get, results)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), found, expected)


def test_one_device_and_eight_agree(learner, on_all):
    assert jax.device_count() == 8
    assert_close(on_devices(learner, 1), on_all)


def test_pmap_runs_the_same_body(learner, on_all):
    body = jax.pmap(
        lambda state, batch, draws: learner.step(state, batch, draws, sharding.mean_over_devices),
        axis_name=sharding.AXIS,
        in_axes=(None, 0, 0),
        out_axes=(None, None),
    )

    def step(state, batch, key):
        draws = jax.jit(learner.draw)(key)
        parts = jax.tree.map(lambda leaf: leaf.reshape(8, -1, *leaf.shape[1:]), (batch, draws))
        return body(state, *parts)

    assert_close(run(step, learner.init(None, jax.random.key(0))), on_all)


def bytes_on_each(tree):
    """Returns how much memory the tree takes on the first device."""
    return sum(leaf.addressable_shards[0].data.nbytes for leaf in jax.tree.leaves(tree))


def test_devices_that_share_generators_learn_the_same_in_less_memory(methods):
    results = {}
    for spread in (False, True):
        rules = changed(RULES, {"run.shard_sources": spread})
        mined, metrics = on_devices(methods["mine"](rules), 8)
        finetuned, more_metrics = on_devices(methods["finetune"](rules), 8, mined)
        results[spread] = mined, metrics, finetuned, more_metrics
    assert_close(results[True], results[False])
    shared, alone = results[True][2], results[False][2]
    first, last = (
        state.params["generators"][1]["first"]["u"] for state in (results[True][0], shared)
    )
    assert not np.array_equal(first, last)
    for part in (lambda state: state.params["generators"], lambda state: state.ema_params):
        assert bytes_on_each(part(shared)) < 0.5 * bytes_on_each(part(alone))


@pytest.fixture(scope="module", params=progan.VARIANTS)
def comparing(request, tmp_path_factory):
    """A source whose critic compares the images of groups of four."""
    directory = tmp_path_factory.mktemp("progan") / request.param
    given = {"resolution": 8, "minibatch_stddev_group": 4, "variant": request.param}
    return load_source(save_source(directory, "progan", **given))


@pytest.mark.parametrize("phase", ["mine", "transfergan"])
def test_a_critic_that_compares_images_compares_those_of_all_devices(phase, comparing):
    """In both turns and through the penalty's slope, however many images each device has."""
    rules = changed(RULES, {"game.drift_weight": 0.1})
    critic = minegan.critic_of(comparing)
    shape = minegan.MinerShape(depth=2, width=9)
    make = {
        "mine": lambda: minegan.mine([comparing], rules, shape, critic),
        "transfergan": lambda: transfergan.transfergan(comparing, rules),
    }
    learner = make[phase]().learner
    one, two, eight = (on_devices(learner, count) for count in (1, 2, 8))
    assert_close(two, one)
    assert_close(eight, one)
    assert one[1]["penalty"] > 1e-3


def test_a_derivative_goes_back_to_the_rows_of_all_devices():
    """First and second ones, against those of one device that has all rows."""
    rows = jax.random.normal(jax.random.key(0), (8, 3))

    def compute(rows):
        return jnp.tanh(rows * rows.mean(axis=0)[None]).sum(axis=1) * rows.std()

    def slopes(rows):
        return jax.grad(lambda x: sharding.over_batch(compute, x).sum())(rows)

    def twice(rows):
        return jax.grad(lambda x: (slopes(x) ** 2).sum())(rows)

    mesh = devices.make_mesh(8)
    for function in (partial(sharding.over_batch, compute), slopes, twice):
        spec = PartitionSpec(sharding.AXIS)
        shared = jax.shard_map(function, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
        np.testing.assert_allclose(jax.jit(shared)(rows), function(rows), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batch_size", [4, 12, 1])
def test_a_batch_that_does_not_split_is_the_users_mistake(batch_size):
    with pytest.raises(InputError, match=f"batch_size {batch_size} does not split .* 8 devices"):
        devices.make_mesh(batch_size)


def test_the_given_states_memory_is_reused(learner):
    mesh = devices.make_mesh(8)
    state = learner.init(None, jax.random.key(0))
    state = devices.place(learner, state, mesh)
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
        assert jax.config.jax_compilation_cache_dir == str(devices.CACHE.expanduser())
    finally:
        jax.config.update("jax_compilation_cache_dir", given)
