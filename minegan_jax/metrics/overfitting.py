"""When to stop without a validation set: two signs that a game knows its training images by heart.

The critic shows the first. A few of the target images are left out of training, far fewer than a
distance would need; where the critic takes them for worse than generated ones, all that it still
teaches is what is true of its training images alone. That comes early, and players go on to gain
from such a critic for a long time. The second sign comes from them: their images are copies more
often than real images would be, surely. A phase ends where both are seen.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from minegan_jax.errors import InputError
from minegan_jax.metrics.checks import FakeFeatures, check_rows, check_width
from minegan_jax.metrics.distances import nearest
from minegan_jax.metrics.intervals import share_interval
from minegan_jax.metrics.shown import Neighbours, Shown, neighbours

Some = Float[np.ndarray, "_"]  # scores of at least one image

CRITIC = 1.0  # the critic's gap, where left-out images score like generated ones


class Signs(NamedTuple):
    """What a state shows."""

    critic_gap: float  # 0 none; 1 the critic takes left-out images for generated ones
    authentic: float  # share of fakes that are no copies by the test of Alaa et al. 2022
    usually_authentic: float  # the same share of the training pictures, each against the others
    at_least: float  # where that share's 95 % interval starts


def signs(gap: float, train: Shown, fake: FakeFeatures) -> Signs:
    """Returns both signs.

    A fake is authentic if it is farther from its nearest training image than that is from the
    nearest other picture (arXiv:2102.08921).

    Args:
      gap: the critic's.
      train: features of the training images, mirrored ones too where training mirrors.
      fake: of generated images.

    Raises:
      InputError: fewer than 3 training images that differ, or no fake.
      ValueError: features that are not finite.
    """
    rows = check_rows(train.rows, name="training", at_least=1)
    fake = check_rows(fake, name="fake", at_least=1)
    check_width(fake, name="fake", width=rows.shape[1])
    asked = train.first_rows
    if len(asked) < 3:
        raise InputError(
            f"training images: expected at least 3 that differ, found {len(asked)} among"
            f" {train.num_images}"
        )
    found, others = nearest(fake, rows), neighbours(train)
    count = int((others.distances[asked, 0] > _without(train, others)[asked]).sum())
    return Signs(
        critic_gap=gap,
        authentic=float((found.distances > others.distances[found.indices, 0]).mean()),
        usually_authentic=count / len(asked),
        at_least=share_interval(count, len(asked)).low,
    )


def _without(train: Shown, others: Neighbours) -> Float[np.ndarray, " rows"]:
    """How far the nearest other row of each is from a third picture.

    To a training image that stands for a new one the others are all there is.
    """
    itself = others.pictures[others.rows] == train.pictures
    return others.distances[others.rows, np.where(itself, 1, 0)]


def critic_gap(train: Some, validation: Some, fake: Some) -> float:
    """Returns how far the critic's scores of left-out images fell towards those of fakes.

    (D(train) - D(left out)) / (D(train) - D(fake)), of means: r_v of Karras et al. 2020
    (arXiv:2006.06676, eq. 1). Where fakes score as high as training images it says nothing: 0.

    Args:
      train: scores of training images.
      validation: of real images that training does not see.
      fake: of generated images.
    """
    whole = float(train.mean() - fake.mean())
    return float((train.mean() - validation.mean()) / whole) if whole > 0.0 else 0.0


def overfits(found: Signs) -> bool:
    """Says whether a phase should end."""
    return found.critic_gap >= CRITIC and found.authentic < found.at_least
