import http.server
import itertools
import threading
import time

import cv2
import numpy as np
import pytest

import edgecnn
from edgecnn.camera import Mode, open_later, open_recovering, recovery
from edgecnn.camera.recovery import RecoveringCamera
from edgecnn.camera.synthetic import SyntheticCamera
from edgecnn.errors import CameraError
from edgecnn.live.loop import run
from edgecnn.live.sink import Sink
from tests.conftest import until
from tests.edgecnn.camera.rtsp import RtspCamera


class Cable(SyntheticCamera):
    """A camera that gives some frames and then fails, or ends."""

    open = 0

    def __init__(self, frames: int, *, ends: bool = False) -> None:
        super().__init__("synthetic:fps=0")
        self.name = "webcam"
        self._left, self._ends = frames, ends
        Cable.open += 1

    def read(self):
        if not self._left:
            if self._ends:
                return None
            raise CameraError("webcam gives no frames")
        self._left -= 1
        return super().read()

    def close(self):
        Cable.open -= 1
        super().close()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(recovery, "WAITS_S", (0.01, 0.02))
    Cable.open = 0


def reopening(*found):
    """Give each of these in turn: how many frames the camera has then, or None where it is not back yet."""
    turns = iter(found)

    def reopen():
        assert Cable.open == 0, "the lost one was closed before"
        if (frames := next(turns)) is None:
            raise CameraError("not there")
        return Cable(frames)

    return reopen


@pytest.mark.parametrize("ends", [False, True])
def test_it_is_opened_again_and_frames_are_numbered_on(ends):
    said = []
    reopen = reopening(None, None, 2, None, 5)
    with RecoveringCamera(Cable(3, ends=ends), reopen, said.append, threading.Event()) as camera:
        frames = [camera.read() for _ in range(8)]
        assert Cable.open == 1
    assert Cable.open == 0
    assert [f.index for f in frames] == list(range(8))
    assert len(said) == 4
    assert said[0].startswith("webcam ended" if ends else "webcam gives no frames")
    assert "is back after" in said[1]


def test_the_waits_grow_and_start_again_after_it_held(monkeypatch):
    monkeypatch.setattr(recovery, "WAITS_S", (0.01, 0.2))
    tries = []

    def reopen():
        tries.append(time.monotonic())
        if len(tries) < 4:
            raise CameraError("not there")
        return Cable(1)

    with RecoveringCamera(Cable(1), reopen, lambda _: None, threading.Event()) as camera:
        camera.read()
        camera.read()
        assert all(b - a >= 0.2 for a, b in itertools.pairwise(tries))
        monkeypatch.setattr(recovery, "HELD_S", 0.0)
        began = time.monotonic()
        camera.read()
    assert tries[-1] - began >= 0.01
    assert camera._tries == 1


def test_a_wait_ends_when_the_loop_does(monkeypatch):
    monkeypatch.setattr(recovery, "WAITS_S", (60.0,))
    ended = threading.Event()
    began = time.monotonic()

    def gone():
        raise CameraError("not there")

    with RecoveringCamera(Cable(0), gone, lambda _: None, ended) as camera:
        threading.Timer(0.2, camera.interrupt).start()
        assert camera.read() is None
    assert time.monotonic() - began < 30


def test_what_is_opened_after_the_end_is_closed_immediately():
    said, ended, opening, release = [], threading.Event(), threading.Event(), threading.Event()

    def slow():
        opening.set()
        release.wait(30)
        return Cable(5)

    camera = RecoveringCamera(Cable(0), slow, said.append, ended)
    reader = threading.Thread(target=camera.read)
    reader.start()
    assert opening.wait(30)
    ended.set()
    camera.close()
    release.set()
    reader.join(30)
    assert Cable.open == 0
    assert len(said) == 1, "it was lost, and nothing was said after the end"


def test_what_fails_while_all_ends_is_no_news():
    said, ended = [], threading.Event()

    class Ending(Cable):
        def read(self):
            ended.set()
            raise CameraError("the program ended")

    with RecoveringCamera(Ending(1), reopening(), said.append, ended) as camera:
        assert camera.read() is None
    assert said == []


def test_the_loop_keeps_running_and_classifies_nothing_meanwhile():
    seen = []

    class Keep(Sink):
        def show(self, result, stats):
            seen.append(result.frame.index)

    stop = threading.Event()
    with (
        edgecnn.load("digits", engine="fake:delay_ms=1") as classifier,
        RecoveringCamera(Cable(5), reopening(None, 4, 10**6), lambda _: None, stop) as camera,
    ):
        summary = run(classifier, camera, [Keep()], frames=30, stop=stop)
    assert summary.frames == 30
    assert stop.is_set()
    assert seen == sorted(set(seen))


def test_only_real_cameras_and_streams_are_opened_again(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 20, 3), np.uint8))
    for source in ("synthetic:fps=0", str(tmp_path)):
        with open_recovering(source, Mode(), print, threading.Event()) as camera:
            assert not isinstance(camera, RecoveringCamera)


def test_a_stream_that_is_cut_off_is_connected_again(tmp_path):
    """MJPEG over HTTP, as network cameras send it; the server goes away in the middle and comes back."""
    images = [cv2.imencode(".jpg", np.full((48, 64, 3), 30 * i, np.uint8))[1].tobytes() for i in range(8)]

    class Handler(http.server.BaseHTTPRequestHandler):
        served = 0

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            Handler.served += 1
            for i in range(40 if Handler.served > 1 else 12):
                jpeg = images[i % 8]
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                try:
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
                except OSError:
                    return
                time.sleep(0.02)

        def log_message(self, *_):
            """Say nothing."""

    said, ended = [], threading.Event()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/camera.mjpg"
            with open_recovering(url, Mode(stall_s=2), said.append, ended) as camera:
                frames = [camera.read() for _ in range(20)]
        finally:
            server.shutdown()
            thread.join()
    assert [f.index for f in frames] == list(range(20))
    assert Handler.served >= 2
    assert "gives no frames" in said[0]
    assert "is back after" in said[1]


@pytest.mark.slow
def test_an_rtsp_camera_that_stalls_and_is_cut_off(monkeypatch):
    monkeypatch.setattr(recovery, "WAITS_S", (0.2,))
    grey, said = np.full((240, 320, 3), 90, np.uint8), []
    ended = threading.Event()
    with RtspCamera(grey) as server:
        watched = open_recovering(server.url, Mode(stall_s=2), said.append, ended)
        frames = [watched.read() for _ in range(10)]
        assert watched.description.startswith(f"{server.url} 320×240")
        server.stalled.set()
        threading.Thread(target=lambda: (until(lambda: said, "the stall"), server.stalled.clear())).start()
        # What was on its way is read first.
        while len(said) < 2:
            frames.append(watched.read())
    with RtspCamera(255 - grey, server.port), watched:
        while len(said) < 4:
            frames.append(watched.read())
        frames.append(watched.read())
    assert [f.index for f in frames] == list(range(len(frames)))
    assert all(np.abs(f.pixels.astype(int) - 90).max() < 4 for f in frames[:10])
    assert np.abs(frames[-1].pixels.astype(int) - 165).max() < 4
    assert all("it is reopened" in line for line in said[::2])
    assert all("is back after" in line for line in said[1::2])


@pytest.mark.parametrize("error", [ValueError("bad bytes"), cv2.error("no such pixel"), OSError(5, "I/O")])
def test_whatever_a_driver_raises_the_camera_is_opened_again(error):
    class Odd(Cable):
        def read(self):
            if not self._left:
                raise error
            return super().read()

        def close(self):
            super().close()
            raise error

    said, tries = [], []

    def reopen():
        tries.append(1)
        if len(tries) == 1:
            raise error
        return Odd(2)

    with RecoveringCamera(Cable(1), reopen, said.append, threading.Event()) as camera:
        camera._camera = Odd(1)
        frames = [camera.read() for _ in range(3)]
        assert [frame.index for frame in frames] == [0, 1, 2]
        camera._camera = None
    assert f"webcam failed ({type(error).__name__}: " in said[0]
    assert "is back after" in said[1]


def test_a_camera_that_does_not_open_at_the_start_is_opened_when_it_is_there(monkeypatch):
    asked, said, ended = [], [], threading.Event()

    def opened(sources, mode):
        asked.append(sources)
        if len(asked) < 3:
            raise CameraError("not there")
        return Cable(2)

    monkeypatch.setattr("edgecnn.camera.open_camera", opened)
    with open_later("missing.mp4,97,synthetic", Mode(), said.append, ended) as camera:
        assert (camera.name, camera.live, asked) == ("97", True, [])
        assert [camera.read().index for _ in range(2)] == [0, 1]
        assert camera.name == "webcam"
        assert [line.partition(" is back after ")[0] for line in said] == [camera.description]
        ended.set()
        assert camera.read() is None
    assert asked == ["97"] * 3
    assert Cable.open == 0


@pytest.mark.parametrize("source", ["missing.mp4", "synthetic:scene=none", "shots/*.jpg", "file:///x.mp4"])
def test_what_is_no_camera_is_not_waited_for(source):
    assert open_later(source, Mode(), print, threading.Event()) is None


def test_a_file_that_appears_where_a_stream_was_asked_for_is_not_opened(monkeypatch):
    class Video(Cable):
        live = False

    ended, closed = threading.Event(), []
    monkeypatch.setattr(Video, "close", lambda _: (closed.append(1), ended.set()))
    monkeypatch.setattr("edgecnn.camera.open_camera", lambda *_: Video(2))
    with open_later("http://127.0.0.1/x.mp4", Mode(), print, ended) as camera:
        assert camera.read() is None
    assert closed == [1]
