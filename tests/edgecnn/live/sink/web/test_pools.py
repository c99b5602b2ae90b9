"""Who goes when another comes."""

import pytest

from edgecnn.live.sink.web.pools import (
    THIS_MACHINE,
    UNVERIFIED,
    UNVERIFIED_EACH,
    VERIFIED,
    ConnectionPool,
    ConnectionPools,
    client_of,
)


class PooledConnection:
    """A connection of a client, and how stale it is."""

    def __init__(self, client_id: str, *staleness: float) -> None:
        self.client_id, self._staleness, self.ended = client_id, staleness, False

    def staleness(self):
        return self._staleness

    def end(self) -> None:
        self.ended = True


def test_the_stalest_of_the_same_client_goes_where_it_has_too_many():
    pool = ConnectionPool(most=10, each=2)
    old, older, other = (
        PooledConnection("a", 1, 5.0),
        PooledConnection("a", 1, 3.0),
        PooledConnection("b", 0, 0.0),
    )
    for connection in (old, older, other, PooledConnection("a", 1, 9.0)):
        pool.add(connection)
    assert [v.ended for v in (old, older, other)] == [False, True, False]
    assert (pool.count("a"), pool.count("b")) == (2, 1)


def test_that_of_whom_has_most_goes_where_all_have_too_many():
    pool = ConnectionPool(most=5, each=4)
    single = PooledConnection("single", 0, 0.0)
    many = [PooledConnection("many", 1, float(i)) for i in range(4)]
    newcomers = [PooledConnection(f"new {i}", 1, 9.0) for i in range(3)]
    for connection in (single, *many, *newcomers):
        pool.add(connection)
    assert [v.ended for v in many] == [True, True, True, False]
    assert not single.ended
    assert not any(v.ended for v in newcomers)


def test_the_only_one_of_its_client_may_go_too():
    pool = ConnectionPool(most=1, each=1)
    connections = [PooledConnection(name, 1, 0.0) for name in "abb"]
    for connection in connections:
        pool.add(connection)
    assert [v.ended for v in connections] == [True, True, False]
    pool.discard(connections[0])
    pool.discard(connections[2])
    assert pool.count("b") == 0


def test_unverified_clients_never_push_out_verified_ones():
    connections = ConnectionPools()
    known = [PooledConnection("us", 1, 0.0) for _ in range(VERIFIED // 2)]
    for connection in known:
        connections.unverified.add(connection)
        connections.admit(connection)
    unverified = [PooledConnection(f"{i % 3}", 1, float(i)) for i in range(5 * UNVERIFIED)]
    for connection in unverified:
        connections.unverified.add(connection)
    assert not any(v.ended for v in known)
    assert sum(not v.ended for v in unverified) == UNVERIFIED
    assert not unverified[-1].ended


def test_a_demoted_client_is_unverified_again():
    connections = ConnectionPools()
    refused = PooledConnection("a", 0, 9.0)
    connections.unverified.add(refused)
    connections.admit(refused)
    connections.demote(refused)
    for i in range(UNVERIFIED_EACH):
        connections.unverified.add(PooledConnection("a", 1, float(i)))
    assert refused.ended
    connections.discard(refused)
    assert connections.unverified.count("a") == UNVERIFIED_EACH


@pytest.mark.parametrize(
    ("address", "client"),
    [("127.0.0.1", THIS_MACHINE), ("127.9.9.9", THIS_MACHINE), ("::1", THIS_MACHINE),
     ("::ffff:127.0.0.1", THIS_MACHINE), ("192.168.1.7", "192.168.1.7"),
     ("::ffff:192.168.1.7", "192.168.1.7"),
     ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
     ("fe80::1%eth0", "fe80::/64"), ("no-address", "no-address")],
)  # fmt: skip
def test_what_is_one_client(address, client):
    assert client_of(address) == client
