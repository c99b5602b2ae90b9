import pytest

from edgecnn.evaluation.interval import wilson


@pytest.mark.parametrize(
    ("share", "count", "low"),
    # The first by hand (12 / (12 + 1.96²)), two of Newcombe 1998, table I: 81 of 263, 15 of 148.
    [(1.0, 12, 0.757), (81 / 263, 263, 0.2553), (15 / 148, 148, 0.0624), (0.0, 20, 0.0)],
)
def test_the_lower_end(share, count, low):
    assert wilson(share, count) == pytest.approx(low, abs=6e-4)


def test_it_is_never_empty():
    for count in (1, 4, 50, 10_000):
        for right in (1, count // 2 + 1, count):
            assert 0 < wilson(right / count, count) < right / count
