"""How well a number is known that hangs on which images were drawn: intervals by resampling them.

They are confidence intervals of the mean that the number has over draws of as many images: 95 of
100 cover it. Another draw's own number scatters about that mean as this one does, and lies inside
less often: 83 times of 100, where numbers are about normal (the difference of two has sqrt(2) times
the deviation). Two sets differ surely where their intervals lie apart.

The bootstrap draws as many images as there are, with repetition. Repeated images make a set look
narrower and pairs look alike: a Fréchet distance of such draws lies above the one of the set, and
kernels and neighbours see copies that are none. So halves are drawn, without repetition: the value
of a random half differs from the whole's by about as much as the whole's would from that of other
images (the delete-d jackknife with d = n / 2; Shao and Wu 1989, Ann. Statist. 17, 1176-1197).

A measure whose mean depends on the number of images, as the Fréchet distance's does, has another
mean over the halves. Only their spread counts here, so an interval covers the mean over sets of
that many images, not what infinitely many would give.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from minegan_jax.errors import InputError
from minegan_jax.metrics.checks import check_count
from minegan_jax.metrics.pairwise import Draw

NORMAL = 1.959964  # of a normal distribution, 95 % lie within so many standard deviations


class Interval(NamedTuple):
    """Ends that enclose the mean over draws of as many images, for 95 of 100 draws."""

    low: float
    high: float


def halves(num_real: int, num_fake: int, *, num_resamples: int = 20, seed: int = 0) -> list[Draw]:
    """Draws half of the rows of both sets; these are in canonical order.

    Raises InputError for fewer than 2 resamples, or 4 rows in a set.
    """
    if num_resamples < 2:
        raise InputError(f"num_resamples: expected at least 2, found {num_resamples}")
    check_count(num_real, name="real", at_least=4)
    check_count(num_fake, name="fake", at_least=4)
    rng = np.random.default_rng(seed)
    return [Draw(_half(rng, num_real), _half(rng, num_fake)) for _ in range(num_resamples)]


def _half(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.sort(rng.permutation(count)[: count // 2])


def intervals(
    values: Mapping[str, float], of_halves: Sequence[Mapping[str, float]]
) -> dict[str, Interval]:
    """Returns 95 % intervals around the values of the whole, from those of each of the halves.

    A name that a half lacks has no interval. Too wide for squared distances of equal distributions,
    whose spread falls faster than with the root of the number of images.
    """
    reach = _student(len(of_halves) - 1)
    found = {}
    for name, value in values.items():
        if all(name in half for half in of_halves):
            spread = reach * float(np.std([half[name] for half in of_halves], ddof=1))
            found[name] = Interval(value - spread, value + spread)
    return found


def _student(freedom: int) -> float:
    """Student's 97.5 % quantile, by the first terms of its series in 1 / freedom.

    Abramowitz and Stegun 1964, 26.7.5; within 2 % from 3 degrees of freedom on.
    """
    z = NORMAL
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def share_interval(count: int, total: int) -> Interval:
    """The 95 % interval of a share, of which `count` of `total` were seen; within [0, 1].

    Wilson 1927 (J. Am. Stat. Assoc. 22, 209-212).
    """
    if total < 1:
        raise InputError(f"share: expected at least 1 image, found {total}")
    share, squared = count / total, NORMAL**2 / total
    centre = (share + squared / 2) / (1 + squared)
    reach = np.sqrt(squared * (share * (1 - share) + squared / 4)) / (1 + squared)
    return Interval(max(0.0, float(centre - reach)), min(1.0, float(centre + reach)))
