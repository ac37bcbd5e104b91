"""Chainer's files give the networks that the published code builds from them."""

from pathlib import Path

import jax
import numpy as np
import pytest
from weight_files import keys_of

from minegan_jax import sources
from minegan_jax.errors import InputError
from minegan_jax.nets import family
from weights_conversion import command, reader, sngan_chainer

FIXTURE = Path(__file__).parents[1] / "fixtures" / "sngan128"
TOLERANCES = {"float32": 2e-5, "float64": 1e-9}  # of the largest value


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The directory of the converted critic."""
    directory = tmp_path_factory.mktemp("sngan") / "sngan128"
    command.write(sngan_chainer.convert(critic=str(FIXTURE / "critic.npz")), directory)
    return directory


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_scores_are_those_of_the_published_code(dtype, source):
    expected = np.load(FIXTURE / "expected.npz")
    with jax.enable_x64(dtype == "float64"):
        loaded = sources.load_source(source, dtype=dtype)
        images = (expected["critic_images"] - 128.0) / 128.0
        for scores, labels in (
            ("scores", expected["critic_labels"]),
            ("scores_without_labels", None),
        ):
            found = loaded.score(images, labels)
            assert found.dtype == dtype
            scale = abs(expected[scores]).max()
            np.testing.assert_allclose(found, expected[scores], atol=TOLERANCES[dtype] * scale)


def chainer_generator(arguments):
    """Arrays of a generator as Chainer would save them, and our weights that they are."""
    init = family.build("sngan", arguments).init
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(init, jax.random.key(0))[0]
    params = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape).astype("f4"), shapes)
    arrays = {}
    for rule in sngan_chainer.generator_rules(arguments):
        if rule.weight is None:
            arrays[rule.array] = np.int64(7)
            continue
        leaf = params
        for part in rule.weight.split("/"):
            leaf = leaf[part]
        arrays[rule.array] = UNDO.get(rule.layout, lambda array: array)(leaf)
    return arrays, params


def channels_first(last_axis):
    maps = last_axis.reshape(*last_axis.shape[:-1], 4, 4, -1)
    return np.moveaxis(maps, -1, -3).reshape(last_axis.shape)


UNDO = {
    sngan_chainer.conv: lambda kernel: kernel.transpose(3, 2, 0, 1),
    sngan_chainer.before_maps: lambda kernel: channels_first(kernel).T,
    sngan_chainer.maps_last: channels_first,
    sngan_chainer.the_only_class: lambda row: row[0],
}


@pytest.mark.parametrize(
    ("resolution", "width", "num_classes"),
    [(128, [4, 3, 2, 3, 2, 1], 3), (64, [4, 3, 2, 1, 1], 0), (32, [2, 2, 2, 2], 4)],
)
def test_generators_of_any_size(resolution, width, num_classes, tmp_path):
    arguments = {
        **{"resolution": resolution, "channels": 3, "width": width, "latent_size": 5},
        "num_classes": num_classes,
    }
    arrays, params = chainer_generator(arguments)
    np.savez(tmp_path / "G.npz", **arrays)
    converted = sngan_chainer.convert(generator=str(tmp_path / "G.npz"))
    assert converted.arguments == arguments
    jax.tree.map(np.testing.assert_array_equal, converted.params["generator"], params)


def test_a_trainers_snapshot_holds_both_networks(tmp_path):
    plain = reader.read_npz(FIXTURE / "critic.npz")
    snapshot = {f"updater/model:opt_dis/{name}": array for name, array in plain.items()}
    snapshot |= {
        "updater/model:opt_gen/l1/W": np.ones((16, 4), "f4"),
        "updater/optimizer:opt_dis/block1/c1/u/m": np.ones(1),
        "updater/iterator:main/order": np.asarray(None),  # an object, which is not looked at
        "extensions/LogReport/_log": np.asarray("[]"),
    }
    np.savez(tmp_path / "snapshot_iter_1000.npz", **snapshot)
    (tmp_path / "snapshot_iter_1000.npz").rename(tmp_path / "snapshot_iter_1000")
    found = sngan_chainer.convert(critic=str(tmp_path / "snapshot_iter_1000"))
    whole = sngan_chainer.convert(critic=str(FIXTURE / "critic.npz"))
    jax.tree.map(np.testing.assert_array_equal, found.params, whole.params)


WRONG = {
    "missing: block3/c_sc/W": {"block3/c_sc/W": None},
    "unexpected: block6/c_sc/W": {"block6/c_sc/W": np.ones((16, 16, 1, 1), "f4")},
    "l_y/u has shape": {"l_y/u": np.ones((1, 16), "f4")},
    "l7/b holds NaN": {"l7/b": np.full(1, np.nan, "f4")},
    "block1/c1/W: expected an array of 4 axes": {"block1/c1/W": np.ones(3, "f4")},
    "expected a critic of 4, 5 or 6 blocks, found 7": {"block7/c2/b": np.ones(16, "f4")},
}


@pytest.mark.parametrize(("said", "change"), WRONG.items(), ids=WRONG)
def test_what_does_not_fit_is_named(said, change, tmp_path):
    arrays = {**reader.read_npz(FIXTURE / "critic.npz"), **change}
    arrays = {name: array for name, array in arrays.items() if array is not None}
    np.savez(tmp_path / "D.npz", **arrays)
    with pytest.raises(InputError, match=f"D.npz: {said}"):
        sngan_chainer.convert(critic=str(tmp_path / "D.npz"))


def test_networks_that_do_not_belong_together_are_refused(tmp_path):
    arguments = {"resolution": 128, "channels": 3, "width": [1] * 6, "latent_size": 5}
    arrays, _ = chainer_generator({**arguments, "num_classes": 2})
    np.savez(tmp_path / "G.npz", **arrays)
    with pytest.raises(InputError, match="num_classes is 3, but 2 in the other network"):
        sngan_chainer.convert(str(tmp_path / "G.npz"), str(FIXTURE / "critic.npz"))


def test_every_array_of_the_published_files_has_its_place():
    """SNGAN at 128 px, width 64: names and shapes, not the numbers."""
    arrays = {
        "generator": (keys_of("pfnet_sngan128_G_npz"), "generator"),
        "critic": (keys_of("pfnet_sngan128_D_npz"), "critic"),
    }
    full = command.convert_arrays(
        "sngan",
        sngan_chainer.NETWORKS,
        arrays,
        published=dict,
        files=(),
        licence="",
    )
    assert full.arguments == {
        **{"resolution": 128, "channels": 3, "width": [1024, 1024, 512, 256, 128, 64]},
        **{"latent_size": 128, "num_classes": 1000, "num_halvings": 5, "score_bias": True},
        "critic_width": [64, 128, 256, 512, 1024, 1024],
    }
    found = sum(leaf.size for leaf in jax.tree.leaves(full.params))
    lists = [named for named, _ in arrays.values()]
    assert found == sum(
        array.size for named in lists for name, array in named.items() if name[-2:] != "/N"
    )
