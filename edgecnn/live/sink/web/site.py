"""The pages and streams as an ASGI application."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import cv2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from edgecnn.errors import DecoderClosed, EdgeCnnError
from edgecnn.frame import Frame
from edgecnn.image.file import reduction
from edgecnn.io.checked_json import JsonError
from edgecnn.live.command import Classify, Command, Pause, Switch
from edgecnn.live.sink.web.admission import MOST_BYTES, Uploads, read_body
from edgecnn.live.sink.web.guard import Guard, static_files
from edgecnn.live.sink.web.status import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from starlette.requests import Request
    from starlette.types import Send

    from edgecnn.image.worker import ImageWorker
    from edgecnn.live.sink.web.latest import Latest

T = TypeVar("T")
# The time limits for the loop's answer, and for a viewer that reads nothing.
PATIENCE_S = 30.0
# Without a new result for this long, the run counts as stalled.
STALE_S = 15.0
# Only these of the folder: `token.html` is the guard's.
_STATIC = ("/", "/page.js", "/style.css")
_BOUNDARY = b"edgecnn-frame"
_END = "event: end\ndata: the run has ended\n\n"
# The most bytes of a POST.
_BODIES = {"/classify": MOST_BYTES, "/variant": 1000, "/pause": 1000}
# Requests within this time get the same image.
_SNAPSHOT_S = 0.2


class Told(NamedTuple):
    """The newest event of the run and that of further pages, as lines of the stream; None for none yet."""

    run: str | None = None
    pages: str | None = None


class Stream(StreamingResponse):
    """An endless response; a viewer that reads nothing for 30 s is disconnected."""

    async def stream_response(self, send: Send) -> None:
        """Send the parts as they arrive."""

        async def timely(message: Any) -> None:
            async with asyncio.timeout(PATIENCE_S):
                await send(message)

        with suppress(TimeoutError):
            await super().stream_response(timely)


class Site:
    """The handlers of all routes.

    Attributes
    ----------
    status
        The last status of the run, see `status_of`; empty before the first result.
    frame
        The newest frame, after framing.
    result_s
        The time of the newest result, on the monotonic clock.
    least_side
        The least side that the model needs of an uploaded image; see `Classifier.least_side`.
    uploads
        Reads uploaded images, a few at a time.
    """

    def __init__(
        self,
        images: Latest[bytes],
        events: Latest[Told],
        ask: Callable[[Command], None],
        decoder: ImageWorker,
    ) -> None:
        self._images, self._events, self._ask, self._decoder = images, events, ask, decoder
        self.status: dict[str, Any] = {}
        self.frame: Frame | None = None
        self.uploads = Uploads()
        self._encoding = asyncio.Semaphore(1)
        self._png: tuple[float, Frame, bytes] | None = None
        self.result_s = time.monotonic()
        self.least_side: int | None = None

    def app(
        self, token: str | None, extra: Sequence[Route] = (), bodies: Mapping[str, int] | None = None
    ) -> Guard:
        """Return it as an ASGI application, behind its guard.

        Parameters
        ----------
        extra, bodies
            Further routes, and the most bytes of their bodies by path; see `Pages`.
        """
        site = Starlette(
            routes=[
                *(Route(path, static_files()) for path in _STATIC),
                Route("/stream.mjpg", self._stream),
                Route("/events", self._follow),
                Route("/snapshot.png", self._snapshot),
                Route("/classify", self._classify, methods=["POST"]),
                Route("/variant", self._variant, methods=["POST"]),
                Route("/pause", self._pause, methods=["POST"]),
                Route("/healthz", self._health),
                Route("/metrics", self._metrics),
                *extra,
            ],
            exception_handlers={EdgeCnnError: _refuse, JsonError: _refuse},
        )
        return Guard(site, token, {**_BODIES, **(bodies or {})})

    async def _stream(self, _: Request) -> Response:
        return Stream(self._parts(), media_type=f"multipart/x-mixed-replace; boundary={_BOUNDARY.decode()}")

    async def _parts(self) -> AsyncIterator[bytes]:
        # A browser shows a part when the next one begins, so each ends with the line that begins the next.
        yield b"--" + _BOUNDARY + b"\r\n"
        async for jpeg in self._images.follow():
            head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(jpeg)
            yield head + jpeg + b"\r\n--" + _BOUNDARY + b"\r\n"

    async def _follow(self, _: Request) -> Response:
        return Stream(self._lines(), media_type="text/event-stream")

    async def _lines(self) -> AsyncIterator[str]:
        yield "retry: 1000\n\n"
        sent = Told()
        async for told in self._events.follow():
            for new, old in zip(told, sent, strict=True):
                if new is not None and new is not old:
                    yield new
            sent = told
        yield _END

    async def _snapshot(self, _: Request) -> Response:
        if self.frame is None:
            raise HTTPException(503, "there is no image yet")
        async with self._encoding:
            made_s, frame, data = self._png or (-1.0, self.frame, b"")
            if time.monotonic() - made_s > _SNAPSHOT_S:
                frame = self.frame
                data = (await run_in_threadpool(cv2.imencode, ".png", frame.pixels))[1].tobytes()
                self._png = time.monotonic(), frame, data
        name = frame.wall_time().strftime("edgecnn-%Y%m%d-%H%M%S.png")
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(data, media_type="image/png", headers=headers)

    async def _classify(self, request: Request) -> Response:
        async with self.uploads.take(request) as data:
            pixels = await self.decode(data, reduction(data, self.least_side))
            command = Classify(Frame(pixels, time.monotonic_ns(), 0, "-"), Future())
            return JSONResponse((await self.reply(command, command.reply)).as_dict())

    async def _variant(self, request: Request) -> Response:
        wanted = (await read_body(request)).decode("utf-8", "replace").strip()
        reply: Future[str] = Future()
        return JSONResponse({"variant": await self.reply(Switch(wanted or None, reply), reply)})

    async def _pause(self, request: Request) -> Response:
        wanted = {b"on": True, b"off": False, b"": None}
        body = bytes(await read_body(request)).strip()
        if body not in wanted:
            raise HTTPException(422, "expected on, off, or nothing to toggle")
        self._ask(Pause(wanted[body]))
        return JSONResponse({})

    async def _health(self, _: Request) -> Response:
        stats = self.status.get("stats", {})
        silent_s = time.monotonic() - self.result_s
        well = bool(stats.get("paused")) or silent_s < STALE_S
        body = {
            "status": "ok" if well else "stalled",
            "frames": stats.get("frames", 0),
            "seconds_since_result": round(silent_s, 1),
        }
        return JSONResponse(body, 200 if well else 503)

    async def _metrics(self, request: Request) -> Response:
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import choose_encoder

        registry = CollectorRegistry()
        registry.register(Metrics(self.status))
        try:
            encode, kind = choose_encoder(request.headers.get("accept", ""))
        except ValueError:  # a malformed header
            encode, kind = choose_encoder("")
        return Response(encode(registry), headers={"content-type": kind})

    async def decode(self, data: bytearray, reduce: int = 1) -> NDArray[np.uint8]:
        """Decode an uploaded image in the child process: uint8 H×W×3 BGR, 1/`reduce` of its size for a JPEG.

        Raises ImageError for what is no image, HTTPException at the end of the run.
        """
        try:
            return await run_in_threadpool(self._decoder.decode, data, "the image", reduce=reduce)
        except DecoderClosed as error:
            raise HTTPException(503, "the run has ended") from error

    async def reply(self, command: Command, reply: Future[T]) -> T:
        """Send the loop a command, and wait for its answer between two frames.

        Raises the loop's EdgeCnnError, and HTTPException where it takes too long.
        """
        self._ask(command)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await asyncio.wrap_future(reply)
        except TimeoutError as error:
            raise HTTPException(503, f"the loop gave no answer in {PATIENCE_S:.0f} s") from error


async def _refuse(_: Request, error: Exception) -> Response:
    where = "the body: " if isinstance(error, JsonError) else ""
    return PlainTextResponse(f"{where}{error}", 422)


def as_event(line: str, name: str | None = None) -> str:
    """Return one line of data as an event of the stream, with a name or as the default event."""
    return f"data: {line}\n\n" if name is None else f"event: {name}\ndata: {line}\n\n"
