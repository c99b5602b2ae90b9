import random

import numpy as np
import pytest

from edgecnn.latency import Spread, percentile, ratio_of_medians


@pytest.mark.parametrize("q", [0, 1, 33.3, 50, 90, 99, 100])
def test_percentile_is_numpys(q):
    values = [random.Random(3).gauss(5, 2) for _ in range(101)]
    assert percentile(values, q) == pytest.approx(np.percentile(values, q))


def test_percentile_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        percentile([], 50)


def test_spread_orders_its_percentiles():
    spread = Spread.of([3.0, 1.0, 2.0, 100.0])
    assert spread.p50_ms == 2.5
    assert spread.p50_ms < spread.p90_ms < spread.p99_ms < 100


def test_ratio_finds_the_true_factor_inside_its_interval():
    rng = random.Random(1)
    slow = [[rng.gauss(3, 0.2) for _ in range(25)] for _ in range(40)]
    fast = [[rng.gauss(1, 0.1) for _ in range(25)] for _ in range(40)]
    ratio = ratio_of_medians(slow, fast)
    assert ratio.low < 3 < ratio.high
    assert ratio.high - ratio.low < 0.2
    assert ratio_of_medians(slow, fast) == ratio, "the same seed gives the same interval"


def test_ratio_of_equals_has_one_inside():
    rng = random.Random(2)
    a, b = ([[rng.gauss(1, 0.1) for _ in range(25)] for _ in range(40)] for _ in range(2))
    ratio = ratio_of_medians(a, b)
    assert ratio.low < 1 < ratio.high


def test_ratio_needs_pairs():
    with pytest.raises(ValueError, match="pairs"):
        ratio_of_medians([[1.0]], [])
