"""How miners start: at the prior, or collapsed as in the authors' code."""

import jax
import numpy as np
import pytest

from minegan_jax.errors import InputError
from minegan_jax.nets.miner import STARTS, Miner


def start(**attributes):
    """Returns u and M(u) of a fresh miner."""
    miner = Miner(**attributes)
    latents = jax.random.normal(jax.random.key(1), (64, miner.latent_size))
    return latents, jax.jit(miner.init_with_output)(jax.random.key(0), latents)[0]


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("width", [10, 13])
def test_the_start_at_the_prior_is_exactly_the_identity(depth, width):
    latents, mined = start(latent_size=5, depth=depth, width=width)
    np.testing.assert_array_equal(mined, latents)


@pytest.mark.parametrize("latent_size", [16, 128])
def test_the_collapsed_start_is_nearly_constant(latent_size):
    _, mined = start(latent_size=latent_size, start="collapsed")
    spread = mined.std(axis=0)
    assert (spread > 0).all()
    assert spread.mean() < 0.15


def test_a_miner_too_narrow_for_the_identity_is_refused():
    with pytest.raises(InputError, match="miner_width of 10 or more, found 9"):
        start(latent_size=5, width=9)


@pytest.mark.parametrize("begin", STARTS)
def test_shapes(begin):
    miner = Miner(latent_size=3, depth=4, width=7, start=begin)
    latents = jax.ShapeDtypeStruct((2, 3), "float32")
    params = jax.eval_shape(miner.init, jax.random.key(0), latents)["params"]
    shapes = [params[f"Dense_{layer}"]["kernel"].shape for layer in range(4)]
    assert shapes == [(3, 7), (7, 7), (7, 7), (7, 3)]
    assert len(params) == 4
