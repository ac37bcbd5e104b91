"""What users keep and hand on: sources and adapters, whole or refused in one line."""

import json
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from toys import GAME

from minegan_jax import config, experiment, files, sources, weights
from minegan_jax.errors import InputError
from minegan_jax.experiment import build, used_fields
from minegan_jax.features.classifier import load_classifier
from minegan_jax.mining import minegan
from minegan_jax.nets import family
from minegan_jax.nets.image_resize import ImageShape
from minegan_jax.sampling.adapter import load_adapter, save_adapter
from minegan_jax.sources import PACKAGED

FILES = ["source.json", "generator.safetensors", "critic.safetensors"]
SIZES = {"resolution": 8, "channels": 1, "latent_size": 4}


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


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (None, "an older version of minegan_jax: expected format 1, found none"),
        (2, "a newer version of minegan_jax: expected format 1, found 2"),
    ],
)
def test_another_format_is_named_and_is_no_damage(version, said, source, adapter, tmp_path):
    classifier = shutil.copytree(PACKAGED / "digits", tmp_path / "classifier")
    for folder, name, load in (
        (source, "source.json", sources.load_source),
        (adapter, "adapter.json", load_adapter),
        (classifier, "classifier.json", load_classifier),
    ):
        edit(folder / name, format=version)
        line = complaint(load, folder)
        assert said in line
        assert f"{folder / name}: " in line


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
    for network in sources.NETWORKS:
        stored = safetensors.numpy.load_file(tmp_path / "source" / f"{network}.safetensors")
        assert {leaf.dtype for leaf in stored.values()} == {np.dtype("float16")}


def test_a_source_generates_and_scores(source):
    loaded = sources.load_source(source)
    latents = np.random.default_rng(0).normal(size=(2, 4))
    images = loaded.generate(latents)
    assert (images.shape, images.dtype) == ((2, 8, 8, 1), "float32")
    generate = jax.jit(loaded.networks.generate)
    expected = generate(loaded.generator, jnp.asarray(latents, "float32"))
    np.testing.assert_allclose(images, expected, atol=1e-6)
    assert loaded.score(images).shape == (2,)


def test_double_precision(source):
    line = complaint(sources.load_source, source, "float64")
    assert "jax_enable_x64" in line
    with jax.enable_x64(True):
        loaded = sources.load_source(source, dtype="float64")
        images = loaded.generate(np.ones((2, 4)))
        scores = loaded.score(images)
    assert (images.dtype, scores.dtype) == ("float64", "float64")
    single = sources.load_source(source)
    np.testing.assert_allclose(single.generate(np.ones((2, 4))), images, atol=1e-5)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ((np.ones((2, 5)),), r"latents: expected shape (batch, *(4,)), found (2, 5)"),
        ((np.ones(4),), "latents: expected shape"),
        ((np.ones((2, 4)), np.arange(2)), "takes no labels"),
        ((np.ones((2, 4)), None, 0.5), "no statistics for a truncation"),
    ],
)
def test_wrong_inputs_are_named(inputs, said, source):
    assert said in complaint(sources.load_source(source).generate, *inputs)


def test_one_network_is_enough(source):
    weights = json.loads((source / "source.json").read_text())["weights"]
    (source / "critic.safetensors").unlink()
    edit(source / "source.json", weights={"generator": weights["generator"]})
    loaded = sources.load_source(source)
    images = loaded.generate(np.ones((2, 4)))
    assert "has no critic" in complaint(loaded.score, images)
    fields = {"sources": (str(source),)}
    assert build.build(config.from_values(fields)).fresh_critic
    named = config.from_values({**fields, "game.critic": str(source)})
    assert "has no critic" in complaint(build.build, named)


def test_changed_weights_are_refused_with_both_digests(source):
    flip_a_byte(source / "generator.safetensors")
    expected = json.loads((source / "source.json").read_text())["weights"]["generator"][:12]
    line = complaint(sources.load_source, source)
    assert "changed or damaged" in line
    assert f"expected {expected}" in line


def test_weights_of_another_shape_are_refused(source):
    arguments = {"resolution": 8, "channels": 1, "width": 5, "latent_size": 4}
    edit(source / "source.json", arguments=arguments)
    assert "should have shape" in complaint(sources.load_source, source)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name, source):
    (source / name).unlink()
    assert f"found no {name}" in complaint(sources.load_source, source)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_refused(name, source):
    (source / name).write_bytes((source / name).read_bytes()[:-20])
    assert str(source) in complaint(sources.load_source, source)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"family": "dcgam"}, "unknown family 'dcgam'"),
        ({"family": None}, "expected a field 'family'"),
        ({"weights": None}, "expected a field 'weights'"),
        ({"weights": {"generators": "0"}}, "field 'weights'"),
        ({"weights": {}}, "field 'weights'"),
        ({"arguments": {"latent_size": 4}}, "dcgan"),
        ({"arguments": [1]}, "field 'arguments'"),
        ({"arguments": {**SIZES, "latent_size": 0}}, "field 'arguments'"),
        ({"arguments": {**SIZES, "resolution": "28"}}, "field 'arguments'"),
        ({"arguments": {**SIZES, "width": "a"}}, "field 'arguments'"),
        ({"arguments": {**SIZES, "width": -1}}, "field 'arguments'"),
        ({"arguments": {**SIZES, "width": None}}, "field 'arguments'"),
        ({"family": ["dcgan"]}, "field 'family': expected text"),
        ({"family": "progan", "arguments": {**SIZES, "resolution": 27}}, "27"),
        ({"family": "progan", "arguments": {**SIZES, "variant": 3}}, "source.json: "),
        ({"family": "biggan", "arguments": {**SIZES, "attention": 0}}, "field 'arguments'"),
        ({"family": "sngan", "arguments": {**SIZES, "width": []}}, "expected 2 widths"),
        ({"weights": {"generator": 3}}, "field 'weights'"),
        ({"seen": 3}, "seen.safetensors"),
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
    mined = experiment.open_run(tiny_run).generator("mine")
    images = load_adapter(tiny_run / "adapter").sample(20, seed=5)
    np.testing.assert_array_equal(images, mined.sample(20, seed=5))
    assert (images != mined.sample(20, seed=6)).any()


def test_an_adapter_takes_loaded_sources(tiny_run, tiny_source):
    given = [sources.load_source(tiny_source)]
    expected = load_adapter(tiny_run / "adapter").sample(3)
    found = load_adapter(tiny_run / "adapter", given).sample(3)
    np.testing.assert_array_equal(found, expected)
    line = complaint(load_adapter, tiny_run / "adapter", given * 2)
    assert "expected 1 sources, found 2" in line


def test_a_changed_source_is_refused_with_both_digests(adapter, tmp_path, make_source, tiny_source):
    other = sources.load_source(make_source(tmp_path / "other", seed=1))
    line = complaint(load_adapter, adapter, [other])
    assert other.sha256[:12] in line
    assert sources.load_source(tiny_source).sha256[:12] in line


def test_an_adapter_whose_source_moved_away_says_so(adapter):
    (entry,) = json.loads((adapter / "adapter.json").read_text())["sources"]
    edit(adapter / "adapter.json", sources=[{**entry, "location": "gone/away"}])
    assert "no source 'gone/away'" in complaint(load_adapter, adapter)


def test_an_adapters_folder_is_small(tmp_path, make_source):
    """With the miner of `configs/mnist.py`: 2 layers of 256 units for latents of length 16."""
    source = sources.load_source(make_source(tmp_path / "source", latent_size=16))
    shape = minegan.MinerShape(depth=2)
    method = minegan.mine([source], GAME, shape, minegan.critic_of(source))
    state = method.learner.init(None, jax.random.key(0))
    directory = tmp_path / "adapter"
    save_adapter(
        directory,
        state.params["miners"],
        sources=[source],
        shape=shape,
        probabilities=[1.0],
        view=minegan.view_of([source], ImageShape(8, 1)),
        about={},
    )
    assert {file.name for file in directory.iterdir()} == {"adapter.json", "weights.safetensors"}
    assert sum(file.stat().st_size for file in directory.iterdir()) < 300_000


def test_a_damaged_adapter_is_refused(adapter):
    (adapter / "adapter.json").write_text('{"sources": [')
    assert "damaged file" in complaint(load_adapter, adapter)
    (adapter / "adapter.json").write_text("[]")
    assert "expected an object" in complaint(load_adapter, adapter)


@pytest.mark.parametrize("field", ["sources", "miner", "probabilities", "sha256"])
def test_an_adapter_without_a_field_is_refused(field, adapter):
    edit(adapter / "adapter.json", **{field: None})
    assert field in complaint(load_adapter, adapter)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"image_shape": [8]}, "image_shape"),
        ({"image_shape": [8, 2]}, "image_shape"),
        ({"image_shape": ["8", 1]}, "image_shape"),
        ({"miner": {"depth": 2, "widht": 3}}, "miner"),
        ({"miner": {"depth": "2"}}, "miner"),
        ({"miner": {"start": "priro"}}, "priro"),
        ({"miner": [2]}, "miner"),
        ({"sources": "abc"}, "sources"),
        ({"sources": []}, "sources"),
        ({"sources": [3]}, "sources"),
        ({"sources": [{"name": "a"}]}, "location"),
        ({"sources": [{"name": "a", "location": 3, "sha256": "0"}]}, "location"),
        ({"probabilities": [0.5, 0.5]}, "as many sources as probabilities"),
        ({"probabilities": [float("nan")]}, "probabilities"),
        ({"probabilities": [0.7]}, "probabilities"),
        ({"probabilities": "1"}, "probabilities"),
        ({"sha256": 3}, "sha256"),
    ],
)
def test_an_adapter_that_was_edited_wrongly_is_refused(fields, said, adapter):
    edit(adapter / "adapter.json", **fields)
    assert said in complaint(load_adapter, adapter)


def test_miners_of_another_shape_are_refused(adapter):
    edit(adapter / "adapter.json", miner={"depth": 2, "width": 9, "start": "prior"})
    assert "expected miners of shapes" in complaint(load_adapter, adapter)


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


def test_a_finetuned_generator_is_a_source_again(tmp_path, tiny_fields, make_source):
    """It may be mined or finetuned further, and still says which images it saw."""
    rng = np.random.default_rng(0)
    for name in "ab":
        np.savez(tmp_path / f"{name}.npz", images=rng.integers(0, 256, (6, 8, 8), np.uint8))
    shared = {**tiny_fields, "target.num_held_out": 0}
    read = used_fields.READ["scratch"]
    begun = {name: value for name, value in shared.items() if name in read}
    begun |= {
        "method": "scratch",
        "run.train_steps": 1,
        "network.resolution": 8,
        "network.channels": 1,
        "network.width": 4,
    }
    begun |= {"network.latent_size": 4, "target.images": f"npz:{tmp_path / 'a.npz'}"}
    experiment.train(config.from_values(begun), tmp_path / "begun")
    first = sources.load_source(tmp_path / "begun" / "source")
    fields = {"method": "transfergan", "sources": (first.location,)}
    finetuned = {**shared, **fields, "target.images": f"npz:{tmp_path / 'b.npz'}"}
    run = experiment.train(config.from_values(finetuned), tmp_path / "finetuned")
    found = sources.load_source(tmp_path / "finetuned" / "source")
    assert found.description["family"] == "dcgan"
    assert found.description["arguments"] == first.description["arguments"]
    assert len(first.seen) == 6
    assert len(found.seen) == 12
    assert set(first.seen) < set(found.seen)
    state = run.state()
    half = weights.cast(state.ema_params["generators"][0], "float16")
    trees = found.generator, weights.cast(half, "float32")
    jax.tree.map(lambda one, other: np.testing.assert_array_equal(one, other), *trees)
    unknown = {**finetuned, "sources": (str(make_source(tmp_path / "unknown")),)}
    experiment.train(config.from_values(unknown), tmp_path / "of_unknown")
    assert sources.load_source(tmp_path / "of_unknown" / "source").seen is None
