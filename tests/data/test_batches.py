"""Batches by step: repeatable, fair, flipped one by one, and the same on any devices."""

import jax
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from minegan_jax.data import batches, make_batch_at

LABELS = np.arange(6, dtype=np.int32)[::-1]  # no image's label is its index
# Every image says its label on the left and a mark on the right.
PIXELS = np.zeros((6, 2, 2, 1), np.uint8)
PIXELS[:, :, 0, 0] = LABELS[:, None]
PIXELS[:, :, 1, 0] = 100


@pytest.fixture(params=["device", "host"])
def place(request, monkeypatch):
    """Both homes of a data set: small ones on the device, large ones on the host."""
    if request.param == "host":
        monkeypatch.setattr(batches, "DEVICE_CAP_BYTES", 0)
    return request.param


def batch_at(step, **settings):
    defaults = {"batch_size": 8, "turns": 3, "seed": 0}
    return jax.device_get(make_batch_at(PIXELS, LABELS, **{**defaults, **settings})(step))


@pytest.mark.usefixtures("place")
def test_a_step_has_one_batch():
    first, again, later, other = batch_at(5), batch_at(5), batch_at(6), batch_at(5, seed=1)
    assert first.images.shape == (8, 3, 2, 2, 1)
    assert first.images.dtype == np.uint8
    assert first.labels.shape == (8, 3)
    assert first.labels.dtype == first.indices.dtype == np.int32
    np.testing.assert_array_equal(first.images, again.images)
    assert (first.labels != later.labels).any()
    assert (first.labels != other.labels).any()


@pytest.mark.usefixtures("place")
def test_labels_go_with_their_images_and_are_drawn_evenly():
    batch = batch_at(0, batch_size=3000, turns=2)
    np.testing.assert_array_equal(batch.images[:, :, 0, 0, 0], batch.labels)
    np.testing.assert_array_equal(LABELS[batch.indices], batch.labels)
    share = np.bincount(batch.labels.ravel()) / batch.labels.size
    np.testing.assert_allclose(share, 1 / 6, atol=0.02)
    assert (batch.labels[:, 0] != batch.labels[:, 1]).any()


@pytest.mark.usefixtures("place")
def test_flips_are_horizontal_and_of_single_images():
    batch = batch_at(0, batch_size=2000, flip=True)
    marks = batch.images[:, :, 0, 0, 0] == 100
    assert abs(marks.mean() - 0.5) < 0.05
    assert (marks[:, 0] != marks[:, 1]).any()
    restored = np.where(marks[..., None, None, None], batch.images[:, :, :, ::-1], batch.images)
    np.testing.assert_array_equal(restored, PIXELS[batch.indices])


@pytest.mark.usefixtures("place")
def test_any_number_of_devices_sees_the_same_batch():
    expected = batch_at(7, flip=True)
    for num_devices in {1, min(2, len(jax.devices()))}:
        mesh = Mesh(np.array(jax.devices()[:num_devices]), ("devices",))
        sharding = NamedSharding(mesh, PartitionSpec("devices"))
        make = make_batch_at(
            PIXELS, LABELS, batch_size=8, turns=3, seed=0, flip=True, sharding=sharding
        )
        batch = make(7)
        for leaf, wanted in zip(batch, expected, strict=True):
            assert leaf.sharding.is_equivalent_to(sharding, leaf.ndim)
            np.testing.assert_array_equal(leaf, wanted)


def test_one_compilation_serves_every_step(monkeypatch):
    make = make_batch_at(PIXELS, LABELS, batch_size=2, turns=1, seed=0)
    make(0)
    monkeypatch.setattr(jax.random, "randint", None)  # a second trace would call it
    assert make(1).labels.shape == (2, 1)


def test_a_single_image_fills_a_batch():
    batch = make_batch_at(PIXELS[:1], LABELS[:1], batch_size=4, turns=2, seed=0)(0)
    np.testing.assert_array_equal(np.asarray(batch.indices), np.zeros((4, 2)))
