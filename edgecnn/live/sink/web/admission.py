"""Bounds how many uploads are read and decoded at a time, and schedules them fairly by client."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from starlette.exceptions import HTTPException

from edgecnn.live.sink.web.pools import client_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

MOST_BYTES = 16 << 20
# Waiting, unread uploads: in all, of one client, and the longest time.
WAITING, WAITING_EACH, WAITING_S = 48, 32, 20.0
# The time limit of a body: some seconds, more for a long one, up to the last.
BODY_S, BODY_BYTES_PER_S, MOST_BODY_S = 5.0, 64 << 10, 30.0


class Share(NamedTuple):
    """A limit on the number of requests, and on the bytes of their bodies."""

    requests: int
    size: int


# Uploads that are being read or wait for the decoder: in all, and of one client.
HELD, HELD_EACH = Share(4, 2 * MOST_BYTES), Share(2, MOST_BYTES)
DECODED = Share(1, MOST_BYTES)


class Turns:
    """Admits a few requests at a time; next is one of the client that was admitted least recently.

    Parameters
    ----------
    most, each
        The limits of admitted requests: in all, and of one client.
    """

    def __init__(self, most: Share, each: Share) -> None:
        self._most, self._each = most, each
        # By client: sizes of admitted requests, waiting ones, and the serial number of the last admission.
        self._in: dict[str, list[int]] = {}
        self._waiting: dict[str, deque[tuple[asyncio.Future[None], int]]] = {}
        self._lately: dict[str, int] = {}
        self._serial = 0

    def is_full(self, client: str) -> bool:
        """Whether no more requests of this client may wait."""
        count = sum(map(len, self._waiting.values()))
        return count >= WAITING or len(self._waiting.get(client, ())) >= WAITING_EACH

    @asynccontextmanager
    async def turn(self, client: str, size: int) -> AsyncIterator[None]:
        """Wait for admission, and release it at the end of the block."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append((place, size))
        self._admit()
        try:
            await place
            yield
        finally:
            if place.done() and not place.cancelled():
                self._in[client].remove(size)
            place.cancel()
            self._admit()

    def _admit(self) -> None:
        while (client := self._next()) is not None:
            place, size = self._waiting[client].popleft()
            if not self._waiting[client]:
                del self._waiting[client]
            if not place.cancelled():
                self._serial += 1
                self._lately[client] = self._serial
                self._in.setdefault(client, []).append(size)
                place.set_result(None)

    def _next(self) -> str | None:
        """Return the client to admit next; a request that is too large now blocks those after it."""
        self._in = {client: sizes for client, sizes in self._in.items() if sizes}
        here = self._in.keys() | self._waiting.keys()
        self._lately = {client: serial for client, serial in self._lately.items() if client in here}
        everything = [size for sizes in self._in.values() for size in sizes]
        for client in sorted(self._waiting, key=lambda client: self._lately.get(client, 0)):
            place, size = self._waiting[client][0]
            if place.cancelled():
                return client
            if _fits(size, self._in.get(client, []), self._each):
                return client if _fits(size, everything, self._most) else None
        return None


def _fits(size: int, others: list[int], share: Share) -> bool:
    return len(others) < share.requests and sum(others) + size <= share.size


class Uploads:
    """Bounds uploads to four and 32 MiB at a time; the others wait unread."""

    def __init__(self) -> None:
        self._held = Turns(HELD, HELD_EACH)
        self._decoder = Turns(DECODED, DECODED)

    @asynccontextmanager
    async def take(self, request: Request) -> AsyncIterator[bytearray]:
        """Yield the body of an upload when it may be decoded.

        Raises HTTPException where too many wait, or where it waits or takes too long.
        """
        client = client_of(request.client.host if request.client else "unknown")
        if self._held.is_full(client):
            raise _busy()
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(WAITING_S):
                    await stack.enter_async_context(self._held.turn(client, length_of(request)))
            except TimeoutError as error:
                raise _busy() from error
            data = await read_body(request)
            await stack.enter_async_context(self._decoder.turn(client, 0))
            try:
                yield data
            finally:
                # An error's traceback may keep it until the next garbage collection, which is rare.
                data.clear()


async def read_body(request: Request) -> bytearray:
    """Return a request's body, whose length the guard has checked.

    Raises HTTPException where it takes too long.
    """
    # Allocated at full length: a growing one is moved repeatedly and fragments memory.
    data, at = bytearray(length_of(request)), 0
    patience_s = min(MOST_BODY_S, BODY_S + length_of(request) / BODY_BYTES_PER_S)
    try:
        async with asyncio.timeout(patience_s):
            async for chunk in request.stream():
                data[at : at + len(chunk)] = chunk
                at += len(chunk)
    except TimeoutError as error:
        raise HTTPException(408, f"the body took more than {patience_s:.0f} s to arrive") from error
    return data


def length_of(request: Request) -> int:
    """Return the declared length of the body."""
    return int(request.headers.get("content-length", 0))


def _busy() -> HTTPException:
    return HTTPException(503, "too many images wait here: try again", {"retry-after": "2"})
