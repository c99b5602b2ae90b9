"""Cameras, video files and network streams through OpenCV."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from edgecnn.camera import Camera, Mode
from edgecnn.camera.devices import driver_stamp, is_device
from edgecnn.camera.ffmpeg import check_size, is_network, open_stream, open_video, require_utf8
from edgecnn.camera.ffmpeg_memory import read_frame
from edgecnn.errors import CameraError, ImageError
from edgecnn.frame import Frame
from edgecnn.image.file import decode_reduced
from edgecnn.image.header.jpeg import jpeg_end
from edgecnn.io.address import mask_secrets
from edgecnn.io.quiet import quiet_stderr

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# OpenCV reports thousands of frames a second for files without a rate.
_FASTEST = 1000
# JPEG and PNG, as FFmpeg calls them in streams; other images have no code.
_IMAGE_CODES = ("MJPG", "MPNG", "")
_JPEG_END = b"\xff\xd9"


class JpegFrames:
    """Decodes a camera's frames that come as JPEG files; passes on others.

    Some cameras never write the marker at the end of a file: until one was seen, a missing marker does not
    mean a truncated frame.
    """

    def __init__(self) -> None:
        self._ends = False
        # The least length of the shorter side in pixels; None for full size.
        self.least: int | None = None

    def __call__(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], bytes | None]:
        """Return the image, uint8 H×W×3 BGR, and its file if it was decoded smaller.

        Raises ImageError for a truncated one.
        """
        if pixels.ndim == 3:
            return pixels, None
        data = pixels.tobytes()
        if not self._ends:
            self._ends = jpeg_end(data) is not None
        whole = data if self._ends else data + _JPEG_END
        return decode_reduced(whole, "a frame", self.least, quiet=False)


class OpenCvCamera(Camera):
    """One `cv2.VideoCapture`: a V4L2 device by number or path, a video file, or a URL.

    A V4L2 camera's MJPG frames are read undecoded and decoded here, because OpenCV fills truncated ones with
    gray. A bad cable or an unpowered hub truncates frames; they are skipped.
    """

    def __init__(self, source: str, mode: Mode | None = None) -> None:
        self.name, self.address = mask_secrets(source), source
        self._device = is_device(source)
        self._file = not (self._device or is_network(source))
        self._index = 0
        self._reading = threading.Lock()
        mode = mode or Mode()
        self._capture = _open_capture(source, mode.stall_s)
        if not self._capture.isOpened():
            self._capture.release()
            raise CameraError(_why_not(source))
        # A stream reports no number of frames; a video file at a URL does.
        self._file = self._file or (not self._device and self._capture.get(cv2.CAP_PROP_FRAME_COUNT) > 0)
        self.live = not self._file
        # A video from the network can stall, a local file can't.
        self.may_hang = self.live or is_network(source)
        if self._device:
            # MJPG first: many cameras reach 30 frames a second in no other format.
            self._capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, mode.width)
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, mode.height)
            if mode.fps:
                self._capture.set(cv2.CAP_PROP_FPS, mode.fps)
            self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
            if self._code() == "MJPG":
                self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        self._patience_s = mode.stall_s
        self._decoded = JpegFrames()
        # Some devices open and never give a frame: a source is open when it has given one.
        self._first: Frame | None = None
        self._second: Frame | None = None
        try:
            self._check_size(
                self._capture.get(cv2.CAP_PROP_FRAME_WIDTH), self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
            )
            self._first = self.read()
        except CameraError:
            self.close()
            raise
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = rate if 0 < rate <= _FASTEST else None

    @property
    def description(self) -> str:
        """The mode that the driver granted, as read back."""
        width = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        height = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        shown = [self.name, f"{width}×{height}", self._code(), f"{rate:.0f} fps" if rate > 0 else ""]
        return " ".join(filter(None, shown))

    def read(self) -> Frame | None:
        """Wait for the next frame; None at the end of a file."""
        if self._first is not None:
            first, self._first, self._second = self._first, self._second, None
            return first
        end = time.monotonic() + self._patience_s
        while True:
            # Quieting stderr while waiting for a network would silence all other threads.
            loud = self.live or is_network(self.name)
            with self._reading, contextlib.nullcontext() if loud else quiet_stderr():
                pixels = self._take()
            if pixels is None or pixels.size == 0:
                if self._file and self._index:
                    return None
                why = "it is no video, is damaged, or its frames are too large"
                if self.live:
                    why = "it was unplugged, another program took it, or it is no video"
                raise CameraError(f"{self.name} gives no frames: {why}")
            if pixels.ndim == 3:
                self._check_size(pixels.shape[1], pixels.shape[0])
            captured = self._driver_stamp(time.monotonic_ns())
            index, self._index = self._index, self._index + 1
            try:
                image, encoded = self._decoded(pixels)
            except ImageError as error:
                if time.monotonic() > end:
                    raise CameraError(
                        f"{self.name} gives only truncated frames: its cable is bad, or its USB hub too weak"
                    ) from error
            else:
                return Frame(image, captured, index, self.name, encoded=encoded)

    def _take(self) -> NDArray[np.uint8] | None:
        """Return the next frame as it comes, or None. Raises CameraError for a frame that is too large."""
        if not self._device:
            return read_frame(self._capture, self.name)
        granted, pixels = self._capture.read()
        return pixels if granted else None

    def is_single_image(self) -> bool:
        """Whether an address gave a single image; a second one, if any, is kept.

        Call it before the first `read`.
        """
        if self._code() not in _IMAGE_CODES or self._first is None:
            return False
        first, self._first = self._first, None
        with contextlib.suppress(CameraError):
            self._second = self.read()
        self._first = first
        return self._second is None

    def need(self, side: int | None, *, whole: bool = False) -> None:
        """Decode MJPG frames no larger than this needs."""
        self._decoded.least = None if whole else side

    def _code(self) -> str:
        """Return the pixel format's four characters, as the driver reports them."""
        code = int(self._capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        return code.to_bytes(4, "little").decode("ascii", "replace").strip("\0 ")

    def interrupt(self) -> None:
        """Nothing: the driver's own time-out ends a wait."""

    def close(self) -> None:
        """Release the device; may be called twice.

        If `read` hangs in another thread, the device stays open until the process ends: releasing it would
        crash the driver.
        """
        if self._reading.acquire(timeout=1):
            self._capture.release()
            self._reading.release()

    def _check_size(self, width: float, height: float) -> None:
        if not self._device:
            check_size(width, height, self.name)

    def _driver_stamp(self, now: int) -> int:
        """Return the driver's time of capture if it is on our clock, else now."""
        if self._device:
            return driver_stamp(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6, now)
        return now


def _open_capture(source: str, stall_s: float) -> Any:
    if "OPENCV_LOG_LEVEL" not in os.environ:
        # Its messages about a lost camera would appear in the middle of the view.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_FATAL)
    if is_network(source):
        return open_stream(source, stall_s)
    with quiet_stderr():
        return _open_device(source, stall_s) if is_device(source) else open_video(source)


def _open_device(source: str, stall_s: float) -> Any:
    # Read once, at the first wait for a camera in a process; without it a stall blocks for 10 s.
    os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(max(1, round(stall_s))))
    backend = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
    if source.isdecimal():
        return cv2.VideoCapture(int(source), backend)
    # Links such as /dev/v4l/by-id/… are followed each time: their target changes when a camera is plugged in.
    require_utf8(path := os.path.realpath(source))
    return cv2.VideoCapture(path, backend)


def _why_not(source: str) -> str:
    """Return why a source does not open, as far as known."""
    if not is_device(source):
        name = mask_secrets(source)
        if is_network(source):
            return f"{name} can't be opened: no server answers there, or it is no video that OpenCV can read"
        return f"{name} can't be opened: it is no video that OpenCV can read"
    path = Path(f"/dev/video{source}" if source.isdecimal() else source)
    if not os.path.exists(path):  # noqa: PTH110 - pathlib's raises where a folder may not be entered
        return f"{path} does not exist: is the camera plugged in?"
    if not os.access(path, os.R_OK | os.W_OK):
        return f"{path} is not readable for you: `sudo usermod -aG video $USER`, then log in again"
    return (
        f"{path} can't be opened: another program has it, or it gives no frames (metadata, or a CSI camera)"
    )
