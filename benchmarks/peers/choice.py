"""Which of several forms of one network a peer is fastest in, here and now."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ROUNDS, _RUNS = 10, 5


def fastest(forms: dict[str, Callable[[], object]]) -> tuple[str, list[str]]:
    """Run each form, interleaved, and return the fastest one's name, and a line for each of the others."""
    took: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(_ROUNDS):
        for name, run in forms.items():
            for _ in range(_RUNS):
                before = time.perf_counter()
                run()
                took[name].append(time.perf_counter() - before)
    medians = {name: median(values) for name, values in took.items()}
    first, *others = sorted(medians, key=medians.__getitem__)
    return first, [
        f"{other} took {medians[other] / medians[first]:.2f} times as long as {first}" for other in others
    ]
