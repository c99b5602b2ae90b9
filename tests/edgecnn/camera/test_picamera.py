import importlib
import importlib.util
import sys
import time

import numpy as np
import pytest

from edgecnn.camera import Mode, open_camera, picamera
from edgecnn.errors import CameraError

# What of picamera2 is used, as its 0.3.25 behaves; the real one exists on a Raspberry Pi only.
MODULE = """
import time
from concurrent.futures import Future
import numpy as np

class Request:
    def __init__(self, number, size):
        self.number, self.size = number, size
    def make_array(self, stream):
        assert stream == "main"
        return np.full((self.size[1], self.size[0], 3), self.number, np.uint8)
    def get_metadata(self):
        return {"SensorTimestamp": time.monotonic_ns() - 20_000_000}
    def release(self):
        Picamera2.held -= 1

class Job:
    def __init__(self, camera):
        self.future = Future()
        if camera.taken < 3:
            Picamera2.held += 1
            self.future.set_result(Request(camera.taken, camera.size))
        camera.taken += 1
    def get_result(self, timeout=None):
        return self.future.result(timeout=timeout)

class Picamera2:
    cameras, held, opened, asked = 1, 0, 0, None
    def __init__(self, number):
        if number >= Picamera2.cameras:
            raise IndexError("list index out of range")
        if Picamera2.opened:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        Picamera2.opened += 1
        self.taken = 0
    def create_video_configuration(self, **asked):
        Picamera2.asked = asked
        return asked
    def configure(self, asked):
        self.size = asked["main"]["size"]
    def start(self):
        pass
    def stop(self):
        # As the real one: it waits behind requests that are not served yet.
        assert self.taken <= 3, "this would wait for ever"
    def close(self):
        Picamera2.opened -= 1
    def capture_request(self, wait=True):
        assert wait is False
        return Job(self)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "picamera2.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield importlib.import_module("picamera2").Picamera2
    del sys.modules["picamera2"]


def test_frames_with_the_sensors_own_time(module):
    with open_camera("picamera", Mode(320, 240, 25)) as camera:
        assert camera.live
        assert camera.description == "picamera 320×240"
        frames = [camera.read() for _ in range(3)]
        assert module.held == 0, "every buffer is given back"
    assert module.opened == 0
    assert [f.pixels[0, 0, 0] for f in frames] == [0, 1, 2]
    assert [f.index for f in frames] == [0, 1, 2]
    assert all(0.015e9 < time.monotonic_ns() - f.captured_ns < 5e9 for f in frames)
    assert module.asked["main"] == {"size": (320, 240), "format": "RGB888"}
    assert module.asked["controls"] == {"FrameRate": 25}


def test_a_stall_is_said(module):
    with picamera.PiCamera(mode=Mode(stall_s=0.2)) as camera:
        for _ in range(3):
            camera.read()
        with pytest.raises(CameraError, match=r"picamera gave no frame for 0\.2 s"):
            camera.read()


def test_what_does_not_open_is_said(module):
    with pytest.raises(CameraError, match="picamera:4 can't be opened: no such camera"):
        open_camera("picamera:4")
    with picamera.PiCamera(), pytest.raises(CameraError, match="did not complete"):
        open_camera("picamera")


@pytest.mark.skipif(importlib.util.find_spec("picamera2") is not None, reason="picamera2 is here")
def test_without_picamera2_it_is_said_how_to_get_it():
    with pytest.raises(CameraError, match=r"python3-picamera2.*--system-site-packages.*--source rpicam"):
        open_camera("picamera")


def test_an_array_is_what_opencv_takes(module):
    with picamera.PiCamera() as camera:
        pixels = camera.read().pixels
    assert pixels.dtype == np.uint8
    assert pixels.shape == (480, 640, 3)
