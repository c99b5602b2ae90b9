import random
import time

import numpy as np
import pytest

from edgecnn.latency import Ratio, Spread, interleaved_medians, percentile, ratio_of_medians, ratio_of_runs


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
    assert ratio.high - ratio.low < 0.3
    assert ratio_of_medians(slow, fast) == ratio, "the same seed gives the same interval"


def test_ratio_of_equals_has_one_inside():
    rng = random.Random(2)
    a, b = ([[rng.gauss(1, 0.1) for _ in range(25)] for _ in range(40)] for _ in range(2))
    ratio = ratio_of_medians(a, b)
    assert ratio.low < 1 < ratio.high


def test_ratio_needs_pairs():
    with pytest.raises(ValueError, match="pairs"):
        ratio_of_medians([[1.0]], [])


def test_two_runs_apart_have_a_ratio_with_an_interval():
    rng = random.Random(5)
    now = [rng.gauss(1.3, 0.02) for _ in range(40)]
    before = [rng.gauss(1.0, 0.02) for _ in range(25)]
    found = ratio_of_runs(now, before)
    assert found.low < 1.3 < found.high
    assert found.low <= found.value <= found.high
    assert found.high - found.low < 0.2
    same = ratio_of_runs(before, before)
    assert same.low < 1 < same.high
    with pytest.raises(ValueError, match="at least one"):
        ratio_of_runs([], before)


def test_a_ratio_in_words_and_in_json():
    ratio = Ratio(2.25, 2.2, 2.3)
    assert str(ratio) == "2.25× (95 % interval 2.20–2.30)"
    assert ratio.as_dict() == {"value": 2.25, "low": 2.2, "high": 2.3}


class TestInterleavedMedians:
    def test_every_round_runs_all_in_another_order(self):
        ran = []
        runs = {name: lambda name=name: ran.append(name) for name in "abc"}
        medians = interleaved_medians(runs, limit_s=0, least=6)
        assert list(medians) == ["a", "b", "c"]
        rounds = [tuple(ran[k : k + 3]) for k in range(0, len(ran), 3)]
        assert len(rounds) == 6
        assert all(sorted(each) == ["a", "b", "c"] for each in rounds)
        assert len(set(rounds)) > 1

    def test_the_warm_up_does_not_count_where_there_is_more(self, monkeypatch):
        clock = [0.0]
        monkeypatch.setattr("edgecnn.latency.time.perf_counter", lambda: clock[0])
        durations = iter([9, 9, 9, 1, 2, 1])

        def run():
            clock[0] += next(durations)

        assert interleaved_medians({"a": run}, limit_s=0, least=6) == {"a": 1000.0}
        durations = iter([9, 2])
        assert interleaved_medians({"a": run}, limit_s=0, least=2) == {"a": 2000.0}

    def test_it_ends_after_its_time(self):
        ran = []
        interleaved_medians({"a": lambda: ran.append(time.sleep(0.01))}, limit_s=0.05, least=1, most=10_000)
        assert 1 <= len(ran) <= 6
