"""Checks that a video file grows and can be read back: OpenCV reports no failure."""

from __future__ import annotations

import errno
import os
import shutil
import time
from typing import TYPE_CHECKING

import cv2

from edgecnn.io.quiet import quiet_stderr

if TYPE_CHECKING:
    from pathlib import Path

# A check is due after this time, or after this many bytes.
_CHECK_S = 1.0
_CHECK_BYTES = 1 << 19
# Space reserved for the end of the file, which has an index, in addition to what comes until the next check.
_END_BYTES = 1 << 20
_INDEX_BYTES = 32
# How far ahead one step tries. File systems without holes fill it with zeros.
_STEP_BYTES = 1 << 24
_NEAR_BYTES = 1 << 16
# FFmpeg buffers this much before it writes: bytes, and seconds of a Matroska file.
_HELD_BYTES = 1 << 16
_HELD_S = 10
# The smallest size of a frame: a bit for each block of 16×16 pixels, and its header.
_LEAST_HEAD = 8
_BLOCK_PIXELS = 256
_REASONS = {
    errno.EFBIG: "the file reaches the limit of its size here (`ulimit -f`, or 4 GB on FAT)",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
}
# The longest time to count frames, and how many are counted while stderr is quiet.
_COUNT_S = 20.0
_COUNT_AT_ONCE = 50


class VideoFileWatch:
    """Watches a file that a native library writes, from the thread that writes it. Close it at the end.

    Parameters
    ----------
    least_free
        The disk counts as full with fewer free bytes than this.
    """

    def __init__(self, path: Path, least_free: int) -> None:
        self._path, self._least_free = path, least_free
        self._handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        self._checked_bytes = 0
        self._due = 0.0
        self._grown_bytes = self._grown_at = 0
        self._fits_bytes = 0

    def check(self, written: int, fps: float, pixels: int) -> None:
        """Raise OSError, with a reason to show, if the file no longer accepts data.

        Parameters
        ----------
        written
            Number of frames given to the library so far.
        pixels
            Number of pixels in each frame.
        """
        size = os.fstat(self._handle).st_size
        now = time.monotonic()
        if now < self._due and size - self._checked_bytes < _CHECK_BYTES:
            return
        self._require_there()
        free = shutil.disk_usage(self._path.parent).free
        if free < self._least_free:
            raise OSError(
                f"the disk has {free >> 20} MB free, and a recording keeps {self._least_free >> 20} MB"
            )
        self._require_room(size, _END_BYTES + 2 * (size - self._checked_bytes) + _INDEX_BYTES * written)
        self._require_growth(size, written, fps, pixels)
        self._due, self._checked_bytes = now + _CHECK_S, size

    def settle(self) -> None:
        """Flush the file to disk. Raises OSError if that fails."""
        os.fsync(self._handle)
        self._require_there()

    def close(self) -> None:
        """Close the handle; may be called twice."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _require_there(self) -> None:
        try:
            there = os.stat(self._path)  # noqa: PTH116 - next to os.fstat
        except OSError as error:
            raise OSError(error.errno, f"{self._path} is gone: {error.strerror}") from error
        if not os.path.samestat(there, os.fstat(self._handle)):
            raise OSError(f"{self._path} was replaced by another file")

    def _require_room(self, size: int, ahead: int) -> None:
        """Raise OSError if the file can't grow that much, or accepts nothing at all."""
        if size + ahead <= self._fits_bytes:
            self._try(size, size + _NEAR_BYTES)
            return
        try:
            self._try(size, size + ahead + _STEP_BYTES)
        except OSError:
            self._try(size, size + ahead)
        else:
            self._fits_bytes = size + ahead + _STEP_BYTES

    def _try(self, size: int, place: int) -> None:
        """Write a byte beyond the end and remove it: only this tests limits, quota and file system."""
        try:
            try:
                os.pwrite(self._handle, b"\0", place)
            finally:
                os.ftruncate(self._handle, size)
        except OSError as error:
            raise OSError(error.errno, _REASONS.get(error.errno or 0, error.strerror)) from error

    def _require_growth(self, size: int, written: int, fps: float, pixels: int) -> None:
        """Raise OSError if more frames are missing from the file than FFmpeg ever buffers."""
        if size > self._grown_bytes or not self._grown_at:
            self._grown_bytes, self._grown_at = size, max(1, written)
        held = max(_HELD_S * fps, _HELD_BYTES / (pixels / _BLOCK_PIXELS / 8 + _LEAST_HEAD))
        if written - self._grown_at > held:
            raise OSError(f"the file has not grown for {written - self._grown_at:,} frames")


def count_readable(path: Path, written: int) -> int:
    """Return how many frames of a video can be read; 0 if it can't be opened.

    If the first and last frame can be read and the count is right, that is `written`; else they are counted,
    for at most 20 s.
    """
    capture = _open(path)
    try:
        with quiet_stderr():
            if not capture.read()[0]:
                return 0
            # Matroska stores its length as a time, so the number of frames may be off by one.
            told = round(capture.get(cv2.CAP_PROP_FRAME_COUNT))
            if written - 1 <= told <= written + 1:
                capture.set(cv2.CAP_PROP_POS_FRAMES, min(told, written) - 1)
                if capture.read()[0]:
                    return written
    finally:
        capture.release()
    return _count(path, written)


def _count(path: Path, most: int) -> int:
    capture, found = _open(path), 0
    end = time.monotonic() + _COUNT_S
    try:
        while found < most and time.monotonic() < end:
            with quiet_stderr():
                for _ in range(min(_COUNT_AT_ONCE, most - found)):
                    if not capture.grab():
                        return found
                    found += 1
    finally:
        capture.release()
    return found


def _open(path: Path) -> cv2.VideoCapture:
    with quiet_stderr():
        # Where a path is not absolute, FFmpeg takes what stands before a colon for a protocol.
        return cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
