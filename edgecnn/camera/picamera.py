"""The Raspberry Pi's own camera through picamera2, which comes with its system; imported only when chosen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from edgecnn.camera.devices import driver_stamp
from edgecnn.camera.pi import PiSource
from edgecnn.errors import CameraError
from edgecnn.frame import Frame

if TYPE_CHECKING:
    from edgecnn.camera import Mode


class PiCamera(PiSource):
    """`picamera[:N]`: libcamera in this process; N is the camera's number."""

    def __init__(self, source: str = "picamera", mode: Mode | None = None) -> None:
        super().__init__(source, mode)
        try:
            from picamera2 import Picamera2  # type: ignore[import-not-found]
        except ImportError as error:
            raise CameraError(
                f"{source}: picamera2 can't be imported ({error}): sudo apt install python3-picamera2, and "
                "make the environment with --system-site-packages; or use --source rpicam"
            ) from error
        mode = self._mode
        self._camera: Any = None
        try:
            self._camera = Picamera2(self._number)
            controls = {"FrameRate": mode.fps} if mode.fps else {}
            # In memory libcamera's RGB888 is blue, green, red: what OpenCV takes.
            wanted = {"size": (mode.width, mode.height), "format": "RGB888"}
            self._camera.configure(
                self._camera.create_video_configuration(main=wanted, controls=controls, queue=False)
            )
            self._camera.start()
        # What libcamera's binding raises: IndexError without a camera, RuntimeError if it is in use.
        except Exception as error:
            self.close()
            reason = "no such camera" if isinstance(error, IndexError) else f"{error}"
            raise CameraError(f"{source} can't be opened: {reason}") from error
        self._wait_for_first()

    def interrupt(self) -> None:
        """Nothing: the driver's own time-out ends a wait."""

    def close(self) -> None:
        """Release the camera; may be called twice."""
        camera, self._camera = self._camera, None
        if camera is not None:
            # Not `stop`: it would wait behind the request of a camera that has stalled. `close` ends the loop
            # that serves requests before it stops the sensor.
            camera.close()

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
            raise CameraError(f"{self.name} gave no frame for {patience:g} s") from error
        except Exception as error:  # whatever a job or libcamera's binding raises
            raise CameraError(f"{self.name} failed: {error}") from error
        index, self._index = self._index, self._index + 1
        return Frame(pixels, driver_stamp(stamp, now), index, self.name)
