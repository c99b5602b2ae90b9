from itertools import chain, repeat

from edgecnn.bench.warm_up import warm_up


def runs(*latencies):
    """What runs once for each of the latencies, and then for ever as the last one."""
    values = chain(latencies, repeat(latencies[-1]))
    return lambda: next(values)


def test_what_is_steady_immediately_takes_two_batches():
    found = warm_up(runs(5.0))
    assert (found.runs, found.ms, found.steady) == (20, 100, True)
    assert warm_up(runs(0.1)).runs == 2 * 200, "batches of 20 ms"


def test_what_becomes_quicker_is_run_until_it_stays():
    found = warm_up(runs(*[10.0] * 10, *[8.0] * 10, *[5.0] * 10, *[4.95] * 10))
    assert (found.runs, found.steady) == (40, True)


def test_what_never_stays_is_given_up_after_two_seconds():
    found = warm_up(runs(*(ms for k in range(100) for ms in [5.0 * 1.03**k] * 10)))
    assert not found.steady
    assert 2000 <= found.ms < 2000 + 10 * 20


def test_a_slow_model_has_its_two_batches():
    found = warm_up(runs(400.0))
    assert (found.runs, found.steady) == (20, True)


def test_what_takes_no_time_ends():
    assert warm_up(runs(0.0)).runs == 2000
