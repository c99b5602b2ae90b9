"""Limits answers to requests without the token, which take processor time from the loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from edgecnn.live.sink.web.bucket import Buckets

if TYPE_CHECKING:
    from collections.abc import Callable

# Answers to one client's requests without the token: in a burst, and per second.
BURST, PER_S = 50, 20


class Limited(Protocol):
    """The part of a connection that the limit uses: its client, and how it resumes."""

    client_id: str

    def resume(self) -> None:
        """Handle the bytes that came before the wait."""


class RateLimit:
    """Allows requests with the token immediately, and the others of each client at a bounded rate.

    Parameters
    ----------
    shows_token
        Of a client and the beginning of its request: whether it contains the token, or none is required.
    """

    def __init__(self, shows_token: Callable[[str, bytes], bool]) -> None:
        self._shows_token = shows_token
        self._buckets = Buckets(BURST, PER_S)
        # Waiting connections by client, in order. A dict, because most are closed before they resume.
        self._waiting: dict[str, dict[Limited, None]] = {}

    def allows(self, connection: Limited, head: bytes) -> bool:
        """Whether a request may be handled now; else it waits, and `resume` is called later."""
        if self._shows_token(connection.client_id, head):
            return True
        bucket, line = self._buckets.of(connection.client_id), self._waiting.get(connection.client_id)
        if line is None and bucket.left() >= 1:
            bucket.take()
            return True
        if line is None:
            line = self._waiting[connection.client_id] = {}
            self._look_later(connection.client_id)
        line[connection] = None
        return False

    def discard(self, connection: Limited) -> None:
        """Remove a waiting connection, if it waits."""
        self._waiting.get(connection.client_id, {}).pop(connection, None)

    def _look_later(self, client: str) -> None:
        asyncio.get_running_loop().call_later(1 / PER_S, self._look, client)

    def _look(self, client: str) -> None:
        line, bucket = self._waiting[client], self._buckets.of(client)
        while line and bucket.left() >= 1:
            bucket.take()
            first = next(iter(line))
            del line[first]
            first.resume()
        if line:
            self._look_later(client)
        else:
            del self._waiting[client]
