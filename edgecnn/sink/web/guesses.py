"""How many wrong tokens there may be, of one client and in all."""

from __future__ import annotations

import time
from dataclasses import dataclass

from edgecnn.sink.web.visits import THIS_MACHINE

# Wrong tokens at once, and how many more a minute: of one client, and of all together.
EACH, EACH_PER_MINUTE = 10, 10
ALL, ALL_PER_MINUTE = 100, 60
# However many others guess, a client's first ones are looked at.
FIRST = 3
# So long after the right token came from a client, any token of it is looked at.
TRUSTED_S = 86_400.0
_MOST_CLIENTS = 1000


@dataclass
class _Bucket:
    """What is left; it fills up as time passes."""

    most: float
    per_minute: float
    left: float
    since_s: float

    def take(self) -> None:
        self.left = max(0.0, self.now() - 1)

    def now(self) -> float:
        passed_s = time.monotonic() - self.since_s
        self.since_s += passed_s
        self.left = min(self.most, self.left + passed_s * self.per_minute / 60)
        return self.left


class Guesses:
    """Counts wrong tokens by client, and says whose tokens are not even looked at any more.

    Those of this machine always are, and those of a client that has shown the right one within a day, so that
    nobody who guesses from the same address shuts its owner out.
    """

    def __init__(self) -> None:
        self._all = _Bucket(ALL, ALL_PER_MINUTE, ALL, time.monotonic())
        self._clients: dict[str, _Bucket] = {}
        self._right_s: dict[str, float] = {}

    def are_too_many(self, client: str) -> bool:
        """Whether a client has guessed too often, or all together and this one more than a few times."""
        left = self._clients[client].now() if client in self._clients else EACH
        return left < 1 or (left < EACH - FIRST + 1 and self._all.now() < 1)

    def is_trusted(self, client: str) -> bool:
        """Whether its tokens are looked at however often it was wrong."""
        right_s = self._right_s.get(client)
        return client == THIS_MACHINE or (right_s is not None and time.monotonic() - right_s < TRUSTED_S)

    def count(self, client: str) -> None:
        """Count a wrong token."""
        self._all.take()
        bucket = self._clients.pop(client, None) or _Bucket(EACH, EACH_PER_MINUTE, EACH, time.monotonic())
        bucket.take()
        self._clients[client] = bucket
        if len(self._clients) > _MOST_CLIENTS:
            del self._clients[next(iter(self._clients))]

    def trust(self, client: str) -> None:
        """Note that a client has shown the right token."""
        self._right_s.pop(client, None)
        self._right_s[client] = time.monotonic()
        if len(self._right_s) > _MOST_CLIENTS:
            del self._right_s[next(iter(self._right_s))]
