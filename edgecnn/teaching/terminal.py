"""Teaching from a terminal: keys 1 to 9 record into a class, the view shows what is known."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from edgecnn.errors import EdgeCnnError
from edgecnn.io.printable import printable
from edgecnn.live.sink.terminal import TerminalSink
from edgecnn.teaching.versions import WorseVersion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from edgecnn.frame import Result
    from edgecnn.live.stats import Stats
    from edgecnn.teaching.teacher import Teacher

# How long one press of a key records, in seconds.
PRESS_S = 3.0
_KEYS = "123456789"


class TeachTerminal(TerminalSink):
    """The terminal's view of a live run, with the classes and their keys below it."""

    help = "1 to 9 record 3 seconds into a class, k keeps a version, q quits, space pauses"

    def __init__(self, console: Console, teacher: Teacher, first: Sequence[str] = ()) -> None:
        self._teacher, self._first = teacher, first
        self._said = ""
        # The version that was kept, and not used because it is worse; the next press of k uses it.
        self._worse: str | None = None
        self._keeping: threading.Thread | None = None
        super().__init__(console)

    def press(self, key: str) -> None:
        """Do what a key asks for, if it is one of teaching's."""
        labels = self._labels()
        try:
            if key in _KEYS and int(key) <= len(labels):
                self._worse = None
                self._teacher.record(labels[int(key) - 1], PRESS_S)
                self._said = f"recording {labels[int(key) - 1]}: move it about"
            elif key in _KEYS:
                self._said = "no such class: name classes with edgecnn teach --class NAME, or make a folder"
            elif key == "k":
                self._start_keeping()
        except EdgeCnnError as error:
            self._said = str(error)

    def _labels(self) -> list[str]:
        """Return the classes by their keys: those of the command line first, then the others."""
        there = self._teacher.photos.labels
        return [*(k for k in self._first if k in there), *(k for k in there if k not in self._first)]

    def _start_keeping(self) -> None:
        if self._keeping is not None and self._keeping.is_alive():
            return
        worse, self._worse = self._worse, None
        self._said = "keeping …"
        self._keeping = threading.Thread(target=self._keep, args=(worse,), name="keep", daemon=True)
        self._keeping.start()

    def _keep(self, worse: str | None) -> None:
        """Keep a version and use it, or use the one that was kept although it is worse."""
        try:
            version = self._teacher.use(worse, even_if_worse=True) if worse else self._teacher.keep()
            self._said = f"kept {version.name}: {self._teacher.versions.out}"
        except WorseVersion as error:
            self._worse, self._said = error.version, f"{error}: press k again"
        except EdgeCnnError as error:
            self._said = str(error)

    def _table(self, result: Result, stats: Stats) -> Group:
        return Group(super()._table(result, stats), Text(), *self._lines())

    def _lines(self) -> Sequence[Text]:
        state = self._teacher.state()
        counts = {entry["label"]: entry["photos"] for entry in state["classes"]}
        classes = "  ".join(
            f"{number} {label} ({counts.get(label, 0)})"
            for number, label in zip(_KEYS, self._labels(), strict=False)
        )
        judged = state["judged"]
        good = (
            f"{judged['accuracy']:.0%} right, {judged['low']:.0%} to {judged['high']:.0%}; {state['advice']}"
            if judged
            else "not measured yet: three photos of each of two classes, better twenty"
        )
        said = state["problem"] or self._said
        return [Text(printable(line)) for line in (classes or "no class yet", good, said) if line]
