"""The nearest image that a source can make: found again where it is its own, and a verdict."""

import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny_sources

from minegan_jax import experiment, sources
from minegan_jax.config import from_values
from minegan_jax.errors import InputError
from minegan_jax.experiment import manifold
from minegan_jax.features.extractor import Extractor
from minegan_jax.sampling import projection

# Of no weights: its features are the mean colours of rows.
ROWS = Extractor(
    *("rows", "", 8, 1, ()),
    embed=lambda images: (images.mean(axis=(2, 3)), images[:, 0, :2, 0]),
    logits=lambda images: images[:, 0, :2, 0],
    maps=lambda images: (images,),
)
QUICK = {"num_draws": 20, "num_starts": 2, "together": 8}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    names = ("dcgan", "stylegan2", "biggan")
    return {name: tiny_sources.save_source(folder / name, name) for name in names}


def opened(saved, name, space="z"):
    """A source's weights, what is searched of it, and how its images are compared."""
    source = sources.load_source(saved[name])
    params = jax.device_put(source.generator)
    spaces = {each.name: each for each in projection.spaces(source.networks, "all")}
    make = partial(spaces[space].make, params)
    start = partial(spaces[space].start, params)
    images = make(start(jax.random.key(5), 3))
    compare = projection.comparison(ROWS, images)
    return params, spaces[space], images, compare


@pytest.mark.parametrize(
    ("name", "space"), [("dcgan", "z"), ("stylegan2", "z"), ("stylegan2", "w"), ("biggan", "z")]
)
def test_own_images_are_found_again(name, space, saved):
    params, searched, images, compare = opened(saved, name, space)
    key = jax.random.key(0)
    start, found = (
        projection.project(searched, params, compare, images, key, num_steps=steps, **QUICK)
        for steps in (1, 100)
    )
    assert (found.distances < start.distances).all()
    assert found.distances.mean() < 0.6 * start.distances.mean()
    np.testing.assert_allclose(
        found.images, searched.make(params, jnp.asarray(found.latents)), atol=1e-5
    )
    coordinates = compare.coordinates(jnp.asarray(found.images)) - compare.coordinates(images)
    np.testing.assert_allclose(found.distances, np.linalg.norm(coordinates, axis=1), atol=1e-4)


def test_the_unit_is_the_difference_of_two_target_images(saved):
    _, _, images, compare = opened(saved, "dcgan")
    rows = np.asarray(compare.coordinates(images), np.float64)
    squares = np.square(rows[:, None] - rows[None]).sum(axis=2)
    np.testing.assert_allclose(squares.sum() / (3 * 2), 1.0, rtol=1e-4)


def test_a_latent_stays_where_the_prior_reaches(saved):
    params, searched, images, compare = opened(saved, "dcgan")
    bright = jnp.ones_like(images)
    found = projection.project(
        searched, params, compare, bright, jax.random.key(0), num_steps=200, **QUICK
    )
    assert np.abs(found.latents).max() <= projection.LIMIT


def test_blocks_change_nothing(saved):
    params, searched, images, compare = opened(saved, "dcgan")
    one, two = (
        projection.project(
            *(searched, params, compare, images, jax.random.key(0)),
            **{**QUICK, "num_steps": 5, "together": together},
        )
        for together in (2, 8)
    )
    np.testing.assert_allclose(one.latents, two.latents, atol=1e-4)


@pytest.mark.parametrize("count", [1, 2])
def test_equal_images_have_no_unit(count, saved):
    _, _, images, _ = opened(saved, "dcgan")
    with pytest.raises(InputError, match="expected two different target images"):
        projection.comparison(ROWS, images[:1].repeat(count, axis=0))


def test_bands_in_another_order_keep_every_pixel():
    pixels = np.arange(2 * 9 * 9).reshape(2, 9, 9, 1).astype(np.uint8)
    mixed = manifold._scrambled(pixels, 3)
    assert mixed.shape == pixels.shape
    assert (mixed != pixels).any()
    np.testing.assert_array_equal(np.sort(mixed.ravel()), np.sort(pixels.ravel()))


def row(source, share):
    return {"source": source, "space": "z", "share": share}


@pytest.mark.parametrize(
    ("share", "follows"),
    [
        (0.0, "mining alone can reach the target"),
        ((manifold.REACHED + manifold.NEAR) / 2, "mining comes near, finetuning must do the rest"),
        (0.99, "mining alone cannot reach the target, finetuning must"),
    ],
)
def test_the_verdict_follows_from_the_nearest(share, follows):
    assert manifold.verdict([row("a", share)]).startswith("a: ")
    said = manifold.verdict([row("a", share), row("b", 1.0)])
    assert said.startswith("a is nearest: ")
    assert said.endswith(f"{100 * share:.0f} %: {follows}")


def test_a_folder_of_what_was_found(saved, tiny_fields, tmp_path):
    named = {"sources": (str(saved["dcgan"]), str(saved["stylegan2"]))}
    config = from_values({**tiny_fields, **named})
    record = experiment.project(config, tmp_path / "found", num_images=2)
    assert json.loads((tmp_path / "found" / "projection.json").read_text()) == record
    rows = record["sources"]
    assert rows == sorted(rows, key=lambda row: row["share"])
    searched = {(row["source"], row["space"]) for row in rows}
    assert searched == {("dcgan", "z"), ("stylegan2", "z"), ("stylegan2", "w")}
    arrays = np.load(tmp_path / "found" / "projection.npz")
    assert len(arrays["targets"]) == len(arrays["stylegan2_w_latents"]) == 2
    assert (tmp_path / "found" / "projection.png").exists()


@pytest.mark.parametrize("count", [1, 65])
def test_too_few_or_too_many_images(count, tiny_fields, tmp_path):
    with pytest.raises(InputError, match=f"num_images {count}: expected 2 to 64"):
        experiment.project(from_values(tiny_fields), tmp_path / "found", num_images=count)
    assert not (tmp_path / "found").exists()
