"""A teaching run with its web page, whose camera shows what the test holds up."""

from __future__ import annotations

import io
import json
import re
import threading
import time

import pytest
from rich.console import Console

from edgecnn.camera import Camera
from edgecnn.live.loop import run
from edgecnn.live.sink.web.listen import Listen
from edgecnn.live.sink.web.server import WebSink
from edgecnn.teaching.web.pages import BASE, TeachPages
from tests.edgecnn.live.sink.web.conftest import Served
from tests.edgecnn.teaching.conftest import frame


class HeldUp(Camera):
    """Shows `kind`, another image of it in each frame, thirty times a second."""

    live, may_hang, fps = True, False, 30.0
    description, name = "what the test holds up", "test"

    def __init__(self):
        self.kind, self._number = "red", 0
        self._ended = threading.Event()

    def read(self):
        self._ended.wait(1 / 30)
        self._number += 1
        return frame(self.kind, self._number)

    def interrupt(self):
        self._ended.set()

    def close(self):
        self._ended.set()


class Taught(Served):
    """A running page of teaching."""

    camera: HeldUp

    def get(self, path: str):
        status, _, body = self.ask(f"{BASE}/{path}")
        assert status == 200, (status, body)
        return json.loads(body)

    def post(self, path: str, expected: int = 200, /, **body):
        status, _, answer = self.ask(f"{BASE}/{path}", "POST", json.dumps(body))
        assert status == expected, (status, answer)
        return json.loads(answer) if expected == 200 else answer.decode()

    def record(self, label: str, kind: str, seconds: float = 1.2) -> int:
        self.camera.kind = kind
        time.sleep(0.2)  # earlier frames still show the other thing
        token = self.post("record/start", label=label)["recording"]
        time.sleep(seconds)
        return self.post("record/stop", recording=token)["photos"]


@pytest.fixture
def taught(teacher):
    out, stop, camera = io.StringIO(), threading.Event(), HeldUp()
    listen, pages = Listen(port=0), TeachPages(teacher)
    with WebSink(Console(file=out, width=200), listen, model="taught", pages=pages) as sink:
        served = Taught(re.search(r"http://\S+", out.getvalue()).group(), out.getvalue(), sink)
        served.camera = camera
        loop = threading.Thread(
            target=lambda: run(teacher.classifier, camera, [teacher, sink], stop=stop, smooth=0.2, hold=2)
        )
        loop.start()
        try:
            yield served
        finally:
            stop.set()
            loop.join()
