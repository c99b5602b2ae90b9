"""Turns frames into photos: which frames differ enough, and a thread that writes them."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from edgecnn.errors import DataError, ImageError, OptionError, OutputError
from edgecnn.image.preprocess import count_channels
from edgecnn.io.closing import Closing
from edgecnn.io.quiet import say
from edgecnn.teaching.names import stamp
from edgecnn.teaching.trash import TRASH, save_removed

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from edgecnn.frame import Frame
    from edgecnn.teaching.photos import TaughtFolder

    Embedding = NDArray[np.float32]

# A frame is left out where its embedding has at least this cosine with one of the last photos of its class.
ALIKE = 0.985
# At most so many photos a second, however much moves.
_APART_S = 0.15
# The photos that a frame is compared with, and those that wait to be written: 30 MB at 1280×720.
_COMPARED, _WAITING = 200, 8
_QUALITY = 92
# The longest recording: a day.
_LONGEST_S = 86_400.0


class NewPhoto(NamedTuple):
    """A frame that becomes a photo: its class, the name of its file, the pixels (uint8 H×W×3 BGR)."""

    label: str
    name: str
    pixels: NDArray[np.uint8]


class Recording:
    """One recording into a class: from when it was started until it is stopped.

    Attributes
    ----------
    kept, alike
        The frames that became photos on the disk, and those that were left out.
    """

    def __init__(self, label: str) -> None:
        self.label = label
        self.kept = self.alike = self.number = 0
        self._name = stamp()
        self._last_s = 0.0
        self._seen: list[Embedding] = []

    def take(self, frame: Frame, embedding: Embedding) -> NewPhoto | None:
        """Return what to write of a frame; None where it is nearly the same as another one, or too soon."""
        now = time.monotonic()
        if now - self._last_s < _APART_S:
            return None
        length = float(np.linalg.norm(embedding)) or 1.0
        direction = embedding / length
        if self._seen and float((np.stack(self._seen) @ direction).max()) >= ALIKE:
            self.alike += 1
            self._last_s = now
            return None
        self._last_s = now
        self._seen = [*self._seen[1 - _COMPARED :], direction]
        self.number += 1
        return NewPhoto(self.label, f"{self._name}_{self.number:03d}.jpg", np.array(frame.region))

    def lose(self) -> None:
        """Forget the last photo, which a slow disk left no time to write: frames like it are new again."""
        self._seen.pop()


class _Held(NamedTuple):
    """A recording: its token, until when (monotonic seconds) unless it is renewed, and itself."""

    token: str
    until_s: float
    recording: Recording


class Recordings:
    """The recording that runs, and the one that ended last; threads may share it.

    Each has a token, so that a page ends or renews its own alone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._last: _Held | None = None
        self._tokens = 0

    @property
    def running(self) -> Recording | None:
        """The recording that runs."""
        held = self._held
        return None if held is None or time.monotonic() > held.until_s else held.recording

    def start(self, label: str, seconds: float) -> str:
        """Start a recording in place of the one that runs; return its token.

        Raises OptionError for no number of seconds.
        """
        _check(seconds)
        with self._lock:
            self._end()
            self._tokens += 1
            self._held = _Held(f"{self._tokens}", time.monotonic() + seconds, Recording(label))
            return self._held.token

    def renew(self, token: str, seconds: float) -> None:
        """Continue a recording for so many seconds from now. Raises DataError where it has ended."""
        _check(seconds)
        with self._lock:
            if self._held is None or self._held.token != token or time.monotonic() > self._held.until_s:
                raise DataError("this recording has ended: start another one")
            self._held = self._held._replace(until_s=time.monotonic() + seconds)

    def end(self, token: str | None = None) -> Recording | None:
        """End a recording, whichever runs for None; return it, also where it was the last one to end."""
        with self._lock:
            if token is None:
                return self._end()
            if self._held is not None and self._held.token == token:
                self._end()
            return self._last.recording if self._last is not None and self._last.token == token else None

    def end_if(self, is_meant: Callable[[Recording], bool]) -> None:
        """End the recording that runs if it is the one that is meant."""
        with self._lock:
            if self._held is not None and is_meant(self._held.recording):
                self._end()

    def offer(self, write: Callable[[Recording], None]) -> bool:
        """Let the recording that runs write; return whether one ended because nothing renewed it.

        `end` waits for `write`, so that what it put into a queue is there then.
        """
        with self._lock:
            if self._held is None:
                return False
            if time.monotonic() > self._held.until_s:
                self._end()
                return True
            write(self._held.recording)
            return False

    def _end(self) -> Recording | None:
        if self._held is None:
            return None
        ended = self._last = self._held
        self._held = None
        return ended.recording


def _check(seconds: float) -> None:
    if not 0 < seconds <= _LONGEST_S:
        raise OptionError(f"a recording takes {seconds} seconds: expected a number up to {_LONGEST_S:,.0f}")


class Writer(Closing):
    """Runs what writes to the disk in a thread, in order, so that the loop never waits for it."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._run, name="photos", daemon=True)
        self._thread.start()

    def put(self, job: Callable[[], None]) -> bool:
        """Have a job done; return False where too many wait and it was dropped."""
        try:
            self._queue.put_nowait(job)
        except queue.Full:
            return False
        return True

    def drain(self) -> None:
        """Wait until all jobs are done."""
        self._queue.join()

    def close(self) -> None:
        """Do what is waiting, and end the thread; may be called twice."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (job := self._queue.get()) is not None:
            try:
                job()
            except Exception as error:  # noqa: BLE001 - later photos still have to be written
                say(f"a photo can't be written: {type(error).__name__}: {error}")
            finally:
                self._queue.task_done()
        self._queue.task_done()


def save_shot(photos: TaughtFolder, shot: NewPhoto) -> None:
    """Write a photo of a recording; into the trash where another program renamed or removed its class.

    Raises OutputError where it can't be written, DataError where it is in the trash.
    """
    data = encode(shot.pixels)
    try:
        photos.save(shot.label, data, shot.name, make=False)
    except OutputError as error:
        if (photos.folder / shot.label).is_dir():
            raise
        save_removed(photos.folder, shot.label, data, shot.name)
        raise DataError(
            f"the class {shot.label[:80]!r} was renamed or removed while it was recorded: the recording "
            f"ended, its last photos are in {photos.folder / TRASH / shot.label}"
        ) from error


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """Return an image, uint8 H×W×3 BGR or H×W, as a JPEG. Raises ImageError for one that can't be one."""
    count_channels(pixels)
    try:
        fine, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    except cv2.error:
        fine = False
    if not fine:
        raise ImageError(f"an image of shape {list(pixels.shape)} can't be a JPEG: its sides are too long")
    return data.tobytes()
