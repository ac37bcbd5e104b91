"""What users keep and hand on: sources and adapters, whole or refused in one line."""

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from minegan_jax import adapters, experiment, files, sources
from minegan_jax.errors import InputError
from minegan_jax.methods import adversarial, mining
from minegan_jax.nets import family


def complaint(function, *arguments):
    """The one line that a user's mistake is answered with."""
    with pytest.raises(InputError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def source(tmp_path, tiny_source):
    """A copy of the tiny source that a test may damage."""
    return shutil.copytree(tiny_source, tmp_path / "copy")


@pytest.fixture
def adapter(tmp_path, tiny_run):
    """A copy of the tiny run's adapter that a test may damage."""
    return shutil.copytree(tiny_run / "adapter", tmp_path / "adapter")


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[-5] ^= 0x10
    path.write_bytes(content)


def edit(path, **fields):
    """Changes fields of a JSON file; None removes one."""
    description = {**json.loads(path.read_text()), **fields}
    path.write_text(json.dumps({k: v for k, v in description.items() if v is not None}))


def test_a_source_comes_back_in_half_precision(tmp_path, make_source):
    arguments = {"resolution": 8, "channels": 1, "width": 4, "latent_size": 4}
    networks = family.build("dcgan", arguments)
    generator, critic = networks.init(jax.random.key(7))
    loaded = sources.load_source(make_source(tmp_path / "source", seed=7))
    assert (loaded.name, loaded.location) == ("source", str(tmp_path / "source"))
    assert loaded.description["arguments"] == arguments
    for found, saved in ((loaded.generator, generator), (loaded.critic, critic)):
        rounded = jax.tree.map(lambda leaf: leaf.astype(jnp.float16).astype(jnp.float32), saved)
        jax.tree.map(np.testing.assert_array_equal, found, rounded)
    stored = safetensors.numpy.load_file(tmp_path / "source" / "weights.safetensors")
    assert {leaf.dtype for leaf in stored.values()} == {np.dtype("float16")}
    latents = jnp.ones((2, loaded.networks.latent_size))
    images = jax.eval_shape(loaded.networks.generate, loaded.generator, latents)
    assert images.shape == (2, 8, 8, 1)


def test_changed_weights_are_refused_with_both_digests(source):
    flip_a_byte(source / "weights.safetensors")
    expected = json.loads((source / "source.json").read_text())["sha256"][:12]
    line = complaint(sources.load_source, source)
    assert "changed or damaged" in line
    assert f"expected {expected}" in line


def test_weights_of_another_shape_are_refused(source):
    arguments = {"resolution": 8, "channels": 1, "width": 5, "latent_size": 4}
    edit(source / "source.json", arguments=arguments)
    assert "should have shape" in complaint(sources.load_source, source)


@pytest.mark.parametrize("name", ["source.json", "weights.safetensors"])
def test_a_missing_file_is_named(name, source):
    (source / name).unlink()
    assert f"found no {name}" in complaint(sources.load_source, source)


@pytest.mark.parametrize("name", ["source.json", "weights.safetensors"])
def test_a_truncated_file_is_refused(name, source):
    (source / name).write_bytes((source / name).read_bytes()[:-20])
    assert str(source) in complaint(sources.load_source, source)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"family": "dcgam"}, "unknown family 'dcgam'"),
        ({"family": None}, "expected a field 'family'"),
        ({"sha256": None}, "sha256"),
        ({"arguments": {"latent_size": 4}}, "dcgan"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(fields, said, source):
    edit(source / "source.json", **fields)
    assert said in complaint(sources.load_source, source)


def test_an_unknown_name_is_answered_with_the_packaged_ones():
    line = complaint(sources.load_source, "mnist_without_8")
    assert "no source 'mnist_without_8'" in line
    assert sources.packaged_sources()
    assert all(name in line for name in sources.packaged_sources())


@pytest.mark.parametrize("name", sources.packaged_sources())
def test_packaged_sources_load(name):
    assert sources.load_source(name).name


def test_an_adapter_draws_the_images_of_the_state_it_came_from(tiny_run):
    mined = experiment.open_run(tiny_run).mined("mine")
    images = adapters.load_adapter(tiny_run / "adapter").sample(20, seed=5)
    np.testing.assert_array_equal(images, mined.sample(20, seed=5))
    assert (images != mined.sample(20, seed=6)).any()


def test_an_adapter_takes_loaded_sources(tiny_run, tiny_source):
    given = [sources.load_source(tiny_source)]
    expected = adapters.load_adapter(tiny_run / "adapter").sample(3)
    found = adapters.load_adapter(tiny_run / "adapter", given).sample(3)
    np.testing.assert_array_equal(found, expected)
    line = complaint(adapters.load_adapter, tiny_run / "adapter", given * 2)
    assert "expected 1 sources, found 2" in line


def test_a_changed_source_is_refused_with_both_digests(adapter, tmp_path, make_source, tiny_source):
    other = sources.load_source(make_source(tmp_path / "other", seed=1))
    line = complaint(adapters.load_adapter, adapter, [other])
    assert other.sha256[:12] in line
    assert sources.load_source(tiny_source).sha256[:12] in line


def test_an_adapter_whose_source_moved_away_says_so(adapter):
    (entry,) = json.loads((adapter / "adapter.json").read_text())["sources"]
    edit(adapter / "adapter.json", sources=[{**entry, "location": "gone/away"}])
    assert "no source 'gone/away'" in complaint(adapters.load_adapter, adapter)


def test_an_adapters_folder_is_small(tmp_path, make_source):
    """With the miner of `configs/mnist.py`: 2 layers of 256 units for latents of length 16."""
    source = sources.load_source(make_source(tmp_path / "source", latent_size=16))
    shape = mining.MinerShape(depth=2)
    method = mining.mine([source], adversarial.Rules(), shape, mining.critic_of(source))
    state = method.learner.init(None, jax.random.key(0))
    directory = tmp_path / "adapter"
    adapters.save_adapter(
        directory,
        state.params["miners"],
        sources=[source],
        shape=shape,
        probabilities=[1.0],
        image_shape=(8, 1),
        about={},
    )
    assert {file.name for file in directory.iterdir()} == {"adapter.json", "weights.safetensors"}
    assert sum(file.stat().st_size for file in directory.iterdir()) < 300_000


def test_a_damaged_adapter_is_refused(adapter):
    (adapter / "adapter.json").write_text('{"sources": [')
    assert "damaged file" in complaint(adapters.load_adapter, adapter)
    (adapter / "adapter.json").write_text("[]")
    assert "expected a field 'sha256'" in complaint(adapters.load_adapter, adapter)


@pytest.mark.parametrize("field", ["sources", "miner", "probabilities", "sha256"])
def test_an_adapter_without_a_field_is_refused(field, adapter):
    edit(adapter / "adapter.json", **{field: None})
    assert field in complaint(adapters.load_adapter, adapter)


def test_miners_of_another_shape_are_refused(adapter):
    edit(adapter / "adapter.json", miner={"depth": 2, "width": 9, "start": "prior"})
    assert "expected miners of shapes" in complaint(adapters.load_adapter, adapter)


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "file"
    files.write_atomically(path, b"old")

    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        files.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
