"""The progress bar of `edgecnn learn`."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from edgecnn.io.printable import open_console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.learning.photos import PhotoProgress


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
