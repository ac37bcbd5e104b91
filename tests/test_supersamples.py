"""The choice among supersamples and its two passes against the naive maximum."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toys import of_noise

from minegan_jax.mining import supersamples
from minegan_jax.mining.noise import NoiseShape
from minegan_jax.mining.supersamples import Cast

SIZES = (3, 2, 4)  # latents of the sources
PIXELS = (2, 2, 1)


def mine(params, latents):
    return latents + jnp.tanh(latents @ params["weights"])


def generate(params, latents):
    return jnp.tanh(latents @ params["weights"]).reshape(-1, *PIXELS)


def criticise(params, images):
    return jnp.sin(images.reshape(len(images), -1) @ params["weights"]).sum(axis=1)


def same(images):
    return images


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
    cast = Cast(
        (of_noise(mine),) * num_sources, (generate,) * num_sources, criticise, same, same, shapes
    )
    lots = supersamples.draw_lots(jax.random.key(1), (count,), shapes)
    return cast, normal(keys[-1], (4, 5)), players, lots


def naive(cast, critic, players, latents):
    """Returns the mean of the largest values, with the gradient of a plain maximum."""
    parts = zip(players["miners"], players["generators"], latents, strict=True)
    values = [cast.critic(critic, generate(g, mine(m, u.latents))) for m, g, u in parts]
    return jnp.stack(values).max(axis=0).mean()


def two_passes(cast, critic, lots, moving, frozen):
    chosen = supersamples.choose(cast, critic, {**frozen, **moving}, lots)
    fake, back = supersamples.remake(cast, moving, frozen, supersamples.each_given(lots), chosen)
    value, change = jax.value_and_grad(lambda fake: cast.critic(critic, fake).mean())(fake)
    return value, back(change)


# Fewer than a block, some blocks, and a last one that is not full.
@pytest.mark.parametrize("count", [1, 5, 16, 27])
@pytest.mark.parametrize("moving", [("miners",), ("miners", "generators")], ids=["mine", "all"])
def test_gradients_are_those_of_the_maximum(count, moving):
    with jax.enable_x64(True):
        cast, critic, players, lots = game(count)
        frozen = {name: trees for name, trees in players.items() if name not in moving}
        moving = {name: players[name] for name in moving}
        found = jax.jit(partial(two_passes, cast, critic, lots))(moving, frozen)
        expected = jax.jit(
            jax.value_and_grad(lambda m: naive(cast, critic, {**frozen, **m}, lots.noise))
        )(moving)
        jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-12), found, expected)


def test_the_most_valued_image_wins():
    with jax.enable_x64(True):
        cast, critic, players, lots = game(20)
        chosen = supersamples.choose(cast, critic, players, lots)
        parts = zip(players["miners"], players["generators"], lots.noise, strict=True)
        fakes = jnp.stack([generate(g, mine(m, u.latents)) for m, g, u in parts])
        values = jnp.stack([criticise(critic, fake) for fake in fakes])
        np.testing.assert_array_equal(chosen.winners, values.argmax(axis=0))
        np.testing.assert_array_equal(chosen.sources, chosen.winners)
        np.testing.assert_array_equal(chosen.images, fakes[chosen.winners, jnp.arange(20)])
        assert len(set(chosen.winners.tolist())) > 1


def test_equals_share_at_random():
    cast, critic, players, lots = game(3000)
    same_scores = cast._replace(critic=lambda _, images: jnp.zeros(len(images)))
    chosen = supersamples.choose(same_scores, critic, players, lots)
    shares = np.bincount(chosen.winners, minlength=3) / 3000
    np.testing.assert_allclose(shares, 1 / 3, atol=0.04)


def test_exploration_moves_the_images_and_not_the_count():
    cast, critic, players, lots = game(3000)
    biased = cast._replace(
        generators=tuple(lambda _, z, i=i: jnp.full((len(z), *PIXELS), float(i)) for i in range(3)),
        critic=lambda _, images: images.sum(axis=(1, 2, 3)),
    )
    chosen = supersamples.choose(biased, critic, players, lots, exploration=0.3)
    assert set(chosen.winners.tolist()) == {2}
    shares = np.bincount(chosen.sources, minlength=3) / 3000
    np.testing.assert_allclose(shares, [0.1, 0.1, 0.8], atol=0.03)
    np.testing.assert_array_equal(chosen.images[:, 0, 0, 0], chosen.sources)
