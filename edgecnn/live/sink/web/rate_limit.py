"""How quickly those are answered who show no token: an answer costs the processor that the loop needs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from edgecnn.live.sink.web.bucket import Buckets

if TYPE_CHECKING:
    from collections.abc import Callable

# Answers to one client's requests that show no token: at once, and how many more each second.
AT_ONCE, PER_S = 50, 20


class Limited(Protocol):
    """A connection, as the rules here see it: whose it is, and how it goes on when it is its turn."""

    whose: str

    def go_on(self) -> None:
        """Take up what came before it had to wait."""


class RateLimit:
    """Lets requests in at once that show the token, and the others of each client at a bounded rate.

    Parameters
    ----------
    shows_token
        Whether the beginning of a request shows the token, or there is none: client, bytes.
    """

    def __init__(self, shows_token: Callable[[str, bytes], bool]) -> None:
        self._shows_token = shows_token
        self._buckets = Buckets(AT_ONCE, PER_S)
        # By client: those that wait, first come first served. A dict, because most leave before their turn.
        self._waiting: dict[str, dict[Limited, None]] = {}

    def lets_in(self, connection: Limited, head: bytes) -> bool:
        """Whether a request is taken up now; else it waits, and its `go_on` is called when it is its turn."""
        if self._shows_token(connection.whose, head):
            return True
        bucket, line = self._buckets.of(connection.whose), self._waiting.get(connection.whose)
        if line is None and bucket.left() >= 1:
            bucket.take()
            return True
        if line is None:
            line = self._waiting[connection.whose] = {}
            self._look_later(connection.whose)
        line[connection] = None
        return False

    def discard(self, connection: Limited) -> None:
        """Forget one that waits, if it does."""
        self._waiting.get(connection.whose, {}).pop(connection, None)

    def _look_later(self, client: str) -> None:
        asyncio.get_running_loop().call_later(1 / PER_S, self._look, client)

    def _look(self, client: str) -> None:
        line, bucket = self._waiting[client], self._buckets.of(client)
        while line and bucket.left() >= 1:
            bucket.take()
            first = next(iter(line))
            del line[first]
            first.go_on()
        if line:
            self._look_later(client)
        else:
            del self._waiting[client]
