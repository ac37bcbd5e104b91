"""BigGAN-PyTorch's files give the networks that the published code builds from them."""

from pathlib import Path

import jax
import ml_dtypes
import numpy as np
import pytest
from weight_files import keys_of, legacy_layout, zip_layout

from minegan_jax import sources
from minegan_jax.errors import InputError
from weights_conversion import biggan_pytorch, biggan_simpler, command, reader

FIXTURE = Path(__file__).parents[1] / "fixtures" / "biggan32"
FILES = {"generator": "G_ema.pth", "critic": "D.pth"}
TOLERANCES = {"float32": 2e-5, "float64": 1e-9}  # of the largest value


@pytest.fixture(scope="module")
def expected():
    """Inputs and the published code's outputs, in double precision."""
    return np.load(FIXTURE / "expected.npz")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The directory of the converted networks."""
    directory = tmp_path_factory.mktemp("biggan") / "biggan32"
    files = {network: str(FIXTURE / name) for network, name in FILES.items()}
    command.write(biggan_pytorch.convert(**files), directory)
    return directory


def assert_close(found, expected, dtype):
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=TOLERANCES[dtype] * abs(expected).max())


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_images_and_scores_are_those_of_the_published_code(dtype, source, expected):
    with jax.enable_x64(dtype == "float64"):
        loaded = sources.load_source(source, dtype=dtype)
        images = (expected["critic_images"] - 128.0) / 128.0
        assert_close(
            loaded.generate(expected["latents"], expected["labels"]), expected["images"], dtype
        )
        assert_close(loaded.score(images, expected["critic_labels"]), expected["scores"], dtype)
        assert_close(loaded.score(images), expected["scores_without_labels"], dtype)


def test_vectors_stand_for_classes(source, expected):
    loaded = sources.load_source(source)
    vectors = np.asarray(loaded.generator["embedding"])
    latents, labels = expected["latents"], expected["labels"]
    by_vectors = loaded.generate(latents, vectors[labels])
    np.testing.assert_allclose(by_vectors, loaded.generate(latents, labels), atol=1e-5)
    of_the_mean = loaded.generate(latents, vectors.mean(0)[None].repeat(len(latents), 0))
    np.testing.assert_allclose(loaded.generate(latents), of_the_mean, atol=1e-5)


@pytest.mark.parametrize("labels", [[0, 5], [-1, 0], [0], [0.5, 0.5], np.ones((2, 5))])
def test_labels_that_are_none_of_the_classes_are_refused(labels, source, expected):
    with pytest.raises(InputError, match="labels: expected 2 integers from 0 to 4 or"):
        sources.load_source(source).generate(expected["latents"], np.asarray(labels))


def test_the_description_says_where_the_weights_come_from(source):
    description = sources.load_source(source).description
    assert [entry["file"] for entry in description["origin"]] == list(FILES.values())
    assert (description["prior"], description["range"]) == ("N(0, I)", [-1.0, 1.0])
    assert "MIT" in description["licence"]


@pytest.mark.parametrize("layout", [zip_layout, legacy_layout])
@pytest.mark.parametrize("network", FILES)
def test_either_layout_and_either_network_alone(network, layout, source, tmp_path):
    (tmp_path / "file").write_bytes(layout(reader.read_torch(FIXTURE / FILES[network])))
    converted = biggan_pytorch.convert(**{network: str(tmp_path / "file")})
    together = getattr(sources.load_source(source), network)
    jax.tree.map(np.testing.assert_array_equal, converted.params[network], together)


def changed(network, **changes):
    """The arrays of a network, with some replaced, added or (None) left out."""
    arrays = {**reader.read_torch(FIXTURE / FILES[network]), **changes}
    return {name: array for name, array in arrays.items() if array is not None}


PEOPLE_HAVE = {  # of the arrays: what a file holds instead, the precision kept, and the flags
    "module": (lambda s: {f"module.{name}": array for name, array in s.items()}, "f4", {}),
    "state_dict": (lambda s: {"state_dict": s, "step": 3}, "f4", {}),
    "model": (lambda s: {"model": {f"G.{name}": array for name, array in s.items()}}, "f4", {}),
    "chosen": (lambda s: {"G": s, "G_ema": s}, "f4", {"key": "G_ema"}),
    "double": (lambda s: {name: a.astype("f8") for name, a in s.items()}, "f4", {}),
    "half": (lambda s: {name: a.astype("f2") for name, a in s.items()}, "f2", {}),
    "bfloat16": (
        lambda s: {name: a.astype(ml_dtypes.bfloat16) for name, a in s.items()},
        ml_dtypes.bfloat16,
        {},
    ),
}


@pytest.mark.parametrize(("wrap", "dtype", "flags"), PEOPLE_HAVE.values(), ids=PEOPLE_HAVE)
def test_files_as_people_have_them(wrap, dtype, flags, source, tmp_path):
    arrays = changed("generator")
    (tmp_path / "G.pth").write_bytes(zip_layout(wrap(arrays)))
    found = biggan_pytorch.convert(generator=str(tmp_path / "G.pth"), **flags)
    plain = sources.load_source(source).generator
    for ours, array in zip(*map(jax.tree.leaves, (found.params["generator"], plain)), strict=True):
        assert ours.dtype == np.float32
        np.testing.assert_array_equal(ours, np.asarray(array).astype(dtype).astype("f4"))


def test_both_networks_in_one_file(source, tmp_path):
    both = {"G": changed("generator"), "D": changed("critic"), "step": 3}
    (tmp_path / "all.pth").write_bytes(zip_layout(both))
    file = str(tmp_path / "all.pth")
    found = biggan_pytorch.convert(generator=file, critic=file)
    loaded = sources.load_source(source)
    together = {"generator": loaded.generator, "critic": loaded.critic}
    jax.tree.map(np.testing.assert_array_equal, dict(found.params), together)


def test_the_other_network_is_named():
    with pytest.raises(InputError, match=r"D.pth: expected a generator, found a critic"):
        biggan_pytorch.convert(generator=str(FIXTURE / "D.pth"))
    with pytest.raises(InputError, match="--critic_key=D: expected --generator and --critic"):
        biggan_pytorch.convert(critic=str(FIXTURE / "D.pth"), critic_key="D")


def without_chunks():
    """A generator whose blocks take no chunk of the latent, as with --hier and as without."""
    arrays = changed("generator")
    embedding_size = arrays["shared.weight"].shape[1]
    chunked, whole = dict(arrays), dict(arrays)
    for name in filter(biggan_simpler.CONDITIONAL.fullmatch, arrays):
        whole[name] = arrays[name][:, :embedding_size]
        chunked[name] = np.where(np.arange(arrays[name].shape[1]) < embedding_size, arrays[name], 0)
    return chunked, whole


def test_a_generator_without_hier_is_one_whose_chunks_do_nothing(tmp_path):
    found = []
    for arrays in without_chunks():
        (tmp_path / "G.pth").write_bytes(zip_layout(arrays))
        found.append(biggan_pytorch.convert(generator=str(tmp_path / "G.pth")))
    assert found[0].arguments == found[1].arguments
    jax.tree.map(np.testing.assert_array_equal, found[0].params, found[1].params)


def gains(arrays, layer):
    """What a spectrally normalised layer gives for each class, in double precision."""
    weight, u = (arrays[f"{layer}.{name}"].astype("f8") for name in ("weight", "u0"))
    v = u @ weight / np.linalg.norm(u @ weight)
    sigma = np.linalg.norm(weight @ v[0])
    vectors = arrays["shared.weight"].astype("f8")
    return vectors @ weight[:, : vectors.shape[1]].T / sigma


def without_shared():
    """A generator with a table of classes in each normalisation; its images are `whole`'s."""
    _, whole = without_chunks()
    arrays = {name: array for name, array in whole.items() if name != "shared.weight"}
    for name in filter(biggan_simpler.CONDITIONAL.fullmatch, whole):
        layer = name.removesuffix(".weight")
        arrays[name] = gains(whole, layer).astype("f4")
        del arrays[f"{layer}.u0"], arrays[f"{layer}.sv0"]
    return arrays


def test_tables_of_every_normalisation_become_shared_vectors():
    arrays = without_shared()
    rewritten = biggan_simpler.as_published(arrays, "G.pth")
    for name in filter(biggan_simpler.CONDITIONAL.fullmatch, arrays):
        found = gains(rewritten, name.removesuffix(".weight"))
        np.testing.assert_allclose(found, arrays[name], atol=1e-6 * abs(arrays[name]).max())


def test_a_generator_without_shared_vectors_gives_the_same_images(tmp_path, expected):
    images = []
    for i, arrays in enumerate((without_chunks()[1], without_shared())):
        (tmp_path / "G.pth").write_bytes(zip_layout(arrays))
        command.write(biggan_pytorch.convert(str(tmp_path / "G.pth")), tmp_path / str(i))
        loaded = sources.load_source(tmp_path / str(i))
        images.append(loaded.generate(expected["latents"], expected["labels"]))
    assert_close(images[1], np.asarray(images[0]), "float32")


def test_statistics_that_were_never_accumulated_are_said(tmp_path, caplog):
    arrays = changed("generator")
    means = {name: 0 * array for name, array in arrays.items() if name.endswith(".stored_mean")}
    ones = {name: array**0 for name, array in arrays.items() if name.endswith(".stored_var")}
    biggan_pytorch.convert(str(FIXTURE / "G_ema.pth"))
    assert not caplog.messages
    (tmp_path / "G.pth").write_bytes(zip_layout({**arrays, **means, **ones}))
    biggan_pytorch.convert(str(tmp_path / "G.pth"))
    (said,) = caplog.messages
    assert "G.pth: its statistics were never accumulated" in said
    assert "--accumulate_stats" in said


WRONG = {
    "expected a spectrally normalised network": (
        "generator",
        {name: None for name in reader.read_torch(FIXTURE / "G_ema.pth") if ".u0" in name},
    ),
    "a BigGAN of 1024 pixels: expected 32": (
        "generator",
        {f"blocks.{i}.0.conv1.weight": np.ones((8, 8, 3, 3), "f4") for i in range(3, 8)},
    ),
    "missing: blocks.1.0.bn2.bias.weight": ("generator", {"blocks.1.0.bn2.bias.weight": None}),
    "unexpected: blocks.1.0.conv3.weight": ("critic", {"blocks.1.0.conv3.weight": np.ones(3)}),
    "shared.weight: .* trained without --G_shared": ("generator", {"shared.weight": None}),
    "embed.weight has shape": ("critic", {"embed.weight": np.ones((8, 5), "f4")}),
    "linear.u0 has shape": ("critic", {"linear.u0": np.ones((1, 3), "f4")}),
    "linear.weight has shape": ("generator", {"linear.weight": np.ones((257, 3), "f4")}),
    "output_layer.2.bias holds NaN": ("generator", {"output_layer.2.bias": np.full(3, np.nan)}),
    "blocks.0.0.conv1.bias should hold": ("critic", {"blocks.0.0.conv1.bias": np.arange(8)}),
    "a BigGAN of 1024 pixels: expected 32, 64, 128, 256 or 512": (
        "critic",
        {f"blocks.{i}.0.conv1.weight": np.ones((8, 8, 3, 3), "f4") for i in range(4, 9)},
    ),
}


@pytest.mark.parametrize(("said", "change"), WRONG.items(), ids=WRONG)
def test_what_does_not_fit_is_named(said, change, tmp_path):
    network, arrays = change
    (tmp_path / "file").write_bytes(legacy_layout(changed(network, **arrays)))
    with pytest.raises(InputError, match=f"file: {said}"):
        biggan_pytorch.convert(**{network: str(tmp_path / "file")})


def test_networks_that_do_not_belong_together_are_refused(tmp_path):
    more = {"embed.weight": np.ones((7, 8), "f4"), "embed.u0": np.ones((1, 7), "f4")}
    (tmp_path / "D.pth").write_bytes(zip_layout(changed("critic", **more)))
    files = {"generator": str(FIXTURE / "G_ema.pth"), "critic": str(tmp_path / "D.pth")}
    with pytest.raises(InputError, match=r"D.pth: num_classes is 7, but 5 in the other network"):
        biggan_pytorch.convert(**files)
    with pytest.raises(InputError, match="expected at least one of --generator, --critic"):
        biggan_pytorch.convert()


def test_every_array_of_the_published_files_has_its_place():
    """BigGAN at 128 px, width 96: names and shapes, not the numbers."""
    arrays = {
        network: keys_of(f"biggan_pytorch_128_ch96_{letter}")
        for network, letter in (("generator", "G"), ("critic", "D"))
    }
    arguments, filled = placed(arrays)
    assert arguments == {
        **{"resolution": 128, "channels": 3, "width": 96, "latent_size": 120, "num_classes": 1000},
        **{"embedding_size": 128, "attention": [3], "critic_width": 96, "critic_attention": [0]},
    }
    assert counted(filled) == given(arrays)


def placed(arrays):
    """The arguments that published arrays say, and the networks that they fill."""
    arguments = {}
    for network, (read_arguments, *_) in biggan_pytorch.NETWORKS.items():
        arguments |= read_arguments(arrays[network], network)
    parts = {
        network: (arrays[network], make_rules(arguments), network)
        for network, (_, make_rules, *_) in biggan_pytorch.NETWORKS.items()
    }
    return arguments, command.fill("biggan", arguments, parts)


def counted(filled):
    """How many numbers networks have."""
    return sum(leaf.size for leaf in jax.tree.leaves(filled))


def given(arrays):
    """How many numbers of published networks have a place."""
    return sum(
        array.size for part in arrays.values() for name, array in part.items() if "sv0" not in name
    )


# Channels of BigGAN-PyTorch's networks of 512 pixels over their width, of each block's input and
# output (`G_arch`, `D_arch`); the critic's first one takes images.
BLOCKS_512 = {
    "G": ((16, 16), (16, 8), (8, 8), (8, 4), (4, 2), (2, 1), (1, 1)),
    "D": ((0, 1), (1, 1), (1, 2), (2, 4), (4, 8), (8, 8), (8, 16), (16, 16)),
}
# A block at 128 pixels of whose input's and output's channels the others differ.
TEMPLATES = {"G": ("blocks.2.0.", 8 * 96, 4 * 96), "D": ("blocks.3.0.", 4 * 96, 8 * 96)}


def keys_at_512(letter, *, width):
    """Names and shapes at 512 px without attention, from those at 128 px and width 96."""
    known = keys_of(f"biggan_pytorch_128_ch96_{letter}")
    template, inputs, outputs = TEMPLATES[letter]
    # A latent of 120 has 8 chunks there, not 6.
    usual = {96: width, 16 * 96: 16 * width, 256 * 96: 256 * width, 20: 15, 148: 143}

    def resized(array, **channels):
        sizes = {**usual, **({inputs: channels["x"], outputs: channels["y"]} if channels else {})}
        return np.broadcast_to(np.float32(0.5), [sizes.get(n, n) for n in array.shape])

    plain = {
        name: resized(array)
        for name, array in known.items()
        if not name.startswith("blocks.") or (letter == "D" and name.startswith("blocks.0.0."))
    }
    blocks = {
        f"blocks.{i}.0.{name.removeprefix(template)}": resized(array, x=x * width, y=y * width)
        for i, (x, y) in enumerate(BLOCKS_512[letter])
        for name, array in known.items()
        # The critic's last block neither halves nor widens: its shortcut learns nothing.
        if name.startswith(template)
        and x
        and not ((x, y, letter) == (16, 16, "D") and "_sc" in name)
    }
    return {**plain, **blocks}


def test_every_array_of_a_biggan_of_512_pixels_has_its_place():
    arrays = {
        network: keys_at_512(letter, width=2)
        for network, letter in (("generator", "G"), ("critic", "D"))
    }
    arguments, filled = placed(arrays)
    assert arguments == {
        **{"resolution": 512, "channels": 3, "width": 2, "latent_size": 120, "num_classes": 1000},
        **{"embedding_size": 128, "attention": [], "critic_width": 2, "critic_attention": []},
    }
    assert counted(filled) == given(arrays)
