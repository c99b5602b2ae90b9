import pytest

from edgecnn.live.stats import Following


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
