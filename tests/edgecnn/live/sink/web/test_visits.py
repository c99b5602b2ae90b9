"""Who goes when another comes."""

import pytest

from edgecnn.live.sink.web.visits import (
    KNOWN,
    STRANGERS,
    STRANGERS_EACH,
    THIS_MACHINE,
    Pool,
    Visits,
    client_of,
)


class Visit:
    """A connection of a client, and how stale it is."""

    def __init__(self, whose: str, *staleness: float) -> None:
        self.whose, self._staleness, self.ended = whose, staleness, False

    def staleness(self):
        return self._staleness

    def end(self) -> None:
        self.ended = True


def test_the_stalest_of_the_same_client_goes_where_it_has_too_many():
    pool = Pool(most=10, each=2)
    old, older, other = Visit("a", 1, 5.0), Visit("a", 1, 3.0), Visit("b", 0, 0.0)
    for visit in (old, older, other, Visit("a", 1, 9.0)):
        pool.add(visit)
    assert [v.ended for v in (old, older, other)] == [False, True, False]
    assert (pool.count("a"), pool.count("b")) == (2, 1)


def test_that_of_whom_has_most_goes_where_all_have_too_many():
    pool = Pool(most=5, each=4)
    single = Visit("single", 0, 0.0)
    many = [Visit("many", 1, float(i)) for i in range(4)]
    newcomers = [Visit(f"new {i}", 1, 9.0) for i in range(3)]
    for visit in (single, *many, *newcomers):
        pool.add(visit)
    assert [v.ended for v in many] == [True, True, True, False]
    assert not single.ended
    assert not any(v.ended for v in newcomers)


def test_the_only_one_of_its_client_may_go_too():
    pool = Pool(most=1, each=1)
    visits = [Visit(name, 1, 0.0) for name in "abb"]
    for visit in visits:
        pool.add(visit)
    assert [v.ended for v in visits] == [True, True, False]
    pool.discard(visits[0])
    pool.discard(visits[2])
    assert pool.count("b") == 0


def test_strangers_never_push_out_whom_we_know():
    visits = Visits()
    known = [Visit("us", 1, 0.0) for _ in range(KNOWN // 2)]
    for visit in known:
        visits.strangers.add(visit)
        visits.let_in(visit)
    strangers = [Visit(f"{i % 3}", 1, float(i)) for i in range(5 * STRANGERS)]
    for visit in strangers:
        visits.strangers.add(visit)
    assert not any(v.ended for v in known)
    assert sum(not v.ended for v in strangers) == STRANGERS
    assert not strangers[-1].ended


def test_whom_was_refused_is_a_stranger_again():
    visits = Visits()
    refused = Visit("a", 0, 9.0)
    visits.strangers.add(refused)
    visits.let_in(refused)
    visits.send_off(refused)
    for i in range(STRANGERS_EACH):
        visits.strangers.add(Visit("a", 1, float(i)))
    assert refused.ended
    visits.discard(refused)
    assert visits.strangers.count("a") == STRANGERS_EACH


@pytest.mark.parametrize(
    ("address", "client"),
    [("127.0.0.1", THIS_MACHINE), ("127.9.9.9", THIS_MACHINE), ("::1", THIS_MACHINE),
     ("::ffff:127.0.0.1", THIS_MACHINE), ("192.168.1.7", "192.168.1.7"),
     ("::ffff:192.168.1.7", "192.168.1.7"),
     ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
     ("fe80::1%eth0", "fe80::/64"), ("somebody", "somebody")],
)  # fmt: skip
def test_what_is_one_client(address, client):
    assert client_of(address) == client
