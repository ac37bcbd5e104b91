"""LPIPS of random weights against the published package, and intra-cluster distances by loops."""

import zlib

import numpy as np
import pytest
from weight_files import legacy_layout

from minegan_jax.errors import InputError
from minegan_jax.features import lpips
from minegan_jax.metrics.intra_cluster import intra_cluster_distance
from weights_conversion import lpips_vgg

# What the package lpips 0.1.4 (BSD 2-Clause) prints in double precision for `pictures`.
PRINTED = {(0, 1): 1.2528723065840202, (0, 2): 1.3528248834672865, (1, 2): 1.4858650125383606}
PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)  # of convolutions in torchvision's VGG-16
WIDTHS = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)


def random_weight(name, shape):
    """The weight that the package was given, drawn by its name."""
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()) + 16))
    drawn = rng.standard_normal(shape)
    if name.startswith("lin"):
        return np.float32(np.abs(drawn))
    deviation = np.sqrt(2 / np.prod(shape[1:])) if name.endswith("weight") else 0.1
    return np.float32(deviation * drawn)


def pictures():
    """The three images that the package was shown."""
    rng = np.random.default_rng(16)
    coarse = rng.integers(0, 256, (3, 8, 8, 3)).repeat(6, axis=1).repeat(6, axis=2)
    return ((7 * coarse + rng.integers(0, 256, (3, 48, 48, 3))) // 8).astype(np.uint8)


def heads():
    return {
        f"lin{n}.model.1.weight": (1, width, 1, 1)
        for n, width in enumerate((64, 128, 256, 512, 512))
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Both published files, of random weights."""
    folder = tmp_path_factory.mktemp("lpips")
    shapes = {}
    for place, inputs, outputs in zip(PLACES, WIDTHS, WIDTHS[1:], strict=False):
        shapes[f"features.{place}.weight"] = (outputs, inputs, 3, 3)
        shapes[f"features.{place}.bias"] = (outputs,)
    for name, given in (("trunk", shapes), ("heads", heads())):
        arrays = {key: random_weight(key, shape) for key, shape in given.items()}
        if name == "trunk":
            arrays["classifier.0.weight"] = np.zeros((2, 2), "f4")
        (folder / f"{name}.pth").write_bytes(legacy_layout(arrays))
    return folder


def test_distances_are_those_of_the_package(files):
    converted = lpips_vgg.convert(str(files / "trunk.pth"), str(files / "heads.pth"))
    said = lpips_vgg.deliver(converted, files / "lpips.safetensors")
    assert said.endswith(f"--config.report.diversity=lpips:{files / 'lpips.safetensors'}")
    loaded = lpips.load_lpips(files / "lpips.safetensors", resolution=48)
    assert loaded.name == "lpips_vgg16 at 48 pixels"
    found = loaded.distances(pictures(), pictures())
    np.testing.assert_array_equal(np.diag(found), 0.0)
    for (left, right), printed in PRINTED.items():
        np.testing.assert_allclose([found[left, right], found[right, left]], printed, rtol=1e-4)
    grey = pictures()[:2, :24, :, :1]
    assert loaded.distances(grey, pictures()[:1]).shape == (2, 1)


def test_mistakes_in_files_are_one_line(files, tmp_path):
    with pytest.raises(InputError, match="expected --trunk and --heads"):
        lpips_vgg.convert(trunk="vgg16.pth")
    with pytest.raises(InputError, match=r"no such file: .*lpips_vgg.*vgg16-397923af.pth.*without"):
        lpips.load_lpips(tmp_path / "gone.safetensors")
    arrays = {key: -random_weight(key, shape) for key, shape in heads().items()}
    (tmp_path / "heads.pth").write_bytes(legacy_layout(arrays))
    with pytest.raises(InputError, match="lin0: expected weights of 0 or more, found -"):
        lpips_vgg.convert(str(files / "trunk.pth"), str(tmp_path / "heads.pth"))


# Intra-cluster distances, with a distance that a loop can follow.


def brightness(left, right):
    """The distance of mean values."""
    return np.abs(left.mean(axis=(1, 2, 3))[:, None] - right.mean(axis=(1, 2, 3))[None])


def flat(values):
    return np.asarray(values, np.uint8)[:, None, None, None].repeat(2, axis=1)


def test_intra_cluster_distance_by_hand():
    train, fake = flat([0, 100, 200]), flat([90, 100, 106, 0, 4, 251])
    found = intra_cluster_distance(train, fake, brightness)
    first, second = (10 + 16 + 6) / 3, 4.0
    assert found == pytest.approx(((first + second) / 2, (first + second) / 3, 2, 3))


def test_intra_cluster_distance_draws_members_by_seed():
    train, fake = flat([100]), flat(range(0, 250, 3))
    draws = [
        intra_cluster_distance(train, fake, brightness, max_members=5, seed=n) for n in (0, 0, 1)
    ]
    assert draws[0] == draws[1] != draws[2]
    values = fake[:, 0, 0, 0].astype(float)
    every = np.abs(values[:, None] - values[None])[np.triu_indices(len(values), 1)].mean()
    many = [
        intra_cluster_distance(train, fake, brightness, max_members=5, seed=n).value
        for n in range(200)
    ]
    assert np.mean(many) == pytest.approx(every, abs=4 * np.std(many) / np.sqrt(200))


def test_copies_have_no_diversity_inside_clusters():
    train = flat([10, 90, 170])
    found = intra_cluster_distance(train, train.repeat(4, axis=0), brightness)
    assert found == (0.0, 0.0, 3, 3)
    # The published mean leaves empty clusters out; so a collapsed generator does not look worse.
    collapsed = intra_cluster_distance(train, flat([8, 12]), brightness)
    assert collapsed == pytest.approx((4.0, 4.0 / 3, 1, 3))
    assert intra_cluster_distance(train, flat([10, 90]), brightness) == (0.0, 0.0, 0, 3)


@pytest.mark.parametrize(
    ("train", "fake", "members", "said"),
    [
        ([], [1, 2], 50, "training images: expected at least 1, found 0"),
        ([1], [1], 50, "fakes: expected at least 2, found 1"),
        ([1], [1, 2], 1, "max_members: expected at least 2, found 1"),
    ],
)
def test_intra_cluster_distance_says_what_it_needs(train, fake, members, said):
    with pytest.raises(InputError, match=said):
        intra_cluster_distance(flat(train), flat(fake), brightness, max_members=members)
