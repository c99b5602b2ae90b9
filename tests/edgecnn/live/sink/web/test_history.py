import pytest

from edgecnn.live.sink.web import history
from edgecnn.live.sink.web.history import GAP_S, HOUR_S, History


@pytest.fixture
def clock(monkeypatch):
    now = [10_000.0]
    monkeypatch.setattr(history.time, "monotonic", lambda: now[0])
    return now


def seen(clock, labels: str, seconds: float = 1.0, score: float = 0.5) -> History:
    """Add an answer for each label, so many seconds apart."""
    kept = History()
    for label in labels:
        kept.add(label, score)
        clock[0] += seconds
    return kept


def test_answers_with_the_same_label_are_joined(clock):
    assert seen(clock, "aaabba").entries() == [
        {"t": 6.0, "seconds": 3.0, "label": "a", "score": 0.5},
        {"t": 3.0, "seconds": 2.0, "label": "b", "score": 0.5},
        {"t": 1.0, "seconds": 0.0, "label": "a", "score": 0.5},
    ]


def test_one_answer_a_second_is_taken_and_scores_are_averaged(clock):
    kept = History()
    for score in (0.2, 0.9, 0.6, 0.9):
        kept.add("a", score)
        clock[0] += 0.5
    assert kept.entries() == [{"t": 2.0, "seconds": 1.0, "label": "a", "score": 0.4}]


def test_a_gap_ends_an_answer(clock):
    kept = seen(clock, "aa")
    clock[0] += GAP_S
    kept.add("a", 0.5)
    assert [(e["t"], e["seconds"]) for e in kept.entries()] == [(7.0, 1.0), (0.0, 0.0)]


def test_after_an_hour_it_is_forgotten(clock):
    kept = seen(clock, "a" * 100 + "b" * 100)
    clock[0] += HOUR_S - 150
    assert [(e["label"], e["t"], e["seconds"]) for e in kept.entries()] == [
        ("a", 3600.0, 50.0),
        ("b", 3550.0, 99.0),
    ]
    clock[0] += HOUR_S
    assert kept.entries() == []


def test_it_is_bounded(clock):
    kept = seen(clock, "ab" * 4000)
    assert len(kept._stretches) == 3600
    assert len(kept.entries()) == 3600
