import pytest

from edgecnn.live import rate
from edgecnn.live.rate import Rate


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(rate.time, "monotonic", lambda: now[0])
    return now


def test_a_rate_is_of_the_latest_events(clock):
    events = Rate()
    assert events.per_s() == 0
    events.add()
    assert events.per_s() == 0, "one event has no rate"
    for _ in range(100):
        clock[0] += 1.0
        events.add()
    assert events.per_s() == pytest.approx(1)
    for _ in range(60):
        clock[0] += 0.1
        events.add()
    assert events.per_s() == pytest.approx(10)
    events.clear()
    assert events.per_s() == 0
