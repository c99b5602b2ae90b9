"""A live loop with its web page, on a port of its own."""

from __future__ import annotations

import http.client
import io
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from rich.console import Console

import edgecnn
from edgecnn.camera.synthetic import SyntheticCamera
from edgecnn.classify.variants import Variants
from edgecnn.live.loop import run
from edgecnn.live.sink.web import bucket
from edgecnn.live.sink.web.listen import Listen
from edgecnn.live.sink.web.server import WebSink


@dataclass
class Served:
    """A running page: where it is, what it said, and how to ask it."""

    url: str
    said: str
    sink: WebSink
    summary: list = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(re.search(r":(\d+)/", self.url).group(1))

    def ask(self, path: str, method: str = "GET", body: bytes | str | None = None, **headers: str):
        """Return status, headers and body of one request."""
        with self.connection() as connection:
            connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read()

    @contextmanager
    def connection(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            yield connection
        finally:
            connection.close()


@contextmanager
def serve(listen: Listen | None = None, source: str = "synthetic:fps=60", *, plain: bool = False, pages=None):
    out = io.StringIO()
    stop = threading.Event()
    with (
        edgecnn.load("digits") as first,
        Variants(first, lambda name: edgecnn.load("digits", name)) as variants,
        SyntheticCamera(source) as camera,
        WebSink(Console(file=out, width=200), listen or Listen(port=0), model="digits", pages=pages) as sink,
    ):
        served = Served(re.search(r"http://\S+", out.getvalue()).group(), out.getvalue(), sink)
        loop = threading.Thread(
            target=lambda: served.summary.append(
                run(first if plain else variants, camera, [sink], stop=stop, smooth=0.4, hold=4)
            )
        )
        loop.start()
        try:
            yield served
        finally:
            stop.set()
            loop.join()


@pytest.fixture
def served():
    with serve() as running:
        yield running


@pytest.fixture
def clock(monkeypatch):
    """Time as the tests set it: `clock[0]`."""
    now = [1000.0]
    monkeypatch.setattr(bucket.time, "monotonic", lambda: now[0])
    return now
