"""The remaining steps of a run, and an estimate of the time that they take."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Batches of training; quantizing; verifying; the report; quantizing and testing one fold's network.
Kind = Literal["batches", "quantize", "verify", "report", "test"]
# Seconds for one of a kind that was not done yet in this run.
_START_S = 2.0  # until a network's first batch
_GUESS: dict[Kind, float] = {"quantize": 4.0, "verify": 4.0, "report": 3.0, "test": 5.0}


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a run: its name, what it consists of, and how much of that."""

    name: str
    kind: Kind
    amount: float = 1.0


class Plan:
    """The steps of a run, in order; times are estimated from finished steps of the same kind."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.left = list(steps)
        self.all = len(self.left)
        self.current: Step | None = None
        self._began = self._began_step = time.monotonic()
        self._taken: dict[Kind, tuple[float, float]] = {}

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Do the next step, which has to have this name; what is not counted in batches is timed."""
        current = self.left.pop(0)
        assert current.name == name, (current.name, name)  # noqa: S101 - a plan and its run are written together
        self.current, self._began_step = current, time.monotonic()
        yield current
        if current.kind != "batches":
            self.took(current.kind, time.monotonic() - self._began_step, current.amount)
        self.current = None

    def expect(self, name: str, amount: float) -> None:
        """Set how much a later step has to do, now that it is known."""
        self.left = [replace(s, amount=amount) if s.name == name else s for s in self.left]

    def took(self, kind: Kind, seconds: float, amount: float) -> None:
        """Remember how long something took."""
        before = self._taken.get(kind, (0.0, 0.0))
        self._taken[kind] = (before[0] + seconds, before[1] + amount)

    def later(self) -> float | None:
        """Return the seconds that the steps after the current one take; None while nothing is known."""
        return self._sum(self.left)

    def remaining(self) -> float | None:
        """Return the seconds to the end of the run, where the current step is not training."""
        later = self.later()
        expected = self._sum([self.current] if self.current else [])
        if later is None or expected is None:
            return None
        return later + max(0.0, expected - (time.monotonic() - self._began_step))

    def share(self, remaining: float | None) -> float:
        """Return how much of the run is done, 0 to 1, where this many seconds remain."""
        passed = time.monotonic() - self._began
        return 0.0 if remaining is None else passed / max(passed + remaining, 1e-9)

    def _sum(self, steps: Iterable[Step]) -> float | None:
        total = 0.0
        for step in steps:
            seconds, amount = self._taken.get(step.kind, (_GUESS.get(step.kind), 1.0))
            if seconds is None:
                return None
            total += step.amount * seconds / amount + (_START_S if step.kind == "batches" else 0.0)
        return total
