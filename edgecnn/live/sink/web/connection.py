"""One connection: when it has to ask, how much is read ahead of it, and how it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from edgecnn.live.sink.web.guard import HEADERS
from edgecnn.live.sink.web.visits import client_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.live.sink.web.rate_limit import RateLimit
    from edgecnn.live.sink.web.visits import Visits

# How long the head of a request may take, and how long a refused client has to read the answer.
HEAD_S, LINGER_S = 5.0, 1.0
# The time between two requests of a connection, for each one that its client has: 100 requests a second.
PACE_S = 0.01
MOST_HEAD = 16 << 10


class Connection(H11Protocol, asyncio.BufferedProtocol):
    """Reads a request's head, then only as much of its body as is asked for, and ends where it was refused.

    Attributes
    ----------
    whose
        The client: see `client_of`.
    """

    def __init__(self, visits: Visits, rate_limit: RateLimit, **options: Any) -> None:
        super().__init__(**options)
        self.conn = _Parser(h11.SERVER, MOST_HEAD)
        self._visits, self._rate_limit = visits, rate_limit
        # What came before it was let in; None once it was.
        self._early: bytes | None = b""
        # The guard calls it when it lets a request in.
        self.app_state = {**self.app_state, "let_in": self._let_in}
        self._is_known = self._is_leaving = False
        self._since_s = self._next_s = 0.0
        self._head_timer: asyncio.TimerHandle | None = None
        self.whose = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a stranger's place."""
        super().connection_made(cast("asyncio.Transport", _Transport(transport, self._leave)))
        self._transport = transport
        self.whose = client_of(self.client[0] if self.client else "unknown")
        self._since_s = self.loop.time()
        self._visits.strangers.add(self)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the place to others."""
        self._visits.discard(self)
        self._rate_limit.discard(self)
        self._stop_head_timer()
        super().connection_lost(exc)

    def staleness(self) -> tuple[int, float]:
        """Return what it is worth (refused, asking nothing, stuck, answered), and since when."""
        if self._is_leaving:
            return 0, self._since_s
        if not (self._is_known and self._is_answering()):
            return 1, self._since_s
        return (2 if self.flow.write_paused else 3), self._since_s

    def end(self) -> None:
        """Close it at once."""
        self._transport.abort()

    # What it reads

    def get_buffer(self, _: int) -> memoryview:
        """Return where to put what comes: 16 KiB."""
        return self._visits.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came; more of a body comes when the application asks for it."""
        data = bytes(self._visits.buffer[:nbytes])
        if self._early is None:
            self._take(data)
        elif self._rate_limit.lets_in(self, data):
            self._early = None
            self._take(data)
        else:
            self._early = data
            self._transport.pause_reading()

    def go_on(self) -> None:
        """Take up what came before it had to wait: see `RateLimit`."""
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
        """Handle what came; the next request of a connection not before its time."""
        if self._is_answering():
            return super().handle_events()
        early_s = self._next_s - self.loop.time()
        if early_s > 0 and self.conn.trailing_data[0]:
            self.flow.pause_reading()
            self.loop.call_later(early_s, self._go_on)
            return None
        before = self.cycle
        try:
            super().handle_events()
        except ValueError:  # a length of 5,000 digits
            self.send_400_response("Invalid HTTP request received.")
        if self.cycle is not before:
            self._stop_head_timer()
            self._next_s = self.loop.time() + PACE_S * self._visits.known.count(self.whose)
            self._touch()
        return None

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._touch()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Note since when it takes nothing."""
        self._touch()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that it goes on."""
        self._touch()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request; like uvicorn's, with the headers of all other answers."""
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
        """End it when the page ends, unless it is being answered."""
        if self.transport.is_closing():
            self.end()
        else:
            super().shutdown()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _go_on(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self.handle_events()

    # How it ends

    def _touch(self) -> None:
        # The age of a stranger is what counts: one that trickles would never get old.
        if self._is_known:
            self._since_s = self.loop.time()

    def _let_in(self) -> None:
        if not self._is_known and not self.transport.is_closing():
            self._is_known = True
            self._touch()
            self._visits.let_in(self)

    def _expect_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_S, self.end)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _leave(self) -> None:
        """Close it. Where more comes than is read, the client would lose the answer, so it gets some time."""
        self._is_leaving = True
        if self.conn.their_state not in (h11.SEND_BODY, h11.ERROR):
            self._transport.close()
            return
        self._transport.pause_reading()
        self._transport.write_eof()
        self._since_s = self.loop.time()
        self._visits.send_off(self)
        self.loop.call_later(LINGER_S, self.end)


class _Parser(h11.Connection):
    """Parses no chunks, which would cost time: the guard refuses a request that has no length."""

    _is_over = False

    def next_event(self) -> Any:
        if self._is_over:
            return h11.NEED_DATA
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._is_over = any(name == b"transfer-encoding" for name, _ in event.headers)
        return event


class _Transport:
    """A transport of a connection that ends in its own way: see `Connection._leave`."""

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
