"""The confidence interval of a share of few images."""

from __future__ import annotations

import math

# 95 % of a normal distribution are within this many standard deviations.
_Z = 1.96


def wilson(share: float, count: int) -> float:
    """Return the lower end of the 95 % interval of a share of `count` images, by Wilson's score.

    It is never empty: for 12 of 12 images right, the interval begins at 76 % (Wilson 1927; Brown,
    Cai and DasGupta 2001).
    """
    z = _Z * _Z / count
    middle = share + z / 2
    half = math.sqrt(z * share * (1 - share) + z * z / 4)
    return (middle - half) / (1 + z)
