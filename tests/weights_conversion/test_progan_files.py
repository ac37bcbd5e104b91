"""The three ProGAN formats give the networks that the published code builds from their files."""

import pickle
import sys
import types
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from weight_files import keys_of, legacy_layout, zip_layout

from minegan_jax import sources
from minegan_jax.errors import InputError
from minegan_jax.nets import progan
from weights_conversion import command, progan_gan_zoo, progan_genforce, progan_layers, progan_tf
from weights_conversion import reader as reading
from weights_conversion.unpickling import Settings

FIXTURE = Path(__file__).parents[1] / "fixtures" / "progan16"
FORMATS = {  # the file, its command, and the published code's outputs
    "official.pkl": (progan_tf.convert, "expected_official.npz"),
    "genforce.pth": (progan_genforce.convert, "expected_official.npz"),
    "gan_zoo.pth": (progan_gan_zoo.convert, "expected_gan_zoo.npz"),
}
TOLERANCES = {"float32": 2e-5, "float64": 1e-9}  # of the largest value


def converted(name, file=None, **options):
    """Converts a file, by default that of the fixture, as the format of that name."""
    convert, _ = FORMATS[name]
    return convert(str(file or FIXTURE / name), **options)


@pytest.fixture(scope="module", params=FORMATS)
def source(request, tmp_path_factory):
    """The directory of the converted networks, and the published code's outputs."""
    directory = tmp_path_factory.mktemp("progan") / request.param.split(".")[0]
    command.write(converted(request.param), directory)
    return directory, np.load(FIXTURE / FORMATS[request.param][1])


def assert_close(found, expected, dtype):
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=TOLERANCES[dtype] * abs(expected).max())


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_images_and_scores_are_those_of_the_published_code(dtype, source):
    directory, expected = source
    with jax.enable_x64(dtype == "float64"):
        loaded = sources.load_source(directory, dtype=dtype)
        images = (expected["critic_images"] - 128.0) / 128.0
        latents = expected["latents"]
        if directory.name == "official":  # its images are by genforce, which normalises twice
            latents = progan.pixel_norm(jnp.asarray(latents, dtype))
        assert_close(loaded.generate(latents), expected["images"], dtype)
        assert_close(loaded.score(images), expected["scores"], dtype)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("only", ["generator", "critic"])
def test_either_network_alone(name, only):
    together, alone = converted(name).params, converted(name, only=only).params
    assert alone.keys() == {only}
    jax.tree.map(np.testing.assert_array_equal, alone[only], together[only])
    with pytest.raises(InputError, match="--only=both: expected generator or critic"):
        converted(name, only="both")


def test_official_and_genforce_files_hold_the_same_networks():
    both = (converted(name).params for name in ("official.pkl", "genforce.pth"))
    jax.tree.map(np.testing.assert_array_equal, *both)


def saved(name):
    """What a fixture holds, with the GAN zoo's settings as a dictionary, as newer files have it."""
    found = reading.read_torch(FIXTURE / name)
    if isinstance(found.get("config"), Settings):
        found["config"] = found["config"].state
    return found


def test_older_names_and_settings_as_a_dictionary(tmp_path):
    found = saved("gan_zoo.pth")
    for network in found.keys() - {"config"}:
        if isinstance(found[network], dict):
            found[network] = {key.replace(".module", ""): a for key, a in found[network].items()}
    (tmp_path / "old.pth").write_bytes(legacy_layout(found))
    old, new = converted("gan_zoo.pth", tmp_path / "old.pth"), converted("gan_zoo.pth")
    assert old.arguments == new.arguments
    jax.tree.map(np.testing.assert_array_equal, old.params, new.params)


def parallel(found):
    """What a file holds, its networks saved by DataParallel."""
    return {
        key: part if key == "config" else {f"module.{name}": array for name, array in part.items()}
        for key, part in found.items()
        if isinstance(part, dict)
    }


WRAPS = {
    "parallel": lambda found: found,
    "below a key": lambda found: {"config": found.pop("config", {}), "models": found, "step": 3},
}


@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
@pytest.mark.parametrize("name", ["genforce.pth", "gan_zoo.pth"])
def test_prefixes_and_wrappers_change_nothing(name, wrap, tmp_path):
    (tmp_path / "file.pth").write_bytes(zip_layout(wrap(parallel(saved(name)))))
    changed = converted(name, tmp_path / "file.pth", only="generator")
    jax.tree.map(
        np.testing.assert_array_equal, changed.params, converted(name, only="generator").params
    )


def test_a_network_of_another_name_is_asked_for(tmp_path):
    generator = saved("genforce.pth")["generator_smooth"]
    (tmp_path / "file.pth").write_bytes(zip_layout({"generator": generator}))
    with pytest.raises(InputError, match="expected generator_smooth, found generator: --key="):
        converted("genforce.pth", tmp_path / "file.pth", only="generator")
    converted("genforce.pth", tmp_path / "file.pth", only="generator", key="generator")


WRONG = {  # of genforce's file: the network, what replaces its arrays, what is said
    "layer3.weight": ("generator_smooth", {"layer3.weight": None}, "missing: layer3.weight"),
    "layer9.weight": ("discriminator", {"layer9.weight": np.ones(3)}, "unexpected: layer9.weight"),
    "output2.weight": ("generator_smooth", {"output2.weight": np.ones((4, 3, 1, 1))}, "has shape"),
    "layer1.weight": ("discriminator", {"layer1.weight": np.ones((4, 3, 3, 3))}, "has shape"),
    "layer2.weight": ("discriminator", {"layer2.weight": np.full((4, 4, 3, 3), np.nan)}, "NaN"),
    "input0.weight": ("discriminator", {"input0.weight": None}, "expected an array of 4 axes"),
    "lod": ("generator_smooth", {"lod": np.array(0.4, "f4")}, "saved while fading in"),
    "lod is none": ("discriminator", {"lod": None}, "saved while fading in"),
}


@pytest.mark.parametrize(("said", "change"), WRONG.items(), ids=WRONG)
def test_what_does_not_fit_is_named(said, change, tmp_path):
    network, arrays, reason = change
    found = saved("genforce.pth")
    merged = {**found[network], **arrays}
    found[network] = {name: array for name, array in merged.items() if array is not None}
    (tmp_path / "file.pth").write_bytes(zip_layout(found))
    with pytest.raises(InputError, match=f"file.pth: {network}: .*{reason}") as refused:
        converted("genforce.pth", tmp_path / "file.pth")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"alpha": 1}, "alpha is 1, expected 0: saved while fading in"),
        ({"alpha": None}, "alpha is None"),
        ({"perChannelNormalization": False}, "perChannelNormalization is False, expected True"),
        ({"categoryVectorDim": 10}, "categoryVectorDim is 10, expected 0"),
        ({"lossCriterion": "DCGAN"}, "a generator with tanh, expected none"),
    ],
)
def test_settings_that_give_other_networks_are_refused(changes, said):
    with pytest.raises(InputError, match=f"f.pth: .*{said}"):
        progan_gan_zoo.check_settings({"alpha": 0, **changes}, "f.pth")
    with pytest.raises(InputError, match="config has no alpha"):
        progan_gan_zoo.check_settings({}, "f.pth")


@pytest.fixture
def write_pickle(monkeypatch, tmp_path):
    """Writes what the official code would have saved, changed; returns the file."""
    names = {"tfutil": "TensorFlowNetwork", "network": "TheanoNetwork"}
    for name in names:
        kind = type("Network", (), {"__module__": name})
        module = types.ModuleType(name)
        module.Network = kind
        monkeypatch.setitem(sys.modules, name, module)

    def write(change, module="tfutil"):
        networks = []
        for network in reading.read_pickle(FIXTURE / "official.pkl"):
            copy = sys.modules[module].Network()
            copy.__dict__ = network.state
            networks.append(copy)
        change(networks)
        (tmp_path / "file.pkl").write_bytes(pickle.dumps(tuple(networks)))
        return tmp_path / "file.pkl"

    return write


def set_setting(index, **settings):
    return lambda networks: networks[index].static_kwargs.update(settings)


def set_lod(networks):
    networks[2].variables[0] = ("lod", np.float32(2.5))


def rename_conv(networks):
    name, array = networks[1].variables.pop()
    networks[1].variables += [(name, array), ("8x8/Conv1_down/weight", array)]

    networks[1].static_kwargs["fused_scale"] = True


def fuse(networks):
    """Renames and turns the generator's layers as the official code stores fused ones."""
    state = networks[2]
    state.static_kwargs.pop("fused_scale", None)  # the official code's default is True
    state.variables = [
        (name.replace("Conv0", "Conv0_up"), turned(array) if "Conv0/weight" in name else array)
        for name, array in state.variables
    ]


def turned(kernel):
    return np.ascontiguousarray(kernel.swapaxes(2, 3)[::-1, ::-1])


def keep(networks):
    del networks


def double_variable(networks):
    networks[2].variables.append(networks[2].variables[-1])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_setting(2, fused_scale=True), "Gs: fused_scale is True, expected False"),
        (set_setting(1, label_size=10), "D: label_size is 10, expected 0"),
        (set_setting(1, mbstd_group_size="4"), "D: mbstd_group_size should be a number"),
        (set_lod, "Gs: lod is 2.5, expected 0: saved while fading in"),
        (rename_conv, "D: fused_scale is True, expected False: this critic .* --only=generator"),
        (double_variable, "Gs has several variables of one name"),
        (lambda networks: networks.pop(), "expected the three networks G, D and Gs"),
        (lambda networks: setattr(networks[2], "build_func_name", "G_other"), "Gs is a G_other"),
    ],
)
def test_pickles_of_other_networks_are_refused(change, said, write_pickle):
    with pytest.raises(InputError, match=f"file.pkl: {said}"):
        converted("official.pkl", write_pickle(change))


def test_a_fused_generator_is_the_same_network(write_pickle):
    fused = converted("official.pkl", write_pickle(fuse), only="generator")
    plain = converted("official.pkl", only="generator")
    assert fused.arguments == plain.arguments
    jax.tree.map(np.testing.assert_array_equal, fused.params, plain.params)


def scattered(maps, kernel):
    """The official code's fused layer: a transposed convolution of four shifted copies, summed.

    Args:
      maps: (height, width, inputs).
      kernel: (3, 3, outputs, inputs), as stored.
    """
    padded = np.pad(kernel, ((1, 1), (1, 1), (0, 0), (0, 0)))
    summed = padded[1:, 1:] + padded[:-1, 1:] + padded[1:, :-1] + padded[:-1, :-1]
    height, width, _ = maps.shape
    larger = np.zeros((2 * height + 2, 2 * width + 2, kernel.shape[2]))
    for y, x in np.ndindex(height, width):
        larger[2 * y : 2 * y + 4, 2 * x : 2 * x + 4] += summed @ maps[y, x]
    return larger[1:-1, 1:-1]  # SAME padding


def convolved(maps, kernel):
    """A convolution with SAME padding; the kernel is (3, 3, inputs, outputs)."""
    padded = np.pad(maps, ((1, 1), (1, 1), (0, 0)))
    shape = (*maps.shape[:2], kernel.shape[3])
    found = np.zeros(shape)
    for y, x in np.ndindex(shape[:2]):
        found[y, x] = np.einsum("rci,rcio->o", padded[y : y + 3, x : x + 3], kernel)
    return found


def test_a_fused_layer_is_a_convolution_of_doubled_maps():
    rng = np.random.default_rng(0)
    maps, stored = rng.normal(size=(3, 4, 5)), rng.normal(size=(3, 3, 2, 5))
    doubled = maps.repeat(2, axis=0).repeat(2, axis=1)
    ours = convolved(doubled, progan_tf.first_after_doubling(stored))
    np.testing.assert_allclose(ours, scattered(maps, stored), atol=1e-12)


def test_theano_pickles_are_refused(write_pickle):
    with pytest.raises(InputError, match="a Theano pickle, expected the TensorFlow one"):
        converted("official.pkl", write_pickle(keep, "network"))


def test_the_group_is_the_files_or_the_users(write_pickle):
    def group(file, **options):
        return converted("official.pkl", file, **options).arguments["minibatch_stddev_group"]

    assert group(write_pickle(set_setting(1, mbstd_group_size=16))) == 16
    assert group(write_pickle(lambda n: n[1].static_kwargs.pop("mbstd_group_size"))) == 4
    assert group(write_pickle(keep), minibatch_stddev_group=8) == 8
    assert converted("genforce.pth").arguments["minibatch_stddev_group"] == 16


PUBLISHED = {  # key lists of generator and critic, format, resolution, how many weights
    "genforce_pggan_256": ("GD", progan_genforce.FORMAT, 256, 23_044_309 + 23_052_353),
    "genforce_pggan_1024": ("GD", progan_genforce.FORMAT, 1024, 23_079_115 + 23_087_249),
    "karras2018_1024": ("GD", progan_tf.format_of(fused=False), 1024, 23_079_115 + 23_087_249),
    "gan_zoo_256": (("netG", "netD"), progan_gan_zoo.format_of(".module"), 256, None),
    "gan_zoo_512": (("netG", "netD"), progan_gan_zoo.format_of(".module"), 512, None),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_array_of_the_published_files_has_its_place(name):
    """Names and shapes, not the numbers."""
    ends, form, resolution, count = PUBLISHED[name]
    lists = [keys_of(f"{name}_{end}") for end in ends]
    arrays = dict(zip(progan_layers.NETWORKS, ((keys, name) for keys in lists), strict=True))
    dropped = ("lod",) if "lod" in lists[0] else ()
    full = progan_layers.convert_networks(
        form, arrays, group=16, dropped=dropped, file=name, licence=""
    )
    expected = {"resolution": resolution, "latent_size": 512, "num_hidden": 512}
    assert expected.items() <= full.arguments.items()
    assert full.arguments["width"] == full.arguments["critic_width"]
    found = sum(leaf.size for leaf in jax.tree.leaves(full.params))
    total = sum(array.size for keys in lists for array in keys.values())
    assert found == (count or total) == total - 2 * len(dropped)
