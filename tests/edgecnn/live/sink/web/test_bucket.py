"""An allowance that fills up as time passes."""

from edgecnn.live.sink.web.bucket import Bucket, Buckets


def test_a_burst_and_more_as_time_passes(clock):
    held = Bucket(most=2, per_s=4)
    for _ in range(3):
        held.take()
    assert held.left() == 0
    clock[0] += 0.25
    assert held.left() == 1
    clock[0] += 100
    assert held.left() == 2


def test_each_client_has_its_own(clock):
    buckets = Buckets(most=1, per_s=1)
    buckets.of("a").take()
    assert [buckets.of(client).left() for client in ("a", "b")] == [0, 1]


def test_the_client_that_was_seen_last_is_kept(clock):
    buckets = Buckets(most=1, per_s=1)
    buckets.of("often").take()
    for i in range(5000):
        buckets.of(str(i))
        assert buckets.of("often").left() == 0
    assert len(buckets._buckets) <= 1000
