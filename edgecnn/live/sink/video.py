"""The live picture as a video file, with the figures on it or without."""

from __future__ import annotations

import errno
import os
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from edgecnn.errors import OutputError
from edgecnn.io.moving import move_new
from edgecnn.io.quiet import quiet_stderr, say
from edgecnn.live.sink import Sink
from edgecnn.live.sink.video_check import VideoFileWatch, count_readable
from edgecnn.live.sink.window import annotate

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.frame import Result
    from edgecnn.live.stats import Stats

FPS = 15.0
# What pip's OpenCV can write: MPEG-4 part 2, or one JPEG a picture.
CODECS = {".mp4": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}
# With less room than this on the disk a recording ends while it can be closed.
LEAST_FREE = 64 << 20
_LATE_S = 1.0


class VideoSink(Sink):
    """Records what the loop sees into a new file, which has its name when it is whole.

    A live camera is recorded at `fps` pictures a second by the clock, so that the video runs as fast as the
    scene did: a picture is repeated until the next one is there, and left out where there are more. A
    processor that can't encode so many makes the video too quick, which is said once. Of files every picture
    is written once. A thread of its own encodes, so that the loop does not wait for it. Where nothing more
    can be written, or the file can't be read back at its end, that is said, and `close` raises it.

    Parameters
    ----------
    path
        An .mp4, .mkv or .avi; `%Y-%m-%d %H.%M.%S` and the like stand for the time. Until it is whole it is
        called NAME.part.mkv; an .mkv or .avi that a power cut ended can be played up to there.
    live
        Whether the source is.
    overlay
        Whether label and figures are drawn on the pictures.
    """

    def __init__(self, path: str, *, live: bool, fps: float | None = None, overlay: bool = True) -> None:
        try:
            self._path = Path(datetime.now().astimezone().strftime(path))
        except ValueError as error:  # a byte that is not UTF-8, or a % that stands for nothing
            raise OutputError(f"{path} can't be the name of a recording: {error}") from error
        self._live, self._fps, self._overlay = live, fps or FPS, overlay
        suffix = self._path.suffix.lower()
        if suffix not in CODECS:
            raise OutputError(f"{path} is no video that can be written: expected {', '.join(CODECS)}")
        self._part = self._path.with_name(f"{self._path.stem}.part{suffix}")
        try:
            there = os.path.lexists(self._path)
            if not there:
                self._part.open("xb").close()
        except FileExistsError as error:
            raise OutputError(
                f"{self._part} is there: a recording that was cut off, or that runs now; rename or delete it"
            ) from error
        except OSError as error:
            raise OutputError(f"{self._path} can't be written: {error.strerror}") from error
        if there:
            raise OutputError(
                f"{self._path} is there already: name another file, or put the time in it: %H%M%S"
            )
        self._codec = cv2.VideoWriter.fourcc(*CODECS[suffix])
        self._writer: cv2.VideoWriter | None = None
        self._changed = threading.Condition()
        self._newest: tuple[Result, Stats] | None = None
        self._ended = False
        self._failure = ""
        self._watch: VideoFileWatch | None = None
        self._written = self._readable = 0
        self._kept = self._part
        self._thread = threading.Thread(target=self._record, name="record", daemon=True)
        self._thread.start()

    def show(self, result: Result, stats: Stats) -> None:
        """Leave a picture for the recording."""
        with self._changed:
            while not self._live and self._newest is not None and not self._ended:
                self._changed.wait()
            self._newest = result, stats
            self._changed.notify_all()

    def close(self) -> None:
        """Finish the file; may be called twice. Raises OutputError where it is not what was recorded."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join()
        failure, self._failure = self._failure, ""
        if failure:
            raise OutputError(failure)

    def _record(self) -> None:
        reason = _failure_of(self._record_live if self._live else self._record_all)
        with self._changed:
            cut_short, self._ended = not self._ended, True
            self._newest = None
            self._changed.notify_all()
        reason = "; ".join(dict.fromkeys(filter(None, (reason, _failure_of(self._finish)))))
        if reason:
            self._failure = self._describe(reason)
            if cut_short:
                say(self._failure)

    def _finish(self) -> None:
        """Close the file, read it back, and give it its name, but never another's. Raises OSError."""
        if self._writer is not None:
            with quiet_stderr():
                self._writer.release()
        watch, self._watch = self._watch, None
        try:
            if not self._written:
                self._part.unlink(missing_ok=True)
                return
            self._readable = count_readable(self._part, self._written)
            if watch is not None:
                watch.settle()
            if self._readable < self._written:
                raise OSError("not all of it can be read back")
            try:
                move_new(self._part, self._path)
            except FileExistsError as error:
                raise FileExistsError(errno.EEXIST, f"{self._path} was made meanwhile") from error
            self._kept = self._path
        finally:
            if watch is not None:
                watch.close()

    def _describe(self, reason: str) -> str:
        """Say why the recording is not whole, and what there is of it."""
        if not self._written:
            return f"{self._path} was not recorded: {reason}"
        there = f"{self._readable:,} of {self._written:,} pictures can be played, in {self._kept}"
        return f"recording {self._path} failed: {reason}; {there}"

    def _record_all(self) -> None:
        while True:
            with self._changed:
                while self._newest is None and not self._ended:
                    self._changed.wait()
                taken, self._newest = self._newest, None
                self._changed.notify_all()
            if taken is None:
                return
            self._write(*taken)

    def _record_live(self) -> None:
        with self._changed:
            while self._newest is None and not self._ended:
                self._changed.wait()
        due, late = time.monotonic(), False
        while self._newest is not None:
            self._write(*self._newest)
            due += 1 / self._fps
            if not late and time.monotonic() - due > _LATE_S:
                late = True
                say(
                    f"{self._fps:g} pictures a second are more than can be recorded here: the video runs too "
                    "quickly; ask for fewer with --fps"
                )
            with self._changed:
                if self._changed.wait_for(lambda: self._ended, max(0.0, due - time.monotonic())):
                    return

    def _write(self, result: Result, stats: Stats) -> None:
        picture = annotate(result, stats) if self._overlay else result.frame.pixels
        if self._writer is None:
            self._size = picture.shape[1], picture.shape[0]
            with quiet_stderr():
                # Where a path is not absolute, FFmpeg takes what stands before a colon for a protocol.
                self._writer = cv2.VideoWriter(
                    str(self._part.absolute()), cv2.CAP_FFMPEG, self._codec, self._fps, self._size
                )
            if not self._writer.isOpened():
                raise OSError("OpenCV can't write such a video")
            self._watch = VideoFileWatch(self._part, LEAST_FREE)
        if self._watch is not None:
            self._watch.check(self._written, self._fps, self._size[0] * self._size[1])
        if (picture.shape[1], picture.shape[0]) != self._size:
            picture = cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        self._writer.write(picture)
        self._written += 1


def _failure_of(work: Callable[[], None]) -> str:
    """Do something; return why it failed, or nothing."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - a recording that fails must not end the loop
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
    return ""
