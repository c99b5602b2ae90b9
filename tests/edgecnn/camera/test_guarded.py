import threading
import time

import numpy as np
import pytest

from edgecnn import camera as cameras
from edgecnn.camera import Camera, Mode, open_recovering, recovery
from edgecnn.camera.guarded import CameraHung, CameraLeft, GuardedCamera
from edgecnn.camera.recovery import RecoveringCamera
from edgecnn.errors import CameraError
from edgecnn.frame import Frame
from tests.conftest import until


class Driver(Camera):
    """A webcam whose driver answers no more after some frames, until it is let go."""

    name, live = "webcam", True

    def __init__(self, frames: int) -> None:
        self.frames = self.left = frames
        self.hangs, self.release = threading.Event(), threading.Event()
        self.closed_by: list[str] = []

    def read(self):
        if not self.left:
            self.hangs.set()
            self.release.wait(60)
            raise CameraError("webcam is back from its driver")
        self.left -= 1
        pixels = np.zeros((4, 4, 3), np.uint8)
        return Frame(pixels, time.monotonic_ns(), self.frames - self.left - 1, self.name)

    def close(self):
        self.closed_by.append(threading.current_thread().name)


def guarded(driver, opening_s=30.0, read_s=30.0):
    return GuardedCamera.open(lambda: driver, opening_s, read_s)


def test_all_calls_are_made_by_one_thread_which_ends():
    threads = []

    class Own(Driver):
        def read(self):
            threads.append(threading.get_ident())
            return super().read()

    driver = Own(5)
    with guarded(driver) as camera:
        assert camera.name == "webcam"
        assert camera.live
        assert [camera.read().index for _ in range(5)] == list(range(5))
    camera.close()
    assert driver.closed_by == ["camera"], "once"
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()
    assert not camera._worker._thread.is_alive()


def test_what_the_camera_raises_is_raised_where_it_is_read():
    class Broken(Driver):
        def read(self):
            raise CameraError("webcam gives no frames")

    with guarded(Broken(0)) as camera:
        for _ in range(2):
            with pytest.raises(CameraError, match="gives no frames"):
                camera.read()


def test_a_read_that_never_returns_is_left_and_closed_when_it_does():
    driver = Driver(1)
    camera = guarded(driver, read_s=1)
    assert camera.read().index == 0
    with pytest.raises(CameraHung, match="webcam hangs: no answer for"):
        camera.read()
    began = time.monotonic()
    camera.close()
    assert time.monotonic() - began < 30, "it does not wait for the driver"
    assert driver.closed_by == []
    driver.release.set()
    until(lambda: driver.closed_by == ["camera"], "it is closed")


def test_an_opening_that_never_returns_is_left_and_closed_when_it_does():
    driver, release = Driver(1), threading.Event()

    def opening():
        release.wait(60)
        return driver

    with pytest.raises(CameraHung, match="no answer"):
        GuardedCamera.open(opening, 0.2, 1)
    release.set()
    until(lambda: driver.closed_by == ["camera"], "it is closed")


def test_an_interrupt_ends_a_wait_for_a_driver_that_hangs():
    driver = Driver(0)
    camera = guarded(driver)
    threading.Thread(target=lambda: (driver.hangs.wait(30), camera.interrupt())).start()
    assert camera.read() is None
    driver.release.set()
    camera.close()


def test_one_that_hangs_is_opened_again(monkeypatch):
    monkeypatch.setattr(recovery, "WAITS_S", (0.01,))
    said, drivers = [], [Driver(2), Driver(3)]
    opened = [guarded(d, read_s=1) for d in drivers]
    with RecoveringCamera(opened[0], lambda: opened[1], said.append, threading.Event()) as camera:
        assert [camera.read().index for _ in range(5)] == list(range(5))
    assert "webcam hangs" in said[0]
    assert "is back after" in said[1]
    drivers[0].release.set()


def test_one_that_hangs_again_and_again_ends_the_run(monkeypatch):
    monkeypatch.setattr(recovery, "WAITS_S", (0.01,))
    drivers = []

    def opened():
        drivers.append(Driver(1))
        return guarded(drivers[-1], read_s=1)

    with RecoveringCamera(opened(), opened, lambda _: None, threading.Event()) as camera:
        for _ in range(recovery.MOST_HUNG):
            camera.read()
        with pytest.raises(CameraError, match=r"hung 3 times: unplug it.*dmesg"):
            camera.read()
    assert len(drivers) == recovery.MOST_HUNG
    for driver in drivers:
        driver.release.set()


def test_every_real_camera_is_guarded(monkeypatch):
    """The one that `edgecnn live` opens, at its start and again; what only stands in for one is not."""
    monkeypatch.setattr(recovery, "WAITS_S", (0.01,))
    monkeypatch.setattr(cameras, "HANGS", 0.5)
    drivers = [Driver(1), Driver(1)]
    turns = iter(drivers)
    monkeypatch.setattr(cameras, "_open", lambda *_: next(turns))
    said = []
    with open_recovering("webcam", Mode(stall_s=2), said.append, threading.Event()) as camera:
        assert isinstance(camera, RecoveringCamera)
        assert [camera.read().index for _ in range(2)] == [0, 1]
    assert "webcam hangs" in said[0]
    for driver in drivers:
        driver.release.set()


def test_no_source_keeps_its_reasons():
    with pytest.raises(CameraError, match="no source opens: nowhere.mp4"):
        open_recovering("nowhere.mp4", Mode(), print, threading.Event())


def test_an_opening_that_hangs_is_left_when_everything_ends():
    ended, opening = threading.Event(), threading.Event()

    def never():
        opening.set()
        ended.wait(60)
        time.sleep(0.3)
        raise CameraError("too late")

    threading.Thread(target=lambda: (opening.wait(30), ended.set())).start()
    began = time.monotonic()
    with pytest.raises(CameraLeft):
        GuardedCamera.open(never, 60, 60, ended)
    assert time.monotonic() - began < 30
