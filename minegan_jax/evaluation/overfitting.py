"""When to stop without a validation set: two signs that a game has learnt its images by heart.

A few of the target images are left out of training, far fewer than a distance would need. The first
sign comes from the critic: of what it says of training images, how much is true of them alone. The
second comes from the players: how often their images are copies. The critic memorises long before
the players copy what it knows, and a critic that knows its images still teaches; so each sign has
its own bound, and a phase ends where their shares of these add up to one.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from minegan_jax.evaluation.memorisation import HeldOutFeatures, TrainFeatures, memorisation
from minegan_jax.evaluation.rows import FakeFeatures

CRITIC = 0.6  # the critic's gap at which a phase ends: what ADA's augmentation holds r_v's twin at
COPIED = 0.5  # the share of copies at which it ends
AtLeastOne = Float[np.ndarray, "_"]


class Signs(NamedTuple):
    """What a state shows."""

    critic_gap: float  # 0 none; 1 the critic takes left-out images for generated ones
    authentic: float  # share of fakes that are no copies, see `memorisation`
    left_out_authentic: float  # the same share of left-out images

    @property
    def copied(self) -> float:
        """The share of fakes that are copies, beyond that of left-out images; at least 0."""
        return max(0.0, self.left_out_authentic - self.authentic)


def critic_gap(train: AtLeastOne, left_out: AtLeastOne, fake: AtLeastOne) -> float:
    """Returns how far the critic's scores of left-out images fell towards those of fakes.

    (D(train) - D(left out)) / (D(train) - D(fake)), of means: r_v of Karras et al. 2020
    (arXiv:2006.06676, eq. 1). Where fakes score as high as training images it says nothing: 0.

    Args:
      train: scores of training images.
      left_out: of real images that training does not see.
      fake: of generated images.
    """
    whole = float(train.mean() - fake.mean())
    return float((train.mean() - left_out.mean()) / whole) if whole > 0.0 else 0.0


def signs(
    gap: float,
    train: TrainFeatures,
    left_out: HeldOutFeatures,
    fake: FakeFeatures,
) -> Signs:
    """Returns both signs.

    Args:
      gap: the critic's.
      train: features of all training images; at least 2.
      left_out: of those left out; at least 1.
      fake: of generated images.

    Raises:
      InputError: too few images, or features that are not finite.
    """
    found = memorisation(train, left_out, fake)
    return Signs(gap, found.authentic, found.held_out_authentic)


def overfits(found: Signs) -> bool:
    """Says whether a phase should end: by one sign alone, or by half of each."""
    return found.critic_gap / CRITIC + found.copied / COPIED >= 1.0
