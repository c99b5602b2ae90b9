"""Handles many images on all cores: this process and forked copies of it, each one image at a time.

Threads would not do: half of a small image's time is Python, which runs one thread at a time, and stderr,
which OpenCV must not write to, is one for all of them. New processes would import everything again and could
not have an engine or a dataset that exists here alone. A copy has all of it, in memory that both share.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal, TypeVar

from edgecnn.defaults import AUTO
from edgecnn.engine import MAX_THREADS, can_fork
from edgecnn.errors import OptionError
from edgecnn.machine.cores import count_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from edgecnn.classify.classifier import Classifier

# A folder that takes less is not worth other processes.
PATIENCE_S = 0.02

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


def count_workers(classifiers: Iterable[Classifier], asked: int | None = None) -> int:
    """Return how many processes may classify images side by side, each with these classifiers.

    All cores that this process may use for None; one where that can't be. Raises OptionError where more are
    asked for.
    """
    reason = next(filter(None, map(_why_alone, classifiers)), "")
    if asked is None:
        return 1 if reason else min(MAX_THREADS, count_cores())
    if asked > 1 and reason:
        raise OptionError(f"--workers is {asked}, expected 1: {reason}")
    return asked


def threads_for(engine: str, threads: int | Literal["auto"], workers: int | None) -> int | Literal["auto"]:
    """Return how many threads a model gets for many images: one for `auto` where processes share them."""
    return 1 if threads == AUTO and workers != 1 and can_fork(engine) else threads


def _why_alone(classifier: Classifier) -> str:
    """Return why only one process can use a classifier; "" where copies of it work."""
    if not classifier.engine.forks:
        return f"the engine {classifier.engine.name} runs in one process: leave out --workers"
    if classifier.threads > 1:
        return f"the model has {classifier.threads} threads; for one image on each core leave out --threads"
    return ""


def in_order(
    handle: Callable[[Item], Outcome],
    items: Sequence[Item],
    workers: int = 1,
    *,
    patience_s: float = PATIENCE_S,
) -> Generator[Outcome, None, None]:
    """Yield what `handle` returns for each item, in their order; close it to end all other processes.

    This process begins alone, and is joined by copies of itself if that takes longer than `patience_s`. Where
    it has other threads it stays alone, since it can't be copied then.

    Parameters
    ----------
    handle
        Is called once for each item, in any process; what it returns is pickled. An exception is raised at
        its item's place, after another try in this process.
    workers
        The number of processes, with this one; see `count_workers`.

    Raises
    ------
    EngineLost
        Where one of the other processes crashes or is killed.
    """
    begun = time.perf_counter()
    for done, item in enumerate(items):
        spent = time.perf_counter() - begun
        if workers > 1 and done and spent > patience_s:
            from edgecnn.machine.forked import may_fork  # a few images need no other process

            if may_fork():
                break
            workers = 1
        yield handle(item)
    else:
        return
    from edgecnn.classify.team import Team

    with Team(handle, items, done, workers, spent / done) as team:
        yield from team.outcomes()
