"""Losses against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from minegan_jax.mining import losses

SHAPE = (3, 4, 5, 2)


def normal(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


@pytest.mark.parametrize("size", [0.5, 1.0, 3.0])
def test_penalty_of_a_linear_critic(size):
    weights = normal(0, *SHAPE[1:])
    weights *= size / jnp.sqrt((weights**2).sum())
    penalty = losses.gradient_penalty(
        lambda images: jnp.tensordot(images, weights, 3), normal(1, *SHAPE)
    )
    np.testing.assert_allclose(penalty, (size - 1.0) ** 2, atol=1e-6)


def test_penalty_is_the_mean_over_images():
    sizes = jnp.array([1.0, 2.0, 4.0])  # slopes of a critic that differs between images
    penalty = losses.gradient_penalty(
        lambda images: sizes * images[:, 0, 0, 0], jnp.zeros((3, 2, 2, 1))
    )
    np.testing.assert_allclose(penalty, (0.0 + 1.0 + 9.0) / 3, rtol=1e-6)


def test_penalty_has_a_finite_gradient_at_zero_slope():
    def penalty(scale):
        return losses.gradient_penalty(
            lambda images: scale * images.sum(axis=(1, 2, 3)), normal(0, *SHAPE)
        )

    value, slope = jax.value_and_grad(penalty)(0.0)
    np.testing.assert_allclose(value, 1.0, atol=1e-5)
    assert jnp.isfinite(slope)


def test_penalty_differentiates_twice():
    with jax.enable_x64(True):
        weights, images = normal(0, 8, 3), normal(1, 2, 2, 2, 2)

        def penalty(weights):
            weights = jnp.asarray(weights)
            return losses.gradient_penalty(
                lambda x: jnp.tanh(x.reshape(len(x), -1) @ weights).sum(axis=1), images
            )

        check_grads(penalty, (weights,), order=2, modes=("rev",), atol=1e-5, rtol=1e-5)


def test_wasserstein_losses_pull_in_opposite_directions():
    real, fake = jnp.array([3.0, 5.0]), jnp.array([1.0, 2.0])
    assert losses.wasserstein_critic_loss(real, fake) == 1.5 - 4.0
    assert losses.wasserstein_players_loss(fake) == -1.5
    # The critic lowers fakes and raises reals; the players raise fakes.
    of_real, of_fake = jax.grad(losses.wasserstein_critic_loss, argnums=(0, 1))(real, fake)
    assert (of_real < 0).all()
    assert (of_fake > 0).all()
    assert (jax.grad(losses.wasserstein_players_loss)(fake) < 0).all()


def test_interpolates_lie_between_their_own_pair():
    real, fake = normal(0, *SHAPE), normal(1, *SHAPE)
    mixed = losses.interpolate(real, fake, jnp.array([0.0, 1.0, 0.25]))
    np.testing.assert_array_equal(mixed[0], real[0])
    np.testing.assert_allclose(mixed[1], fake[1], atol=1e-6)
    np.testing.assert_allclose(mixed[2], 0.75 * real[2] + 0.25 * fake[2], atol=1e-6)


def test_the_drift_is_the_mean_square_of_scores_and_pulls_them_to_zero():
    scores = jnp.array([3.0, -1.0, 2.0])
    np.testing.assert_allclose(losses.drift(scores), (9.0 + 1.0 + 4.0) / 3, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(losses.drift)(scores), 2.0 * scores / 3, rtol=1e-6)


def softplus(x):
    return np.log1p(np.exp(x))


# For scores of real images and of fakes, what each side of a game lowers.
REAL, FAKE = np.array([3.0, 0.5, -2.0]), np.array([-4.0, 0.0, 1.5])
EXPECTED = {
    "wasserstein": ((FAKE - REAL).mean(), -FAKE.mean()),
    "hinge": (np.array([0.0, 0.5, 3.0]).mean() + np.array([0.0, 1.0, 2.5]).mean(), -FAKE.mean()),
    "logistic": (softplus(-REAL).mean() + softplus(FAKE).mean(), softplus(-FAKE).mean()),
}


@pytest.mark.parametrize("name", losses.LOSSES)
def test_each_loss_is_its_formula(name):
    loss = losses.LOSSES[name]
    found = loss.critic(jnp.asarray(REAL), jnp.asarray(FAKE)), loss.players(jnp.asarray(FAKE))
    np.testing.assert_allclose(found, EXPECTED[name], rtol=1e-6)
