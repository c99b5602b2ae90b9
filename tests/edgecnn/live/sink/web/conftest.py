"""A live loop with its web page, on a port of its own."""

from __future__ import annotations

import http.client
import io
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

import edgecnn
from edgecnn.camera.synthetic import SyntheticCamera
from edgecnn.classify.variants import Variants
from edgecnn.live.loop import run
from edgecnn.live.sink.web import bucket
from edgecnn.live.sink.web.listen import Listen
from edgecnn.live.sink.web.server import WebSink
from tests.conftest import until
from tests.edgecnn.live.sink.web.browser import BROWSER, DRIVER, open_browser, texts
from tests.edgecnn.live.sink.web.fake_teach import FakeTeach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.camera import Camera


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
def serve(
    listen: Listen | None = None,
    source: str = "synthetic:fps=60",
    *,
    plain: bool = False,
    pages=None,
    more: Sequence[Camera] = (),
):
    """Run a loop over a synthetic camera, and more of them, with a page."""
    out = io.StringIO()
    stop = threading.Event()
    with (
        edgecnn.load("digits") as first,
        Variants(first, lambda name: edgecnn.load("digits", name)) as variants,
        SyntheticCamera(source) as camera,
        WebSink(
            Console(file=out, width=200),
            listen or Listen(port=0),
            model="digits",
            pages=pages,
            cameras=[camera.name, *(one.name for one in more)],
        ) as sink,
    ):
        served = Served(re.search(r"http://\S+", out.getvalue()).group(), out.getvalue(), sink)
        loop = threading.Thread(
            target=lambda: served.summary.append(
                run(first if plain else variants, [camera, *more], [sink], stop=stop, smooth=0.4, hold=4)
            )
        )
        loop.start()
        try:
            yield served
        finally:
            stop.set()
            loop.join()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """A browser; one for all tests of a module, because it takes seconds to start."""
    pytest.importorskip("selenium")
    if not (BROWSER and DRIVER):
        pytest.skip("needs a browser: apt install chromium chromium-driver")
    driver = open_browser(tmp_path_factory.mktemp("chromium"))
    yield driver
    driver.quit()


@pytest.fixture
def page(chromium):
    chromium.get("about:blank")
    chromium.get_log("browser")
    yield chromium
    chromium.get("about:blank")


@pytest.fixture
def served():
    with serve() as running:
        yield running


@pytest.fixture
def teach():
    fake = FakeTeach(seven=8, three=6)
    ids = list(fake.photos)
    fake.photos[ids[0]]["looks_like"] = "three"
    fake.photos[ids[1]]["twin"] = ids[2]
    return fake


@pytest.fixture
def taught(page, teach):
    """The page of that teacher, shown."""
    with serve(pages=teach) as served:
        page.get(served.url)
        until(lambda: len(texts(page, "#rows li")) == len(teach.classes), "the classes")
        yield served


@pytest.fixture
def clock(monkeypatch):
    """Time as the tests set it: `clock[0]`."""
    now = [1000.0]
    monkeypatch.setattr(bucket.time, "monotonic", lambda: now[0])
    return now
