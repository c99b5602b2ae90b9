"""One connection: its time limits, how much of it is read, and how it is closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from edgecnn.live.sink.web.guard import HEADERS
from edgecnn.live.sink.web.pools import client_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.live.sink.web.pools import ConnectionPools
    from edgecnn.live.sink.web.rate_limit import RateLimit

# The time limits for the head of a request, and for a refused client to read the answer.
HEAD_S, LINGER_S = 5.0, 1.0
# The time between two requests of a connection, times the client's connections: 100 requests a second.
PACE_S = 0.01
MOST_HEAD = 16 << 10


class Connection(H11Protocol, asyncio.BufferedProtocol):
    """Reads a request's head, then its body only on demand; is closed after a refusal.

    Attributes
    ----------
    client_id
        The client: see `client_of`.
    """

    def __init__(self, pools: ConnectionPools, rate_limit: RateLimit, **options: Any) -> None:
        super().__init__(**options)
        self.conn = _Parser(h11.SERVER, MOST_HEAD)
        self._pools, self._rate_limit = pools, rate_limit
        # Bytes received before the rate limit allowed them; None afterwards.
        self._early: bytes | None = b""
        # The guard calls it when it admits a request.
        self.app_state = {**self.app_state, "admit": self._admit}
        self._is_verified = self._is_leaving = False
        self._since_s = self._next_s = 0.0
        self._head_timer: asyncio.TimerHandle | None = None
        self.client_id = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Join the unverified connections."""
        super().connection_made(cast("asyncio.Transport", _Transport(transport, self._leave)))
        self._transport = transport
        self.client_id = client_of(self.client[0] if self.client else "unknown")
        self._since_s = self.loop.time()
        self._pools.unverified.add(self)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the pools."""
        self._pools.discard(self)
        self._rate_limit.discard(self)
        self._stop_head_timer()
        super().connection_lost(exc)

    def staleness(self) -> tuple[int, float]:
        """Return its rank (refused, no request, stuck, being answered), and since when."""
        if self._is_leaving:
            return 0, self._since_s
        if not (self._is_verified and self._is_answering()):
            return 1, self._since_s
        return (2 if self.flow.write_paused else 3), self._since_s

    def end(self) -> None:
        """Close it immediately."""
        self._transport.abort()

    # Reading

    def get_buffer(self, _: int) -> memoryview:
        """Return the buffer for received bytes: 16 KiB."""
        return self._pools.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Handle received bytes; more of a body is read when the application asks for it."""
        data = bytes(self._pools.buffer[:nbytes])
        if self._early is None:
            self._take(data)
        elif self._rate_limit.allows(self, data):
            self._early = None
            self._take(data)
        else:
            self._early = data
            self._transport.pause_reading()

    def resume(self) -> None:
        """Handle the bytes that came before the wait; see `RateLimit`."""
        data, self._early = self._early, None
        self._transport.resume_reading()
        self._take(data or b"")

    def _take(self, data: bytes) -> None:
        self.data_received(data)
        if not self._is_answering():
            self._expect_head()
        elif self.cycle.more_body:
            self.flow.pause_reading()

    def handle_events(self) -> None:
        """Handle parsed events; the next request of a connection not before its time."""
        if self._is_answering():
            return super().handle_events()
        early_s = self._next_s - self.loop.time()
        if early_s > 0 and self.conn.trailing_data[0]:
            self.flow.pause_reading()
            self.loop.call_later(early_s, self._resume)
            return None
        before = self.cycle
        try:
            super().handle_events()
        except ValueError:  # a length of 5,000 digits
            self.send_400_response("Invalid HTTP request received.")
        if self.cycle is not before:
            self._stop_head_timer()
            self._next_s = self.loop.time() + PACE_S * self._pools.verified.count(self.client_id)
            self._touch()
        return None

    def on_response_complete(self) -> None:
        """Expect the next request."""
        self._touch()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Note since when the client reads nothing."""
        self._touch()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that the client reads again."""
        self._touch()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse a malformed request; like uvicorn's, but with the headers of all other answers."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            headers = [
                *HEADERS.items(),
                ("content-type", "text/plain"),
                ("connection", "close"),
            ]
            for event in (
                h11.Response(status_code=400, headers=headers, reason="Bad Request"),
                h11.Data(data=msg.encode("ascii")),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def shutdown(self) -> None:
        """Close it when the page ends, unless it is being answered."""
        if self.transport.is_closing():
            self.end()
        else:
            super().shutdown()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _resume(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self.handle_events()

    # Closing

    def _touch(self) -> None:
        # An unverified connection keeps its age: otherwise one that trickles would never get old.
        if self._is_verified:
            self._since_s = self.loop.time()

    def _admit(self) -> None:
        if not self._is_verified and not self.transport.is_closing():
            self._is_verified = True
            self._touch()
            self._pools.admit(self)

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_S, self.end)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _leave(self) -> None:
        """Close it. Where unread bytes remain, the client would lose the answer, so it gets some time."""
        self._is_leaving = True
        if self.conn.their_state not in (h11.SEND_BODY, h11.ERROR):
            self._transport.close()
            return
        self._transport.pause_reading()
        self._transport.write_eof()
        self._since_s = self.loop.time()
        self._pools.demote(self)
        self.loop.call_later(LINGER_S, self.end)


class _Parser(h11.Connection):
    """A parser that skips chunked bodies, which take time: the guard refuses requests without a length."""

    _is_over = False

    def next_event(self) -> Any:
        if self._is_over:
            return h11.NEED_DATA
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._is_over = any(name == b"transfer-encoding" for name, _ in event.headers)
        return event


class _Transport:
    """A transport whose `close` is `Connection._leave`."""

    def __init__(self, transport: asyncio.Transport, leave: Callable[[], None]) -> None:
        self._transport, self._leave = transport, leave
        self._is_closing = False

    def close(self) -> None:
        if not self.is_closing():
            self._is_closing = True
            self._leave()

    def is_closing(self) -> bool:
        return self._is_closing or self._transport.is_closing()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
