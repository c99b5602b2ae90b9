"""Limits wrong tokens, by client and in all."""

from __future__ import annotations

import time

from edgecnn.live.sink.web.bucket import Bucket, Buckets
from edgecnn.live.sink.web.pools import THIS_MACHINE

# Wrong tokens in a burst, and per minute: of one client, and of all together.
EACH, EACH_PER_MINUTE = 10, 10
ALL, ALL_PER_MINUTE = 100, 60
# A client's first tokens are always checked, however many others guess.
FIRST = 3
# For this long after a client's right token, all of its tokens are checked.
TRUSTED_S = 86_400.0
_MOST_CLIENTS = 1000


class Guesses:
    """Counts wrong tokens by client, and decides which clients' tokens are no longer checked.

    Tokens from this machine are always checked, and those of a client that has sent the right one within a
    day, so that guessing from the same address does not lock its owner out.
    """

    def __init__(self) -> None:
        self._all = Bucket(ALL, ALL_PER_MINUTE / 60)
        self._clients = Buckets(EACH, EACH_PER_MINUTE / 60)
        self._right_s: dict[str, float] = {}

    def are_too_many(self, client: str) -> bool:
        """Whether a client has guessed too often, or all together and this one more than a few times."""
        left = self._clients.of(client).left()
        return left < 1 or (left < EACH - FIRST + 1 and self._all.left() < 1)

    def is_trusted(self, client: str) -> bool:
        """Whether a client's tokens are always checked."""
        right_s = self._right_s.get(client)
        return client == THIS_MACHINE or (right_s is not None and time.monotonic() - right_s < TRUSTED_S)

    def count(self, client: str) -> None:
        """Count a wrong token."""
        self._all.take()
        self._clients.of(client).take()

    def trust(self, client: str) -> None:
        """Note that a client has sent the right token."""
        self._right_s.pop(client, None)
        self._right_s[client] = time.monotonic()
        if len(self._right_s) > _MOST_CLIENTS:
            del self._right_s[next(iter(self._right_s))]
