"""The pages and streams as an ASGI application."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import cv2
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from edgecnn.errors import DecoderClosed, EdgeCnnError
from edgecnn.frame import Frame
from edgecnn.image.file import reduction
from edgecnn.io.json_text import to_json
from edgecnn.live.command import Classify, Command, Pause, Switch
from edgecnn.live.sink.web.admission import MOST_BYTES, Uploads, read_body
from edgecnn.live.sink.web.guard import Guard, static_files
from edgecnn.live.sink.web.status import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request
    from starlette.types import Send

    from edgecnn.image.worker import ImageWorker
    from edgecnn.live.sink.web.latest import Latest

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
    """

    def __init__(
        self,
        images: Latest[bytes],
        events: Latest[str],
        ask: Callable[[Command], None],
        decoder: ImageWorker,
    ) -> None:
        self._images, self._events, self._ask, self._decoder = images, events, ask, decoder
        self.status: dict[str, Any] = {}
        self.frame: Frame | None = None
        self._uploads = Uploads()
        self._encoding = asyncio.Semaphore(1)
        self._png: tuple[float, Frame, bytes] | None = None
        self.result_s = time.monotonic()
        self.least_side: int | None = None

    def app(self, token: str | None) -> Guard:
        """Return it as an ASGI application, behind its guard."""
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
            ]
        )
        return Guard(site, token, _BODIES)

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
        async for line in self._events.follow():
            yield f"data: {line}\n\n"
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
        async with self._uploads.take(request) as data:
            try:
                times = reduction(data, self.least_side)
                pixels = await run_in_threadpool(self._decoder.decode, data, "the image", reduce=times)
            except DecoderClosed as error:
                raise HTTPException(503, "the run has ended") from error
            except EdgeCnnError as error:
                raise HTTPException(422, str(error)) from error
            command = Classify(Frame(pixels, time.monotonic_ns(), 0, "-"), Future())
            return JSONResponse((await self._reply(command, command.reply)).as_dict())

    async def _variant(self, request: Request) -> Response:
        wanted = (await read_body(request)).decode("utf-8", "replace").strip()
        reply: Future[str] = Future()
        return JSONResponse({"variant": await self._reply(Switch(wanted or None, reply), reply)})

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

    async def _reply(self, command: Command, reply: Future[Any]) -> Any:
        """Send the loop a command, and wait for its answer between two frames."""
        self._ask(command)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await asyncio.wrap_future(reply)
        except EdgeCnnError as error:
            raise HTTPException(422, str(error)) from error
        except TimeoutError as error:
            raise HTTPException(503, f"the loop gave no answer in {PATIENCE_S:.0f} s") from error


def as_event(status: dict[str, Any]) -> str:
    """Return a status as the line of an event."""
    return to_json(status)
