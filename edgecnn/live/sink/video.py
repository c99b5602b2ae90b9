"""Records the live frames as a video file, with or without the overlay."""

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
from edgecnn.io.unicode_form import is_utf8
from edgecnn.live.sink import Sink
from edgecnn.live.sink.video_check import VideoFileWatch, count_readable
from edgecnn.live.sink.window import annotate

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.frame import Result
    from edgecnn.live.stats import Stats

FPS = 15.0
# What pip's OpenCV can write: MPEG-4 part 2, or one JPEG for each frame.
CODECS = {".mp4": "mp4v", ".mkv": "mp4v", ".avi": "MJPG"}
# A recording ends with less free space than this, while the file can still be closed.
LEAST_FREE = 64 << 20
_LATE_S = 1.0


class VideoSink(Sink):
    """Records the loop's frames into a new file, which gets its name when it is complete.

    A live camera is recorded at `fps` frames a second by the clock, so that the video plays at the speed of
    the scene: a frame is repeated until the next one comes, and surplus frames are left out. If the processor
    can't encode that many, the video plays too fast, which is reported once. Every frame of a file is written
    once. A separate thread encodes, so the loop does not wait. If nothing more can be written, or the
    finished file can't be read back, that is reported and `close` raises it.

    Parameters
    ----------
    path
        An .mp4, .mkv or .avi; `%Y-%m-%d %H.%M.%S` and the like are replaced by the time. Until it is complete
        it is called NAME.part.mkv; after a power cut, an .mkv or .avi can be played up to there.
    live
        Whether the source is a live camera.
    overlay
        Whether label, scores and latencies are drawn on the frames.
    """

    takes = ("live", "fps", "overlay")

    def __init__(self, path: str, *, live: bool, fps: float | None = None, overlay: bool = True) -> None:
        try:
            self._path = Path(datetime.now().astimezone().strftime(path))
        except ValueError as error:  # a byte that is not UTF-8, or a % without a meaning
            raise OutputError(f"{path} can't be the name of a recording: {error}") from error
        if not is_utf8(str(self._path.absolute())):
            raise OutputError(f"{path} can't be recorded: the name of its folder is not UTF-8")
        self._live, self._fps, self._overlay = live, fps or FPS, overlay
        suffix = self._path.suffix.lower()
        if suffix not in CODECS:
            raise OutputError(f"{path} is no video format that can be written: expected {', '.join(CODECS)}")
        self._part = self._path.with_name(f"{self._path.stem}.part{suffix}")
        try:
            there = os.path.lexists(self._path)
            if not there:
                self._part.open("xb").close()
        except FileExistsError as error:
            raise OutputError(
                f"{self._part} exists: a recording that was interrupted, or is running; rename or delete it"
            ) from error
        except OSError as error:
            raise OutputError(f"{self._path} can't be written: {error.strerror}") from error
        if there:
            raise OutputError(
                f"{self._path} exists already: name another file, or put the time in its name: %H%M%S"
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
        """Pass a frame to the recording thread."""
        with self._changed:
            while not self._live and self._newest is not None and not self._ended:
                self._changed.wait()
            self._newest = result, stats
            self._changed.notify_all()

    def close(self) -> None:
        """Finish the file; may be called twice. Raises OutputError if it is incomplete."""
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
        elif self._written:
            say(f"recorded {self._path}")

    def _finish(self) -> None:
        """Close the file, read it back and rename it; never replace another file. Raises OSError."""
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
        """Return why the recording is incomplete, and how much of it there is."""
        if not self._written:
            return f"{self._path} was not recorded: {reason}"
        there = f"{self._readable:,} of {self._written:,} frames can be played, in {self._kept}"
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
                    f"{self._fps:g} frames a second are more than this machine can record: the video plays "
                    "too fast; ask for fewer with --fps"
                )
            with self._changed:
                if self._changed.wait_for(lambda: self._ended, max(0.0, due - time.monotonic())):
                    return

    def _write(self, result: Result, stats: Stats) -> None:
        image = annotate(result, stats) if self._overlay else result.frame.pixels
        if self._writer is None:
            self._size = image.shape[1], image.shape[0]
            with quiet_stderr():
                # In a relative path, FFmpeg takes the part before a colon for a protocol.
                self._writer = cv2.VideoWriter(
                    str(self._part.absolute()), cv2.CAP_FFMPEG, self._codec, self._fps, self._size
                )
            if not self._writer.isOpened():
                raise OSError("OpenCV can't write such a video")
            self._watch = VideoFileWatch(self._part, LEAST_FREE)
        if self._watch is not None:
            self._watch.check(self._written, self._fps, self._size[0] * self._size[1])
        if (image.shape[1], image.shape[0]) != self._size:
            image = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        self._writer.write(image)
        self._written += 1


def _failure_of(work: Callable[[], None]) -> str:
    """Call it; return why it failed, or an empty string."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - a recording that fails must not end the loop
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
    return ""
