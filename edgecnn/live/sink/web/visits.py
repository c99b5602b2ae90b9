"""How many connections there may be, and which one ends when another comes."""

from __future__ import annotations

import ipaddress
from typing import Protocol

# Connections whose last request was let in, and those that have shown nothing yet: in all, and of one client.
KNOWN, KNOWN_EACH = 160, 120
STRANGERS, STRANGERS_EACH = 256, 128
THIS_MACHINE = "this machine"


class Visit(Protocol):
    """A connection, as the rules here see it.

    Attributes
    ----------
    whose
        The client: see `client_of`.
    """

    whose: str

    def staleness(self) -> tuple[int, float]:
        """Return what it is worth, and since when; the least of several ends first."""

    def end(self) -> None:
        """Close it at once."""


class Pool:
    """Visits of one kind. A newcomer always gets in: where it is one too many, the stalest other one ends.

    That is one of the same client, where this client has too many; else of the client that has most.
    """

    def __init__(self, most: int, each: int) -> None:
        self._most, self._each = most, each
        self._visits: dict[str, list[Visit]] = {}
        self._count = 0

    def add(self, visit: Visit) -> None:
        """Take a visit, and end another one for it where there are too many."""
        if self.count(visit.whose) >= self._each:
            self._end_one_of(self._visits[visit.whose])
        elif self._count >= self._most:
            self._end_one_of(max(self._visits.values(), key=len))
        self._visits.setdefault(visit.whose, []).append(visit)
        self._count += 1

    def discard(self, visit: Visit) -> None:
        """Forget a visit, if it is here."""
        own = self._visits.get(visit.whose, [])
        if visit in own:
            own.remove(visit)
            self._count -= 1
            if not own:
                del self._visits[visit.whose]

    def count(self, client: str) -> int:
        """Return how many visits of a client are here."""
        return len(self._visits.get(client, ()))

    def _end_one_of(self, visits: list[Visit]) -> None:
        stalest = min(visits, key=lambda visit: visit.staleness())
        self.discard(stalest)
        stalest.end()


class Visits:
    """All connections. Those of which no request was let in yet are strangers, and push out only one another.

    Attributes
    ----------
    buffer
        What all connections read into, one after the other.
    """

    def __init__(self) -> None:
        self.known = Pool(KNOWN, KNOWN_EACH)
        self.strangers = Pool(STRANGERS, STRANGERS_EACH)
        self.buffer = memoryview(bytearray(1 << 14))

    def let_in(self, visit: Visit) -> None:
        """Count a stranger among those who are known."""
        self.strangers.discard(visit)
        self.known.add(visit)

    def send_off(self, visit: Visit) -> None:
        """Count a visit that was refused among the strangers: it may stay only while there is room."""
        self.discard(visit)
        self.strangers.add(visit)

    def discard(self, visit: Visit) -> None:
        """Forget a visit."""
        self.known.discard(visit)
        self.strangers.discard(visit)


def client_of(address: str) -> str:
    """Return what counts as one client: an IPv4 address, the 64 bits of an IPv6 network, or this machine."""
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
