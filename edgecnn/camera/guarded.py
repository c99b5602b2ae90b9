"""Guards against drivers that never return: a camera's calls run in a thread that can be abandoned."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

from edgecnn.camera import Camera
from edgecnn.errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.frame import Frame

_CLOSING_S = 2.0
# The same after an interrupt, and how often a waiting call checks for the end of the run.
_LEAVING_S = 0.5
_ASK_S = 0.1
_Answer = tuple[Any, BaseException | None]
_T = TypeVar("_T")


class CameraHung(CameraError):
    """A call that did not return in time; its thread was abandoned and holds the device."""


class CameraLeft(CameraError):
    """A camera that was still opening when the run ended; its thread was abandoned."""


class Worker:
    """A thread that makes one call after the other, each with a time limit.

    It is a daemon thread, so that a hanging driver doesn't keep the process from ending.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], Any] | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[_Answer] = queue.SimpleQueue()
        self.hung = self._woken = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], _T], seconds: float, ended: threading.Event | None = None) -> _T:
        """Call a function in the thread; return its value, or raise its exception.

        Raises
        ------
        CameraHung
            If it takes longer.
        CameraLeft
            If `ended` is set meanwhile.

        After either, or an exception that ends the wait such as Ctrl-C's, the worker can't be used again.
        """
        self._calls.put(function)
        try:
            value, error = self._answer(seconds, ended)
        except BaseException:
            self.hung = True
            raise
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return]

    def _answer(self, seconds: float, ended: threading.Event | None) -> _Answer:
        end = time.monotonic() + seconds
        while True:
            left = max(0.0, end - time.monotonic())
            try:
                return self._answers.get(timeout=left if ended is None else min(left, _ASK_S))
            except queue.Empty:
                if ended is not None and ended.is_set():
                    raise CameraLeft("the camera was still opening when the run ended") from None
                if time.monotonic() >= end:
                    raise CameraHung(f"no answer for {seconds:.0f} s") from None

    def wake(self) -> None:
        """Make the pending call return None now; it is the last one."""
        self._woken = True
        self._answers.put((None, None))

    def end(self, last: Callable[[], object] | None = None) -> None:
        """End the thread after a last call; wait at most two seconds."""
        if last is not None:
            self._calls.put(last)
        self._calls.put(None)
        self._thread.join(0 if self.hung else _LEAVING_S if self._woken else _CLOSING_S)

    def _run(self) -> None:
        while (function := self._calls.get()) is not None:
            answer: _Answer
            try:
                answer = function(), None
            except BaseException as error:  # noqa: BLE001 - raised again in the waiting thread
                answer = None, error
            self._answers.put(answer)


class GuardedCamera(Camera):
    """An open camera whose calls are made by a worker.

    Drivers have their own, shorter time-outs; this is for those that do not keep them.

    Parameters
    ----------
    camera
        Closed with this one, by the worker; if that hangs, when it returns.
    seconds
        The longest time a `read` may take.
    """

    def __init__(self, camera: Camera, worker: Worker, seconds: float) -> None:
        self.name, self.live, self.fps = camera.name, camera.live, camera.fps
        self.address, self.may_hang = camera.address, camera.may_hang
        self._camera, self._worker = camera, worker
        # A slow frame rate takes longer.
        self._seconds = seconds + (1 / self.fps if self.fps else 0)
        self._description = camera.description
        self._closed = False

    @classmethod
    def open(
        cls,
        opening: Callable[[], Camera],
        opening_s: float,
        read_s: float,
        ended: threading.Event | None = None,
    ) -> GuardedCamera:
        """Open a camera in its worker.

        Raises CameraError, CameraHung if that never ends, and CameraLeft if `ended` is set meanwhile.
        """
        worker = Worker("camera")
        opened: list[Camera] = []

        def close_late() -> None:
            for camera in opened:
                camera.close()

        try:
            worker.call(lambda: opened.append(opening()), opening_s, ended)
        except BaseException:
            worker.end(close_late)
            raise
        return cls(opened[0], worker, read_s)

    @property
    def description(self) -> str:
        """The description of the camera."""
        return self._description

    def read(self) -> Frame | None:
        """Wait for the next frame. Raises CameraError, and CameraHung if that never ends."""
        try:
            return self._worker.call(self._camera.read, self._seconds)
        except CameraHung as error:
            raise CameraHung(f"{self.name} hangs: {error}") from None

    def need(self, side: int | None, *, whole: bool = False) -> None:
        """Pass it on."""
        self._camera.need(side, whole=whole)

    def interrupt(self) -> None:
        """End a wait in `read`, even if the driver does not return."""
        self._camera.interrupt()
        self._worker.wake()

    def close(self) -> None:
        """Release the device; may be called twice."""
        if not self._closed:
            self._closed = True
            self._worker.end(self._camera.close)

    def leave_worker(self) -> Camera:
        """Return the camera itself, to be called without the worker."""
        self._worker.end()
        return self._camera
