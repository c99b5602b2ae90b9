"""How often a token may be guessed."""

from edgecnn.live.sink.web.guesses import ALL, EACH, FIRST, Guesses
from edgecnn.live.sink.web.pools import THIS_MACHINE


def test_one_client_has_ten_and_ten_more_a_minute(clock):
    counted = Guesses()
    for _ in range(EACH):
        assert not counted.are_too_many("a")
        counted.count("a")
    assert counted.are_too_many("a")
    assert not counted.are_too_many("b")
    clock[0] += 6.5
    assert not counted.are_too_many("a")
    counted.count("a")
    assert counted.are_too_many("a")


def test_all_together_have_a_hundred_and_a_newcomer_still_a_few(clock):
    counted = Guesses()
    for i in range(ALL):
        counted.count(f"client {i // EACH}")
    for _ in range(FIRST):
        assert not counted.are_too_many("newcomer")
        counted.count("newcomer")
    assert counted.are_too_many("newcomer")
    clock[0] += 61
    assert not counted.are_too_many("newcomer")


def test_whom_is_trusted(clock):
    counted = Guesses()
    assert counted.is_trusted(THIS_MACHINE)
    assert not counted.is_trusted("a")
    counted.trust("a")
    assert counted.is_trusted("a")
    clock[0] += 86_401
    assert not counted.is_trusted("a")


def test_any_number_of_clients_takes_little_memory(clock):
    counted = Guesses()
    for i in range(5000):
        counted.count(str(i))
        counted.trust(str(i))
    assert len(counted._right_s) <= 1000
