"""The choice among supersamples and its two passes against the naive maximum."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import as_it_is, of_noise

from minegan_jax.mining import supersamples
from minegan_jax.mining.noise import NoiseShape
from minegan_jax.mining.supersamples import GameNetworks

SIZES = (3, 2, 4)  # latents of the sources
PIXELS = (2, 2, 1)


def mine(params, latents):
    return latents + jnp.tanh(latents @ params["weights"])


def generate(params, latents):
    return jnp.tanh(latents @ params["weights"]).reshape(-1, *PIXELS)


def criticise(params, images):
    return jnp.sin(images.reshape(len(images), -1) @ params["weights"]).sum(axis=1)


def game(count, num_sources=3):
    """Returns a cast, its weights and the lots of as many supersamples."""
    sizes = SIZES[:num_sources]

    def normal(key, shape):
        return {"weights": jax.random.normal(key, shape)}

    keys = jax.random.split(jax.random.key(0), 2 * num_sources + 1)
    players = {
        "miners": tuple(normal(key, (n, n)) for key, n in zip(keys, sizes, strict=False)),
        "generators": tuple(
            normal(key, (n, 4)) for key, n in zip(keys[num_sources:], sizes, strict=False)
        ),
    }
    shapes = tuple(map(NoiseShape, sizes))
    networks = GameNetworks(
        (of_noise(mine),) * num_sources,
        (generate,) * num_sources,
        criticise,
        as_it_is(num_sources),
        shapes,
    )
    noise = supersamples.sample_supersample_noise(jax.random.key(1), (count,), shapes)
    return networks, normal(keys[-1], (4, 5)), players, noise


def naive(networks, critic, players, latents):
    """Returns the mean of the largest values, with the gradient of a plain maximum."""
    parts = zip(players["miners"], players["generators"], latents, strict=True)
    values = [networks.critic(critic, generate(g, mine(m, u.latents))) for m, g, u in parts]
    return jnp.stack(values).max(axis=0).mean()


def two_passes(networks, critic, noise, trainable, frozen):
    selected = supersamples.select_fakes(networks, critic, {**frozen, **trainable}, noise)
    fake, back = supersamples.vjp_of_selected(
        networks, trainable, frozen, supersamples.inputs_by_source(noise), selected
    )
    value, change = jax.value_and_grad(lambda fake: networks.critic(critic, fake).mean())(fake)
    return value, back(change)


# Fewer than a block, some blocks, and a last one that is not full.
@pytest.mark.parametrize("count", [1, 5, 16, 27])
@pytest.mark.parametrize("trainable", [("miners",), ("miners", "generators")], ids=["mine", "all"])
def test_gradients_are_those_of_the_maximum(count, trainable):
    with jax.enable_x64(True):
        networks, critic, players, noise = game(count)
        frozen = {name: trees for name, trees in players.items() if name not in trainable}
        trainable = {name: players[name] for name in trainable}
        found = jax.jit(partial(two_passes, networks, critic, noise))(trainable, frozen)
        expected = jax.jit(
            jax.value_and_grad(lambda m: naive(networks, critic, {**frozen, **m}, noise.u))
        )(trainable)
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-12), found, expected)


def test_the_most_valued_image_wins():
    with jax.enable_x64(True):
        networks, critic, players, noise = game(20)
        selected = supersamples.select_fakes(networks, critic, players, noise)
        parts = zip(players["miners"], players["generators"], noise.u, strict=True)
        fakes = jnp.stack([generate(g, mine(m, u.latents)) for m, g, u in parts])
        values = jnp.stack([criticise(critic, fake) for fake in fakes])
        np.testing.assert_array_equal(selected.winners, values.argmax(axis=0))
        np.testing.assert_array_equal(selected.sources, selected.winners)
        np.testing.assert_array_equal(selected.images, fakes[selected.winners, jnp.arange(20)])
        assert len(set(selected.winners.tolist())) > 1


def test_equals_share_at_random():
    networks, critic, players, noise = game(3000)
    same_scores = networks._replace(critic=lambda _, images: jnp.zeros(len(images)))
    selected = supersamples.select_fakes(same_scores, critic, players, noise)
    shares = np.bincount(selected.winners, minlength=3) / 3000
    np.testing.assert_allclose(shares, 1 / 3, atol=0.04)


def test_exploration_moves_the_images_and_not_the_count():
    networks, critic, players, noise = game(3000)
    biased = networks._replace(
        generators=tuple(lambda _, z, i=i: jnp.full((len(z), *PIXELS), float(i)) for i in range(3)),
        critic=lambda _, images: images.sum(axis=(1, 2, 3)),
    )
    selected = supersamples.select_fakes(biased, critic, players, noise, exploration=0.3)
    assert set(selected.winners.tolist()) == {2}
    shares = np.bincount(selected.sources, minlength=3) / 3000
    np.testing.assert_allclose(shares, [0.1, 0.1, 0.8], atol=0.03)
    np.testing.assert_array_equal(selected.images[:, 0, 0, 0], selected.sources)
