"""The sink of the web page: it takes results from the loop and serves them in its own thread."""

from __future__ import annotations

import asyncio
import queue
import socket
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from edgecnn.image.file import UPLOAD_MEGAPIXELS, most_upload_memory
from edgecnn.image.worker import ImageWorker
from edgecnn.io.json_text import to_json
from edgecnn.io.quiet import say
from edgecnn.live.sink import Sink
from edgecnn.live.sink.web.connection import Connection
from edgecnn.live.sink.web.pools import ConnectionPools
from edgecnn.live.sink.web.rate_limit import RateLimit
from edgecnn.live.sink.web.site import Site
from edgecnn.live.sink.web.streams import as_event
from edgecnn.live.sink.web.view import IDLE_S, TELL_S, CameraView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from edgecnn.bundle.input_spec import Background
    from edgecnn.frame import Result
    from edgecnn.live.command import Command
    from edgecnn.live.sink.web.guard import Guard
    from edgecnn.live.sink.web.listen import Listen
    from edgecnn.live.sink.web.pages import Pages
    from edgecnn.live.stats import Stats

# Connections that are accepted in one step, and those that the system queues: fewer in one step than the pool
# of unverified ones has, so that each is read before others displace it.
ACCEPTED, QUEUE = 32, 512


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for sock in sockets or ():
            sock.listen(QUEUE)


class WebSink(Sink):
    """Serves the live view over HTTP until it is closed; prints its address, and the token once.

    The loop only sets the newest result; two other threads encode images and serve viewers. Uploaded images
    have at most `upload_megapixels` and are decoded in a child process, transparent ones on `background`. The
    page names the model and this machine. `pages` are served in addition. Of several `cameras`, by their
    names, each has a tab.
    """

    takes = ("console", "listen", "upload_megapixels", "background", "model", "pages", "cameras")

    def __init__(
        self,
        console: Console,
        listen: Listen,
        upload_megapixels: float = UPLOAD_MEGAPIXELS,
        background: Background = "white",
        model: str = "",
        pages: Pages | None = None,
        cameras: Sequence[str] = ("",),
    ) -> None:
        self._pages = pages
        self._page_event: str | None = None
        self._look_s = self._list_s = 0.0
        self._names = {"model": model, "machine": socket.gethostname()}
        token = listen.token()
        self._socket = listen.open()
        self._asked: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        loop = self._runner.get_loop()
        self._views = [CameraView(loop, name) for name in cameras]
        self._decoder = ImageWorker(upload_megapixels, most_upload_memory(), background)
        self._site = Site(self._views, self._asked.put, self._decoder)
        more = (pages.routes(self._site), pages.bodies, pages.openapi) if pages else ()
        self._server = _Server(_config(self._site.app(token, *more)))
        self._thread = threading.Thread(target=self._serve, name="web", daemon=True)
        self._thread.start()
        try:
            self._introduce(listen, token, console)
        except BaseException:
            self.close()
            raise

    def _introduce(self, listen: Listen, token: str | None, console: Console) -> None:
        url = listen.url(self._socket)
        if token and not listen.token_file:
            url += f"?token={token}"
        console.out(f"web page {url}", highlight=False)  # never wrapped, so that it can be clicked
        if token and listen.token_file:
            console.out(f"  the token is in {listen.token_file}", highlight=False)

    def show(self, result: Result, stats: Stats) -> None:
        """Set the newest result for the viewers."""
        view = self._views[stats.camera]
        view.show(result, stats)
        self._site.least_side = stats.least_side
        if view.is_due:
            self._tell(view)

    def poll(self, stats: Stats) -> Sequence[Command]:  # noqa: ARG002 - each view has its own
        """Return the viewers' commands; update the viewers when one has changed something."""
        for view in self._views:
            if view.is_changed:
                self._tell(view)
        if self._pages and self._views[0].events.readers and time.monotonic() >= self._look_s:
            self._tell_of(self._pages)
        if len(self._views) > 1 and time.monotonic() >= self._list_s:
            self._tell_of_cameras()
        asked = []
        while not self._asked.empty():
            asked.append(self._asked.get_nowait())
        return asked

    def _tell(self, view: CameraView) -> None:
        view.tell(self._names | {"cameras": self._site.cameras()})

    def _tell_of_cameras(self) -> None:
        """Tell the viewers of each camera how all are: also of one that gives no results."""
        self._list_s = time.monotonic() + IDLE_S
        line = as_event(to_json(self._site.cameras()), "cameras")
        for view in self._views:
            view.put(cameras=line)

    def _tell_of(self, pages: Pages) -> None:
        self._look_s = time.monotonic() + TELL_S
        line = pages.told()
        event = None if line is None else as_event(line, pages.event)
        if event != self._page_event:
            self._page_event = event
            self._views[0].put(pages=event)

    def close(self) -> None:
        """Disconnect the viewers and stop listening; may be called twice."""
        for view in self._views:
            view.close()
        self._server.should_exit = True
        self._decoder.close()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        try:
            with self._runner:
                self._runner.run(self._server.serve(sockets=[self._socket]))
        except Exception as error:  # noqa: BLE001 - the loop keeps running without viewers
            say(f"the web page ended: {error}")


def _config(app: Guard) -> uvicorn.Config:
    # uvicorn's own limits are too weak here: at `limit_concurrency` the owner gets 503 while others hold the
    # connections (`ConnectionPools` closes the stalest one), and `timeout_keep_alive` does not count before
    # the first request. `h11_max_incomplete_event_size` belongs to the parser that `Connection` replaces.
    return uvicorn.Config(
        app,
        http=cast("Any", partial(Connection, ConnectionPools(), RateLimit(app.shows_token))),
        backlog=ACCEPTED,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
