"""A teaching run: opens the teacher, the camera and the page, and runs the live loop until its end."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgecnn.errors import OutputError
from edgecnn.learning.trunk import DEFAULT_TRUNK
from edgecnn.live.session import Live, Show, run_live
from edgecnn.teaching.buttons import held_buttons
from edgecnn.teaching.names import check_label
from edgecnn.teaching.photos import MOST_CLASSES
from edgecnn.teaching.teacher import REVIEWED, Teacher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from edgecnn.bundle.input_spec import Ranges
    from edgecnn.classify.classifier import Classifier
    from edgecnn.live.sink import Sink
    from edgecnn.live.stats import Summary


@dataclass(frozen=True, slots=True)
class Teach:
    """What is asked of a teaching run.

    Attributes
    ----------
    folder, out, trunk, cut, value_range, flip, review
        As `Teacher` takes them.
    live
        The camera, the view and the limits.
    classes
        Made if they are missing.
    buttons
        GPIO pins and the classes that they record into.
    """

    folder: str
    out: str | None
    live: Live
    trunk: str = DEFAULT_TRUNK
    cut: str | None = None
    value_range: Ranges | None = None
    flip: bool = True
    review: int = REVIEWED
    classes: tuple[str, ...] = ()
    buttons: tuple[tuple[int, str], ...] = ()

    def open_teacher(self) -> Teacher:
        """Open the teacher. Raises EdgeCnnError."""
        return Teacher(
            self.folder,
            self.out,
            trunk=self.trunk,
            cut=self.cut,
            value_range=self.value_range,
            flip=self.flip,
            review=self.review,
        )


def run_teach(asked: Teach, console: Console) -> Summary:
    """Teach until the run ends; the photos and the kept versions stay. Raises EdgeCnnError."""
    from edgecnn.teaching.terminal import TeachTerminal
    from edgecnn.teaching.web.pages import TeachPages

    with asked.open_teacher() as teacher:
        classes = [teacher.photos.ensure_class(label) for label in asked.classes]
        console.print(f"photos in {teacher.photos.folder}, kept model {teacher.versions.out}", soft_wrap=True)
        live = asked.live
        fed: list[Sink] = [teacher]
        if live.show is Show.terminal:
            fed.append(TeachTerminal(console, teacher, classes))
            live = replace(live, show=Show.none)
        live = replace(live, fed=tuple(fed), pages=TeachPages(teacher), reload=False, top=MOST_CLASSES)
        with held_buttons(teacher, asked.buttons):
            return run_live(lambda *_, **__: _kept_open(teacher.classifier), None, live, console)


def collect_photos(asked: Teach, label: str, seconds: float, console: Console) -> int:
    """Record so many seconds into a class; return how many photos were written."""
    check_label(label)
    with replace(asked, review=0).open_teacher() as teacher:
        token = teacher.record(label, seconds + 3600)
        live = replace(asked.live, show=Show.none, seconds=seconds, fed=(teacher,), reload=False)
        run_live(lambda *_, **__: _kept_open(teacher.classifier), None, live, console)
        kept = teacher.stop(token)
        if teacher.problem:
            raise OutputError(f"{teacher.problem}; photos of {label} that were written: {kept}")
        return kept


@contextmanager
def _kept_open(classifier: Classifier) -> Iterator[Classifier]:
    """Yield a classifier that its owner closes."""
    yield classifier
