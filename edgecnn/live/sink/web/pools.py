"""Bounds the number of connections, and decides which one is closed for a new one."""

from __future__ import annotations

import ipaddress
from typing import Protocol

# Connections whose last request was admitted, and unverified ones: in all, and of one client.
VERIFIED, VERIFIED_EACH = 160, 120
UNVERIFIED, UNVERIFIED_EACH = 256, 128
THIS_MACHINE = "this machine"


class PooledConnection(Protocol):
    """The part of a connection that the pools use.

    Attributes
    ----------
    client_id
        The client: see `client_of`.
    """

    client_id: str

    def staleness(self) -> tuple[int, float]:
        """Return its rank and since when it has that; the connection with the least value is closed first."""

    def end(self) -> None:
        """Close it immediately."""


class ConnectionPool:
    """Connections of one kind. A new one is always added; where it is one too many, the stalest is closed.

    That is one of the same client where this client has too many, else of the client with the most.
    """

    def __init__(self, most: int, each: int) -> None:
        self._most, self._each = most, each
        self._connections: dict[str, list[PooledConnection]] = {}
        self._count = 0

    def add(self, connection: PooledConnection) -> None:
        """Add a connection, and close another one for it where there are too many."""
        if self.count(connection.client_id) >= self._each:
            self._end_one_of(self._connections[connection.client_id])
        elif self._count >= self._most:
            self._end_one_of(max(self._connections.values(), key=len))
        self._connections.setdefault(connection.client_id, []).append(connection)
        self._count += 1

    def discard(self, connection: PooledConnection) -> None:
        """Remove a connection, if it is in the pool."""
        own = self._connections.get(connection.client_id, [])
        if connection in own:
            own.remove(connection)
            self._count -= 1
            if not own:
                del self._connections[connection.client_id]

    def count(self, client: str) -> int:
        """Return the number of connections of a client."""
        return len(self._connections.get(client, ()))

    def _end_one_of(self, connections: list[PooledConnection]) -> None:
        stalest = min(connections, key=lambda connection: connection.staleness())
        self.discard(stalest)
        stalest.end()


class ConnectionPools:
    """All connections. Those without an admitted request are unverified, and displace only one another.

    Attributes
    ----------
    buffer
        The buffer into which all connections read, one after the other.
    """

    def __init__(self) -> None:
        self.verified = ConnectionPool(VERIFIED, VERIFIED_EACH)
        self.unverified = ConnectionPool(UNVERIFIED, UNVERIFIED_EACH)
        self.buffer = memoryview(bytearray(1 << 14))

    def admit(self, connection: PooledConnection) -> None:
        """Move a connection to the verified ones."""
        self.unverified.discard(connection)
        self.verified.add(connection)

    def demote(self, connection: PooledConnection) -> None:
        """Move a refused connection to the unverified ones, where it stays only while there is room."""
        self.discard(connection)
        self.unverified.add(connection)

    def discard(self, connection: PooledConnection) -> None:
        """Remove a connection."""
        self.verified.discard(connection)
        self.unverified.discard(connection)


def client_of(address: str) -> str:
    """Return the key of a client: an IPv4 address, the 64 bits of an IPv6 network, or this machine."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip.is_loopback:
        return THIS_MACHINE
    if isinstance(ip, ipaddress.IPv6Address):
        return f"{ipaddress.IPv6Address(int(ip) >> 64 << 64)}/64"
    return str(ip)
