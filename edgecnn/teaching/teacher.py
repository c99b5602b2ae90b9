"""The teacher: photos, what they taught, recordings and versions; page, terminal and Python drive it."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.bundle.input_spec import Given
from edgecnn.errors import EdgeCnnError, OptionError, OutputError
from edgecnn.image.file import decode_image, read_file
from edgecnn.learning.request import Request
from edgecnn.learning.trunk import DEFAULT_TRUNK, open_trunk
from edgecnn.live.command import Command, Renew
from edgecnn.live.sink import Sink
from edgecnn.machine.board import describe_board
from edgecnn.teaching.classifier import TaughtClassifier
from edgecnn.teaching.last_frames import LastFrames
from edgecnn.teaching.learner import Learner
from edgecnn.teaching.names import stamp
from edgecnn.teaching.photos import TaughtFolder
from edgecnn.teaching.recorder import Recording, Recordings, Writer, encode, save_shot
from edgecnn.teaching.review import Review
from edgecnn.teaching.versions import Version, Versions, find_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import Ranges
    from edgecnn.frame import Frame, Result
    from edgecnn.live.stats import Stats

REVIEWED = 200
# How many points int8 may lose against float32: with few photos that is mostly chance.
_ALLOWED_DROP = 5.0
# A recording that no one renews ends after this; see `Teacher.record`.
RENEW_S = 5.0


class Teacher(Sink):
    """Teaches a classifier by photos in a folder, while it answers.

    It is a sink of the live loop: `run(teacher.classifier, camera, [teacher])`. Without a loop, `show_image`
    and `add` teach by images. A context manager; threads may share it.

    Parameters
    ----------
    folder
        The photos: a folder for each class, made if it is missing.
    out
        The bundle in use, which `use` replaces; `FOLDER-model` for None. Not inside `folder`.
    trunk, cut, value_range
        The pretrained network, as `learn` takes it.
    engine
        What runs it.
    flip
        Whether a mirrored photo shows the same class.
    review
        How many unsure frames are kept to be labelled later; 0 for none.

    Attributes
    ----------
    classifier
        Answers by what is known now.
    photos, review, versions
        The parts, for lists and edits.
    problem
        Why the last photo was not written; None if it was.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] = "taught",
        out: str | os.PathLike[str] | None = None,
        *,
        trunk: str | os.PathLike[str] = DEFAULT_TRUNK,
        cut: str | None = None,
        value_range: Ranges | None = None,
        engine: str = "auto",
        flip: bool = True,
        seed: int = 0,
        review: int = REVIEWED,
    ) -> None:
        target = find_out(Path(folder), out)
        self.photos = TaughtFolder(Path(folder))
        request = Request(
            str(trunk),
            cut,
            Given(value_range=value_range),
            None,
            flip,
            seed,
            "classes",
            _ALLOWED_DROP,
        )
        opened = open_trunk(request.trunk, request.cut, request.given)
        threads = min(describe_board().cores, 4)
        self.classifier = TaughtClassifier(opened, self.photos.folder.name, engine, threads)
        self.review = Review(self.photos, review)
        self.versions = Versions(self.photos, target, request)
        self.problem: str | None = None
        self._keeping = threading.Lock()
        self._recordings = Recordings()
        # Held while a recording starts, and while a class is renamed or removed.
        self._naming = threading.Lock()
        self._last_frames = LastFrames()
        self._started = stamp()
        self._writer = Writer()
        self._learner = Learner(self.photos, opened, flip=flip, seed=seed, threads=1)

    def show(self, result: Result, stats: Stats) -> None:  # noqa: ARG002 - as every sink
        """Record the frame if a recording runs; remember it for a correction."""
        embedding = self.classifier.embedding
        self._last_frames.add(result.frame)
        if new := self.review.consider(result, embedding):
            self._writer.put(lambda: self.review.keep(new))
        if self._recordings.offer(lambda recording: self._record(recording, result.frame, embedding)):
            self._learner.wake()

    def poll(self, stats: Stats) -> Sequence[Command]:  # noqa: ARG002 - as every source
        """Let the classifier answer by what is known now."""
        fresh = self._learner.knowledge
        if fresh is self.classifier.knowledge:
            return ()
        self.classifier.learn(fresh)
        return [Renew()]

    def record(self, label: str, seconds: float = RENEW_S) -> str:
        """Record frames into a class from now on; return the token that `renew` and `stop` take.

        It ends after so many seconds unless it is renewed, and where its class is renamed or removed. A
        recording into another class ends.
        """
        with self._naming:
            label = self.photos.ensure_class(label)
            self.problem = None
            return self._recordings.start(label, seconds)

    def renew(self, token: str, seconds: float = RENEW_S) -> None:
        """Continue a recording for so many seconds from now. Raises DataError where it has ended."""
        self._recordings.renew(token, seconds)

    def stop(self, token: str | None = None) -> int:
        """End a recording, whichever runs for None; return how many photos were written.

        The number is also known of the one that ended last, as one does that no page renews.
        """
        recording = self._recordings.end(token)
        if recording is None:
            return 0
        self._writer.drain()
        self._learner.wake()
        return recording.kept

    @property
    def recording(self) -> Recording | None:
        """The recording that runs."""
        return self._recordings.running

    def add(
        self, label: str, image: NDArray[np.uint8] | bytes | str | os.PathLike[str], name: str = ""
    ) -> str:
        """Add a photo to a class; return its id once it is on the disk.

        Parameters
        ----------
        image
            uint8 H×W×3 BGR or H×W, the bytes of an image file, or its path.
        name
            The name of the file; made from the time for none.

        Raises
        ------
        ImageError
            For what is no image.
        """
        if isinstance(image, str | os.PathLike):
            name, image = name or os.path.basename(image), read_file(image)  # noqa: PTH119
        if isinstance(image, bytes):
            decode_image(image, name or "the image")  # refuses what is none
        return self.save(label, image if isinstance(image, bytes) else encode(image), name)

    def save(self, label: str, data: bytes, name: str = "") -> str:
        """Add the bytes of an image file that can be decoded, as `add` does; return the photo's id."""
        name = name or f"{stamp()}-{time.time_ns() % 10**6:06d}_001.jpg"
        try:
            photo = self.photos.save(label, data, name)
        except OutputError as error:
            self.problem = str(error)
            raise
        self.problem = None
        self._learner.wake()
        return photo

    def correct(self, label: str, frame: int | None = None) -> str:
        """Add a frame that was shown lately to the class that it really shows; return the photo's id.

        Parameters
        ----------
        frame
            The index of the frame, one of the last seconds; the newest one for None.
        """
        shown = self._last_frames.find(frame)
        # Corrections of one run are one recording: frames of one place are no independent photos.
        return self.add(
            label, np.array(shown.region), f"{self._started}_{time.time_ns() // 10**6 % 10**9}.jpg"
        )

    def rename(self, label: str, to: str, *, merge: bool = False) -> list[str]:
        """Rename or merge a class, see `TaughtFolder.rename`; a recording into it ends before."""
        with self._without_recording(label):
            joined = self.photos.rename(label, to, merge=merge)
        self._learner.wake()
        return joined

    def remove_class(self, label: str) -> list[str]:
        """Move a class into the trash, see `TaughtFolder.remove_class`; a recording into it ends before."""
        with self._without_recording(label):
            removed = self.photos.remove_class(label)
        self._learner.wake()
        return removed

    def changed(self) -> None:
        """Learn what was changed in `photos` or `review`."""
        self._learner.wake()

    def settle(self, timeout: float = 60.0) -> None:
        """Wait until everything is learned and measured. Raises OptionError where that takes too long."""
        self._writer.drain()
        end = time.monotonic() + timeout
        self._learner.wake()
        while self._learner.busy:
            if time.monotonic() > end:
                raise OptionError(f"teaching did not settle in {timeout:g} s: give it more time")
            time.sleep(0.02)
        if self._learner.knowledge is not self.classifier.knowledge:
            self.classifier.learn(self._learner.knowledge)

    @property
    def report(self) -> dict[str, Any] | None:
        """How good it is, by cross-validation of the photos; None before that is known."""
        found = self._learner.appraisal
        return None if found is None else found.as_dict()

    def marks(self) -> dict[str, dict[str, str | None]]:
        """Return what to look at again, by photo: the class that it looks like, and the photo it repeats."""
        found = self._learner.appraisal
        if found is None:
            return {}
        marks: dict[str, dict[str, str | None]] = {
            photo: {"looks_like": like, "twin": None} for photo, like, _ in found.mislabelled
        }
        for photo, twin in found.doubled:
            marks.setdefault(photo, {"looks_like": None, "twin": None})["twin"] = twin
        return marks

    def keep(self, name: str = "", *, even_if_worse: bool = False) -> Version:
        """Keep a version and use it.

        Raises
        ------
        GateError
            Where its accuracy on its held-out photos is worse than that of the version in use, unless
            `even_if_worse`: it is kept then, and not used.
        """
        with self._keeping:
            version = self.versions.keep(name)
        return self.use(version.name, even_if_worse=even_if_worse)

    def use(self, name: str, *, even_if_worse: bool = False) -> Version:
        """Put a version in the place of the one in use. Raises GateError as `keep` does."""
        with self._keeping:
            if not even_if_worse:
                self.versions.require_as_good(name)
            return self.versions.make_current(name)

    def state(self) -> dict[str, Any]:
        """Return what the page shows of it; see docs/teach.md."""
        running, found, known = self.recording, self._learner.appraisal, self._learner.knowledge
        counts, newest = self.photos.counts, self.photos.newest
        # Of other classes, it says nothing about these.
        stale = found is not None and found.labels != tuple(k for k, count in counts.items() if count)
        return {
            "folder": str(self.photos.folder),
            "classes": [{"label": k, "photos": n, "newest": newest.get(k)} for k, n in counts.items()],
            "recording": running and {"label": running.label, "kept": running.kept, "alike": running.alike},
            "knows": known.level,
            "busy": self._learner.busy,
            "photos": sum(counts.values()),
            "revision": self.photos.revision,
            "judged": found and found.brief(),
            "advice": "" if found is None or stale else found.useful.text if found.useful else found.advice,
            "kept": [version.as_dict() for version in self.versions.all()],
            "review": len(self.review),
            "unreadable": len(self._learner.unreadable),
            "problem": self.problem or self.review.problem or self._learner.problem,
        }

    def close(self) -> None:
        """Write what is waiting, and end the threads; may be called twice."""
        self._recordings.end()
        self._writer.close()
        self._learner.close()
        self.classifier.close()

    @contextmanager
    def _without_recording(self, label: str) -> Iterator[None]:
        """End a recording into a class and write what waits; no recording starts in this block."""
        with self._naming:
            self._recordings.end_if(lambda recording: recording.label == label)
            self._writer.drain()
            yield

    def _record(self, recording: Recording, frame: Frame, embedding: NDArray[np.float32]) -> None:
        """Have a frame written that becomes a photo."""
        shot = recording.take(frame, embedding)
        if shot is None:
            return

        def job() -> None:
            try:
                save_shot(self.photos, shot)
            except EdgeCnnError as error:
                self.problem = str(error)
                self._recordings.end_if(lambda running: running is recording)
                self._learner.wake()
            else:
                recording.kept += 1
                self.problem = None
                self._learner.wake(soon=False)

        if not self._writer.put(job):
            recording.lose()
