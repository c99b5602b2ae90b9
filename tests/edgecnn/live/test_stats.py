import pytest

import edgecnn
from edgecnn.live.stats import Following, Stats
from tests.edgecnn.live.test_loop import frame


def follow(truths: str, answers: str) -> Following:
    found = Following()
    for truth, answer in zip(truths, answers, strict=True):
        found.add(truth, truth == answer)
    return found


@pytest.mark.parametrize(
    ("truths", "answers", "expected"),
    [
        ("aaabbb", "aaabbb", (1, 2, 0, 0, 6, 6)),
        ("aaabbbb", "aaaaabb", (1, 2, 2, 0, 5, 5)),  # two frames late, and right from there on
        ("aaabbbb", "aaaabab", (1, 2, 1, 0, 6, 5)),  # one frame late, then wrong once
        ("aaabccc", "aaaaacc", (2, 2, 1, 1, 5, 5)),  # b was gone before it was named
        ("aaabb", "aaaaa", (1, 1, 0, 0, 3, 3)),  # b may still be named
    ],
    ids=["immediately", "late", "unsteady", "missed", "cut off"],
)
def test_it_tells_late_from_wrong(truths, answers, expected):
    f = follow(truths, answers)
    assert (f.true_changes, f.reached, f.late, f.missed, f.settled, f.right) == expected


def test_the_latency_of_each_variant_stays_its_own():
    stats = Stats()
    assert stats.totals() == {}
    for variant, milliseconds in (("int8", 1), ("float32", 2), ("int8", 3)):
        stats.run(variant)
        predictions = [edgecnn.Prediction("1", 1, 1.0)]
        stats.add(edgecnn.Result(frame(0), predictions, edgecnn.Timings(milliseconds, 0, 0), 7), 0)
    assert list(stats.totals()) == ["int8", "float32"]
    assert [stats.totals()["int8"].p50_ms, stats.totals()["float32"].p50_ms] == [2, 2]
    assert stats.totals(latest=1)["int8"].p50_ms == 3
