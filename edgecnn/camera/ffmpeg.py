"""Opens video files and network streams through OpenCV's FFmpeg; a file can't redirect it elsewhere."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from edgecnn.camera.ffmpeg_memory import limit_blocks
from edgecnn.errors import CameraError
from edgecnn.io.address import mask_secrets
from edgecnn.io.regular import open_regular
from edgecnn.io.unicode_form import is_utf8

if TYPE_CHECKING:
    from collections.abc import Iterator

_NETWORK_TIMEOUT_MS = 5000
# 8K has 33. A frame is in memory several times while it is decoded.
MOST_MEGAPIXELS = 50
_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
# FFmpeg detects a format by content, whatever the file's name. Playlists (HLS, DASH), scripts (concat) and
# session descriptions (SDP) name other files and addresses, which it would open: these formats contain
# everything themselves.
_CONTAINERS = (
    "mov", "mp4", "matroska", "webm", "avi", "mpeg", "mpegts", "mpegvideo", "m4v", "mjpeg", "mpjpeg", "h264",
    "hevc", "av1", "obu", "ivf", "flv", "asf", "ogg", "nut", "dv", "mxf", "gif", "yuv4mpegpipe",
)  # fmt: skip
_ONLY_ITSELF = f"protocol_whitelist;file|format_whitelist;{','.join(_CONTAINERS)}"
_changing = threading.Lock()


def is_network(source: str) -> bool:
    """Whether a source is a URL other than `file://`."""
    return "://" in source and not source.lower().startswith("file://")


def check_size(width: float, height: float, source: str) -> None:
    """Raise CameraError for frames that are too large, by the header or in fact."""
    if width * height > MOST_MEGAPIXELS * 1_000_000:
        raise CameraError(
            f"{source} has frames of {width:.0f}×{height:.0f}, more than {MOST_MEGAPIXELS} megapixels: "
            "make it smaller first"
        )


def require_utf8(path: str) -> None:
    """Raise CameraError for a path or URL at which OpenCV would crash."""
    if not is_utf8(path):
        raise CameraError(
            f"{mask_secrets(path)} can't be opened: OpenCV takes names in UTF-8 only: rename it (convmv can)"
        )


def open_stream(url: str, stall_s: float) -> Any:
    """Return a `cv2.VideoCapture` of a URL, opened or not; blocks at most five seconds.

    Raises CameraError if the URL is not UTF-8.
    """
    require_utf8(url)
    _prepare()
    limits = [
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _NETWORK_TIMEOUT_MS,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(stall_s * 1000),
    ]  # fmt: skip
    return cv2.VideoCapture(url, cv2.CAP_FFMPEG, limits)


def open_video(source: str) -> Any:
    """Return a `cv2.VideoCapture` of a regular file, by path or `file://` URL, opened or not.

    Raises CameraError if it is not a regular file, or its path is not UTF-8.
    """
    path = Path(source.removeprefix("file://")).absolute()
    try:
        open_regular(path).close()
    except OSError as error:
        raise CameraError(f"{source} can't be read: {error.strerror}; expected a video file") from error
    require_utf8(str(path))
    _prepare()
    with _restricted():
        # An absolute path: in a relative one, FFmpeg takes the part before a colon for a protocol.
        return cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)


def _prepare() -> None:
    """Limit FFmpeg's memory, and keep it off stderr, where its threads would write into the view."""
    limit_blocks()
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


@contextmanager
def _restricted() -> Iterator[None]:
    """Let FFmpeg read only the file that it opens, and nothing that the file refers to."""
    with _changing:
        before = os.environ.get(_OPTIONS)
        os.environ[_OPTIONS] = f"{before}|{_ONLY_ITSELF}" if before else _ONLY_ITSELF
        try:
            yield
        finally:
            if before is None:
                del os.environ[_OPTIONS]
            else:
                os.environ[_OPTIONS] = before
