"""What `edgecnn learn` shows: a progress bar in a terminal, then how good the model is."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from edgecnn.io.printable import echo, open_console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.learning.photos import PhotoProgress
    from edgecnn.learning.session import Learned

# Photos to look at again that are named; the page shows all.
_NAMED = 5


@contextmanager
def photo_progress() -> Iterator[PhotoProgress | None]:
    """Yield what shows how many photos are embedded; None where stderr is no terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("photos"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=open_console(stderr=True), transient=True) as bar:
        task = bar.add_task("photos", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield show


def print_learned(learned: Learned) -> None:
    """Print the accuracy, the learning curve and the photos to look at again."""
    from edgecnn.learning.sentences import headlines, in_short

    judged, labels = learned.judged, learned.bundle.labels
    for line in (*headlines(judged, learned.curve), *in_short(judged, learned.curve, labels)):
        echo(line)
    points = "; ".join(f"{p.photos:,}: {p.accuracy:.1%} ({p.low:.0%}–{p.high:.0%})" for p in learned.curve)
    echo(f"right by photos a class: {points}")
    wrong, doubled = learned.suspects
    for suspect in wrong[:_NAMED]:
        other = labels[suspect.looks_like]
        echo(f"mislabelled? {learned.photos[suspect.place]} looks like {other} ({suspect.score:.0%})")
    for pair in doubled[:_NAMED]:
        echo(f"nearly the same: {learned.photos[pair.first]} and {learned.photos[pair.second]}")
    if (more := len(wrong[_NAMED:]) + len(doubled[_NAMED:])) > 0:
        echo(f"{more:,} more photos to look at again are on the report")
