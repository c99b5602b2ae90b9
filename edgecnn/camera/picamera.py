"""The Raspberry Pi's own camera through picamera2, which its system brings; imported only when chosen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from edgecnn.camera import FIRST_S, Mode, camera_number, driver_stamp
from edgecnn.errors import CameraError
from edgecnn.frame import Frame

if TYPE_CHECKING:
    from types import TracebackType


class PiCamera:
    """`picamera[:N]`: libcamera in this process; N is the camera's number."""

    live = True
    fps: float | None = None

    def __init__(self, source: str = "picamera", mode: Mode | None = None) -> None:
        self.name = source
        number = camera_number(source)
        try:
            from picamera2 import Picamera2  # type: ignore[import-not-found]
        except ImportError as error:
            raise CameraError(
                f"{source}: picamera2 can't be imported ({error}): sudo apt install python3-picamera2, and "
                "make the environment with --system-site-packages; or use --source rpicam"
            ) from error
        mode = mode or Mode()
        self._stall_s = mode.stall_s
        self._camera: Any = None
        self._index = 0
        self._first: Frame | None = None
        try:
            self._camera = Picamera2(number)
            controls = {"FrameRate": mode.fps} if mode.fps else {}
            # In memory libcamera's RGB888 is blue, green, red: what OpenCV takes.
            wanted = {"size": (mode.width, mode.height), "format": "RGB888"}
            self._camera.configure(
                self._camera.create_video_configuration(main=wanted, controls=controls, queue=False)
            )
            self._camera.start()
            self._first = self._next(FIRST_S)
        except CameraError:
            self.close()
            raise
        # What libcamera's binding raises: IndexError without a camera, RuntimeError where it is taken.
        except Exception as error:
            self.close()
            reason = "there is no such camera" if isinstance(error, IndexError) else f"{error}"
            raise CameraError(f"{source} can't be opened: {reason}") from error
        height, width = self._first.pixels.shape[:2]
        self._granted = f"{source} {width}×{height}"

    @property
    def description(self) -> str:
        """The size that it gives."""
        return self._granted

    def read(self) -> Frame | None:
        """Wait for the next picture. Raises CameraError."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return self._next(self._stall_s)

    def interrupt(self) -> None:
        """Nothing: the driver's own time-out ends a wait."""

    def close(self) -> None:
        """Give the camera back; may be called twice."""
        camera, self._camera = self._camera, None
        if camera is not None:
            # Not `stop`: it would wait behind the request of a camera that has stalled. `close` ends the loop
            # that serves requests before it stops the sensor.
            camera.close()

    def __enter__(self) -> PiCamera:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _next(self, patience: float) -> Frame:
        try:
            request = self._camera.capture_request(wait=False).get_result(timeout=patience)
            now = time.monotonic_ns()
            try:
                pixels = request.make_array("main")
                stamp = request.get_metadata().get("SensorTimestamp", 0)
            finally:
                request.release()
        except TimeoutError as error:
            raise CameraError(f"{self.name} gave no picture for {patience:g} s") from error
        except Exception as error:  # whatever a job or libcamera's binding raises
            raise CameraError(f"{self.name} failed: {error}") from error
        index, self._index = self._index, self._index + 1
        return Frame(pixels, driver_stamp(stamp, now), index, self.name)
