"""The frames that the model was least sure about: few, different ones, for a person to label."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from edgecnn.errors import DataError, OutputError
from edgecnn.frame import UNKNOWN
from edgecnn.image.file import read_file
from edgecnn.io.atomic import remove_left_behind, write_file
from edgecnn.io.moving import cut_name
from edgecnn.teaching.names import stamp
from edgecnn.teaching.recorder import encode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from edgecnn.frame import Result
    from edgecnn.teaching.photos import TaughtFolder

FOLDER = ".review"
# A frame is unsure where its best score is below this, or where it is unknown.
UNSURE = 0.8
# Between two frames that are kept; the cosine from which on a frame is not different enough.
_APART_S, _DIFFERENT = 2.0, 0.95
# Time in milliseconds, score, label: the name of a file.
_NAME = re.compile(r"(\d{13})_(\d\.\d{3})_(.*)\.jpg", re.DOTALL)


class Unsure(NamedTuple):
    """A stored frame: its id, when it was taken (seconds since the epoch), and the answer it got."""

    id: str
    taken: float
    label: str
    score: float


class NewFrame(NamedTuple):
    """A frame to store: its id, the pixels (uint8 H×W×3 BGR), and its embedding as a unit vector."""

    name: str
    pixels: NDArray[np.uint8]
    direction: NDArray[np.float32]


class Review:
    """A bounded store of unsure frames, below the folder of the photos; threads may share it.

    Parameters
    ----------
    most
        How many are kept: beyond it the oldest goes. 0 stores none.

    Attributes
    ----------
    problem
        Why the last frame was not written; None if it was.
    """

    def __init__(self, folder: TaughtFolder, most: int) -> None:
        self._taught, self._folder, self._most = folder, folder.folder / FOLDER, most
        self.problem: str | None = None
        self._lock = threading.Lock()
        self._last_s = -_APART_S
        self._directions: dict[str, NDArray[np.float32]] = {}
        remove_left_behind(self._folder)
        self._frames = {frame.id: frame for frame in _list(self._folder)}

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def frames(self) -> list[Unsure]:
        """The frames, the newest first."""
        with self._lock:
            return sorted(self._frames.values(), key=lambda frame: -frame.taken)

    def consider(self, result: Result, embedding: NDArray[np.float32]) -> NewFrame | None:
        """Return what to `keep` of a frame, if it is unsure and different; None for most frames."""
        now = time.monotonic()
        best = result.predictions[0]
        if (
            not self._most
            or len(result.predictions) < 2
            or now - self._last_s < _APART_S
            or not (result.unknown or best.score < UNSURE)
        ):
            return None
        direction = embedding / (float(np.linalg.norm(embedding)) or 1.0)
        with self._lock:
            known = list(self._directions.values())
        if known and float((np.stack(known) @ direction).max()) >= _DIFFERENT:
            return None
        self._last_s = now
        moment = result.frame.wall_time().timestamp()
        answer = UNKNOWN if result.unknown else best.label
        name = f"{int(moment * 1000):013d}_{min(best.score, 0.999):.3f}_{cut_name(answer, 200)}.jpg"
        return NewFrame(name, np.array(result.frame.region), direction)

    def keep(self, new: NewFrame) -> None:
        """Store a frame, and drop the oldest beyond the limit; `problem` says why it can't be written."""
        try:
            self._folder.mkdir(exist_ok=True)
            write_file(self._folder / new.name, encode(new.pixels), flush=False)
        except OSError as error:
            self.problem = f"unsure frames can't be written to {self._folder}: {error.strerror}"
            return
        self.problem = None
        if not (found := _parse(new.name)):
            return
        with self._lock:
            self._frames[new.name], self._directions[new.name] = found, new.direction
            for old in sorted(self._frames.values(), key=lambda frame: frame.taken)[: -self._most or None]:
                self._forget(old.id)

    def path(self, frame: str) -> Path:
        """Return the path of a stored frame. Raises DataError for an unknown one."""
        if frame not in self._frames:
            raise _unknown(frame)
        return self._folder / frame

    def label(self, frames: Iterable[str], label: str) -> list[str]:
        """Move frames into a class as photos; return the photos' ids.

        Raises DataError for an unknown frame, OutputError where a photo can't be written; from that frame on
        they stay.
        """
        photos = []
        for name in frames:
            frame = self._take(name)
            # Frames of one day are one recording: most show the same place.
            moment = f"{stamp(frame.taken)[:8]}-000000_{name[:13]}.jpg"
            try:
                data = read_file(self._folder / name)
                photos.append(self._taught.save(label, data, moment))
            except (DataError, OutputError):
                with self._lock:
                    self._frames[name] = frame
                raise
            self._forget(name)
        return photos

    def drop(self, frames: Iterable[str]) -> int:
        """Forget frames, which are nobody's photos yet; return how many there were."""
        count = 0
        for frame in frames:
            self._take(frame)
            self._forget(frame)
            count += 1
        return count

    def _take(self, frame: str) -> Unsure:
        """Take a frame off the list, so that no other thread labels it too."""
        with self._lock:
            try:
                return self._frames.pop(frame)
            except KeyError:
                raise _unknown(frame) from None

    def _forget(self, name: str) -> None:
        self._frames.pop(name, None)
        self._directions.pop(name, None)
        with contextlib.suppress(OSError):
            (self._folder / name).unlink()

    def as_dict(self, frame: Unsure) -> dict[str, Any]:
        """Return a frame for the page."""
        return {
            "id": frame.id,
            "t": round(time.time() - frame.taken, 1),
            "label": frame.label,
            "score": frame.score,
        }


def _list(folder: Path) -> list[Unsure]:
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    return [found for name in names if (found := _parse(name))]


def _parse(name: str) -> Unsure | None:
    found = _NAME.fullmatch(name)
    return Unsure(name, int(found[1]) / 1000, found[3], float(found[2])) if found else None


def _unknown(frame: str) -> DataError:
    return DataError(f"there is no frame {frame[:80]!r} to review: it was labelled or dropped")
