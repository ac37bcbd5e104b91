"""The adversarial losses (section 3.1): numbers from scores, nothing else."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from minegan_jax.types import Images, Scores


def wasserstein_critic_loss(real_scores: Scores, fake_scores: Scores) -> Float[Array, ""]:
    """Says how badly the critic tells fakes from reals: E[D(fake)] - E[D(real)], eqs. 1, 3, 5."""
    return fake_scores.mean() - real_scores.mean()


def wasserstein_players_loss(fake_scores: Scores) -> Float[Array, ""]:
    """Says how badly the players please the critic: -E[D(fake)], eqs. 2, 4, 6."""
    return -fake_scores.mean()


def hinge_critic_loss(real_scores: Scores, fake_scores: Scores) -> Float[Array, ""]:
    """E[max(0, 1 - D(real))] + E[max(0, 1 + D(fake))], Lim and Ye 2017; SNGAN's and BigGAN's."""
    return jax.nn.relu(1.0 - real_scores).mean() + jax.nn.relu(1.0 + fake_scores).mean()


def logistic_critic_loss(real_scores: Scores, fake_scores: Scores) -> Float[Array, ""]:
    """E[softplus(-D(real))] + E[softplus(D(fake))], Goodfellow et al. 2014; the authors' code."""
    return jax.nn.softplus(-real_scores).mean() + jax.nn.softplus(fake_scores).mean()


def logistic_players_loss(fake_scores: Scores) -> Float[Array, ""]:
    """E[softplus(-D(fake))], the form that does not saturate, Goodfellow et al. 2014, section 3."""
    return jax.nn.softplus(-fake_scores).mean()


class Loss(NamedTuple):
    """What the two sides of a game lower."""

    critic: Callable[[Scores, Scores], Float[Array, ""]]  # of real scores and fake ones
    players: Callable[[Scores], Float[Array, ""]]  # of fake scores


LOSSES: Mapping[str, Loss] = MappingProxyType(
    {
        "wasserstein": Loss(wasserstein_critic_loss, wasserstein_players_loss),
        "hinge": Loss(hinge_critic_loss, wasserstein_players_loss),
        "logistic": Loss(logistic_critic_loss, logistic_players_loss),
    }
)


def drift(real_scores: Scores) -> Float[Array, ""]:
    """Says how far scores of real images are from 0: E[D(real)^2], Karras et al. 2018, app. A.1.

    A Wasserstein loss does not change when all scores shift together; this holds them.
    """
    return jnp.square(real_scores).mean()


def r1(criticise: Callable[[Images], Scores], images: Images) -> Float[Array, ""]:
    """Mean square of the critic's slope at real images: E[|grad D(x)|^2], Mescheder et al. 2018.

    Weighs gamma / 2 beside the logistic loss. The slope is that of the sum of scores, so that a
    critic which compares images couples them here as well, as in StyleGAN2's code.
    """
    slopes = jax.grad(lambda x: criticise(x).sum())(images)
    return jnp.square(slopes).sum(axis=(1, 2, 3)).mean()


def interpolate(real: Images, fake: Images, mixes: Float[Array, "batch"]) -> Images:
    """Mixes each real-fake pair: 0 gives the real image, 1 the fake one."""
    return real + mixes[:, None, None, None] * (fake - real)


def gradient_penalty(criticise: Callable[[Images], Scores], images: Images) -> Float[Array, ""]:
    """Says how far the critic's slope is from 1: E[(|grad D(x)| - 1)^2], Gulrajani et al. 2017.

    The norm runs over all pixels of an image. Where a critic compares images, its slope counts what
    an image does to the others' scores too, as in ProGAN's own code.
    """
    slopes = jax.grad(lambda x: criticise(x).sum())(images)
    # The gradient of a plain norm at zero is NaN, and a saturated critic gets there.
    norms = jnp.sqrt((slopes**2).sum(axis=(1, 2, 3)) + 1e-12)
    return ((norms - 1.0) ** 2).mean()
