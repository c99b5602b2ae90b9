"""What `edgecnn classify` prints for images, folders, videos and stdin."""

from __future__ import annotations

from contextlib import closing
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from edgecnn.classify.advice import is_strange
from edgecnn.classify.batch import in_order
from edgecnn.errors import AnswerError, EdgeCnnError, ImageError
from edgecnn.image.names import is_video_file
from edgecnn.image.paths import find_in, read_frame, read_stdin
from edgecnn.io.json_text import to_json
from edgecnn.io.printable import printable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from pathlib import Path

    from edgecnn.classify.classifier import Classifier
    from edgecnn.frame import Frame, Result


class Answer(NamedTuple):
    """The line for an image, and whether it looks like nothing that the model knows; or a note for stderr.

    A note says what was left out of a folder, or, where it `failed`, why an image has no line.
    """

    line: str | None = None
    strange: bool = False
    note: str = ""
    failed: bool = False


class Answering:
    """Makes the answers of one model.

    Parameters
    ----------
    top
        How many labels a line has.
    as_json
        Whether it is a JSON object.
    """

    def __init__(self, classifier: Classifier, top: int, as_json: bool) -> None:
        self._classifier = classifier
        self._top = top
        self._as_json = as_json
        self._reading = classifier.least_side, classifier.model.input.background

    def all_of(self, paths: Iterable[str], workers: int) -> Generator[Answer, None, None]:
        """Yield the answers to everything at the paths, in order.

        Images are divided among the workers. Videos and stdin are streams, whose frames this process reads.
        """
        for streams, some in groupby(paths, lambda path: path == "-" or is_video_file(path)):
            if streams:
                yield from (self._answer(frame) for path in some for frame in self._frames(path))
                continue
            found = [item for path in some for item in find_in(path)]
            with closing(in_order(self._answer_found, found, workers)) as given:
                yield from given

    def _frames(self, path: str) -> Iterator[Frame | EdgeCnnError]:
        """Yield the frames of a video, or the image on stdin; an error for one that can't be read."""
        if path != "-":
            from edgecnn.camera.video import read_video  # images need no cameras

            yield from read_video(path)
            return
        try:
            yield read_stdin(*self._reading)
        except ImageError as error:
            yield error

    def _answer_found(self, found: Path | ImageError | str) -> Answer:
        """Return the answer to one of the things that `find_in` finds."""
        if isinstance(found, str):
            return Answer(note=found)
        if isinstance(found, ImageError):
            return self._answer(found)
        try:
            frame = read_frame(found, *self._reading)
        except ImageError as error:
            return self._answer(error)
        return self._answer(frame)

    def _answer(self, frame: Frame | EdgeCnnError) -> Answer:
        """Return the answer to a frame, or to one that can't be read."""
        if isinstance(frame, EdgeCnnError):
            return Answer(note=str(frame), failed=True)
        try:
            result = self._classifier.classify_frame(frame, self._top)
        except AnswerError as error:
            return Answer(note=f"{frame.source}: {error}", failed=True)
        line = to_json(result.as_dict()) if self._as_json else _line(result)
        return Answer(line, is_strange(result, self._classifier))


def _line(result: Result) -> str:
    where = result.frame.source if not result.frame.index else f"{result.frame.source}[{result.frame.index}]"
    answer = [result.label] if result.unknown or result.found else []
    return printable("  ".join([where, *answer, *(f"{p.label} {p.score:.3f}" for p in result.predictions)]))
