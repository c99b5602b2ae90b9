"""The endless answers: images as MJPEG, and server-sent events."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.responses import StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Send

    from edgecnn.live.sink.web.latest import Latest

# The time limit for a viewer that reads nothing.
STUCK_S = 30.0
END = "event: end\ndata: the run has ended\n\n"
_BOUNDARY = b"edgecnn-frame"


class Told(NamedTuple):
    """The newest event of each kind, as lines of the stream; None for none yet.

    `run` is the status of a camera, `cameras` the list of several, `pages` that of further pages.
    """

    run: str | None = None
    cameras: str | None = None
    pages: str | None = None


class Stream(StreamingResponse):
    """An endless response; a viewer that reads nothing for 30 s is disconnected."""

    async def stream_response(self, send: Send) -> None:
        """Send the parts as they arrive."""

        async def timely(message: Any) -> None:
            async with asyncio.timeout(STUCK_S):
                await send(message)

        with suppress(TimeoutError):
            await super().stream_response(timely)


def stream_images(images: Latest[bytes]) -> Stream:
    """Return JPEGs as an image that moves."""
    return Stream(_parts(images), media_type=f"multipart/x-mixed-replace; boundary={_BOUNDARY.decode()}")


def stream_events(events: Latest[Told]) -> Stream:
    """Return events as they come; of each kind the newest ones, and only those that changed."""
    return Stream(_lines(events), media_type="text/event-stream")


def as_event(line: str, name: str | None = None) -> str:
    """Return one line of data as an event of the stream, with a name or as the default event."""
    return f"data: {line}\n\n" if name is None else f"event: {name}\ndata: {line}\n\n"


async def _parts(images: Latest[bytes]) -> AsyncIterator[bytes]:
    # A browser shows a part when the next one begins, so each ends with the line that begins the next.
    yield b"--" + _BOUNDARY + b"\r\n"
    async for jpeg in images.follow():
        head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
        yield head + jpeg + b"\r\n--" + _BOUNDARY + b"\r\n"


async def _lines(events: Latest[Told]) -> AsyncIterator[str]:
    yield "retry: 1000\n\n"
    sent = Told()
    async for told in events.follow():
        for new, old in zip(told, sent, strict=True):
            if new is not None and new is not old:
                yield new
        sent = told
    yield END
