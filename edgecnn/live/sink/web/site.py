"""The pages and streams as an ASGI application."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from edgecnn.classify.smooth import MOST_HOLD, MOST_SMOOTH
from edgecnn.errors import DecoderClosed, EdgeCnnError, OutputError
from edgecnn.frame import Frame
from edgecnn.image.file import reduction
from edgecnn.io.checked_json import JsonError
from edgecnn.io.json_text import to_json
from edgecnn.live.command import Classify, Command, Pause, Switch, Tune
from edgecnn.live.sink.web.admission import MOST_BYTES, Uploads, read_body
from edgecnn.live.sink.web.guard import Guard, static_files, static_paths
from edgecnn.live.sink.web.json_bodies import json_response, read_fields
from edgecnn.live.sink.web.openapi import describe
from edgecnn.live.sink.web.status import Metrics
from edgecnn.live.sink.web.streams import stream_events, stream_images

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from starlette.requests import Request

    from edgecnn.image.worker import ImageWorker
    from edgecnn.live.settings import Settings
    from edgecnn.live.sink.web.view import CameraView

T = TypeVar("T")
# The time limit for the loop's answer.
PATIENCE_S = 30.0
# Without a new result for this long, the run counts as stalled.
STALE_S = 15.0
API = "/api/v1"
# The most digits of a camera's number.
_MOST_DIGITS = 10
# The most bytes of a POST.
_BODIES = {f"{API}/settings": 1000} | {
    f"{prefix}/{name}": most
    for prefix in (API, "")
    for name, most in {"classify": MOST_BYTES, "variant": 1000, "pause": 1000}.items()
}


class Site:
    """The handlers of all routes.

    Attributes
    ----------
    least_side
        The least side that the model needs of an uploaded image; see `Classifier.least_side`.
    uploads
        Reads uploaded images, a few at a time.
    """

    def __init__(
        self, views: Sequence[CameraView], ask: Callable[[Command], None], decoder: ImageWorker
    ) -> None:
        self._views, self._ask, self._decoder = views, ask, decoder
        self.uploads = Uploads()
        self.least_side: int | None = None
        self._description = ""

    def app(
        self,
        token: str | None,
        extra: Sequence[Route] = (),
        bodies: Mapping[str, int] | None = None,
        openapi: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Guard:
        """Return it as an ASGI application, behind its guard.

        Parameters
        ----------
        extra, bodies, openapi
            Further routes, the most bytes of their bodies, and their description; see `Pages`.
        """
        self._description = to_json(describe(openapi))
        site = Starlette(
            routes=[
                *(Route(path, static_files()) for path in static_paths()),
                *self._routes(),
                *extra,
            ],
            exception_handlers={EdgeCnnError: _refuse, JsonError: _refuse},
        )
        return Guard(site, token, {**_BODIES, **(bodies or {})})

    def _routes(self) -> Iterator[Route]:
        yield Route("/healthz", self._health)
        yield Route("/metrics", self._metrics)
        yield Route(f"{API}/openapi.json", self._openapi)
        yield Route(f"{API}/status", self._status)
        yield Route(f"{API}/history", self._history)
        yield Route(f"{API}/settings", self._settings, methods=["POST"])
        # Without the prefix for programs of before there was one: deprecated.
        for prefix in (API, ""):
            yield Route(f"{prefix}/stream.mjpg", self._stream)
            yield Route(f"{prefix}/events", self._follow)
            yield Route(f"{prefix}/snapshot.png", self._snapshot)
            yield Route(f"{prefix}/classify", self._classify, methods=["POST"])
            yield Route(f"{prefix}/variant", self._variant, methods=["POST"])
            yield Route(f"{prefix}/pause", self._pause, methods=["POST"])

    def _view(self, request: Request) -> CameraView:
        """Return the view of the camera that a request asks for by `?camera=N`."""
        text = request.query_params.get("camera", "0")
        if not (text.isascii() and text.isdigit() and len(text) < _MOST_DIGITS):
            raise HTTPException(422, f"?camera={text[:20]!r} is no camera's number, expected one from 0 on")
        if int(text) >= len(self._views):
            raise HTTPException(
                404, f"there is no camera {int(text)}: the last one is {len(self._views) - 1}"
            )
        return self._views[int(text)]

    def cameras(self) -> list[dict[str, Any]]:
        """Return the list of cameras, in the order of their numbers; from any thread."""
        return [view.brief() for view in self._views]

    async def _stream(self, request: Request) -> Response:
        return stream_images(self._view(request).images)

    async def _follow(self, request: Request) -> Response:
        return stream_events(self._view(request).events)

    async def _openapi(self, _: Request) -> Response:
        return Response(self._description, media_type="application/json")

    async def _status(self, request: Request) -> Response:
        if not (status := self._view(request).status):
            raise HTTPException(503, "there is no result yet")
        return json_response(status | {"cameras": self.cameras()})

    async def _history(self, request: Request) -> Response:
        return json_response(self._view(request).history.entries())

    async def _settings(self, request: Request) -> Response:
        fields = await read_fields(request, "threshold", "smooth", "hold")
        threshold, smooth, hold = map(fields.find, ("threshold", "smooth", "hold"))
        reply: Future[Settings] = Future()
        command = Tune(
            reply,
            threshold.number(0, 1) if threshold else None,
            smooth.number(0, MOST_SMOOTH) if smooth else None,
            hold.integer(1, MOST_HOLD) if hold else None,
        )
        return json_response((await self.reply(command, reply)).as_dict())

    async def _snapshot(self, request: Request) -> Response:
        made = await self._view(request).snapshot()
        if made is None:
            raise HTTPException(503, "there is no image yet")
        name = made.frame.wall_time().strftime("edgecnn-%Y%m%d-%H%M%S.png")
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(made.data, media_type="image/png", headers=headers)

    async def _classify(self, request: Request) -> Response:
        async with self.uploads.take(request) as data:
            pixels = await self.decode(data, reduction(data, self.least_side))
            command = Classify(Frame(pixels, time.monotonic_ns(), 0, "-"), Future())
            return json_response((await self.reply(command, command.reply)).as_dict())

    async def _variant(self, request: Request) -> Response:
        wanted = (await read_body(request)).decode("utf-8", "replace").strip()
        reply: Future[str] = Future()
        return json_response({"variant": await self.reply(Switch(wanted or None, reply), reply)})

    async def _pause(self, request: Request) -> Response:
        wanted = {b"on": True, b"off": False, b"": None}
        body = bytes(await read_body(request)).strip()
        if body not in wanted:
            raise HTTPException(422, "expected on, off, or nothing to toggle")
        self._ask(Pause(wanted[body]))
        return json_response({})

    async def _health(self, _: Request) -> Response:
        told = [view.status["stats"] for view in self._views if view.status]
        silent_s = time.monotonic() - max(view.result_s for view in self._views)
        well = any(stats["paused"] for stats in told) or silent_s < STALE_S
        body = {
            "status": "ok" if well else "stalled",
            "frames": sum(stats["frames"] for stats in told),
            "seconds_since_result": round(silent_s, 1),
        }
        return json_response(body, 200 if well else 503)

    async def _metrics(self, request: Request) -> Response:
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import choose_encoder

        registry = CollectorRegistry()
        registry.register(Metrics([view.status for view in self._views]))
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
    return PlainTextResponse(f"{where}{error}", 503 if isinstance(error, OutputError) else 422)
