"""A team of processes, the one that makes it and copies of that, handles many items and keeps their order."""

from __future__ import annotations

import pickle
import select
import struct
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

from edgecnn.errors import EngineLost
from edgecnn.image.turns import begin_turns, end_turns, pass_turn
from edgecnn.io.closing import Closing
from edgecnn.io.regular import forget_read, remember_read, take_read
from edgecnn.machine.forked import ForkedProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from multiprocessing.connection import Connection

# Images are handed out so many seconds' worth at a time, at most so many, and twice: a process that is done
# has the next ones already.
_CHUNK_S, _MOST_CHUNK, _CHUNKS = 0.01, 32, 2
# Results wait for that of an earlier image: at most so many for each process.
_AHEAD = 2 * _CHUNKS * _MOST_CHUNK
_RANGE = struct.Struct("=QQ")

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Team(Closing, Generic[Item, Outcome]):
    """The processes that divide some items; a context manager, which ends all but the first.

    Parameters
    ----------
    handle, items
        See `edgecnn.classify.batch.in_order`.
    done
        How many items are done already.
    workers
        The number of processes.
    item_s
        How long an item takes, in seconds, as a first guess.
    """

    def __init__(
        self,
        handle: Callable[[Item], Outcome],
        items: Sequence[Item],
        done: int,
        workers: int,
        item_s: float,
    ) -> None:
        self._handle, self._items = handle, items
        self._place = self._given = done
        self._item_s = item_s
        # Where the chunks begin that each other process has not answered, oldest first.
        self._asked: dict[ForkedProcess, deque[int]] = {}
        begin_turns(workers)
        try:
            with suppress(OSError):  # with fewer processes it only takes longer
                for _ in range(min(workers, len(items) - done) - 1):
                    self._asked[ForkedProcess(self._serve, [*self._asked])] = deque()
        except BaseException:
            self.close()
            raise

    def outcomes(self) -> Generator[Outcome, None, None]:
        """Yield the outcomes in order; meanwhile handle images here, and keep the other processes busy."""
        waiting: dict[int, list[tuple[Outcome] | None]] = {}
        by_number = {process.pipe.fileno(): process for process in self._asked}
        poll = select.poll()
        for number in by_number:
            poll.register(number, select.POLLIN)
        while self._place < len(self._items):
            if self._place in waiting:
                for found in waiting.pop(self._place):
                    yield self._again(self._place) if found is None else found[0]
                    self._place += 1
                continue
            self._hand_out()
            own = self._given < self._end
            answered = poll.poll(0 if own else None)
            for number, _ in answered:
                process = by_number[number]
                outcomes = self._receive(process)
                waiting[self._asked[process].popleft()] = outcomes
            if own and not answered:
                start, _ = self._give(1)
                begun = time.perf_counter()
                waiting[start] = [self._try(start)]
                self._item_s += 0.1 * (time.perf_counter() - begun - self._item_s)

    def _hand_out(self) -> None:
        """Give each other process its next chunks: small ones at the end, so that all end at one time."""
        for process, asked in self._asked.items():
            while len(asked) < _CHUNKS and self._given < self._end:
                share = (len(self._items) - self._given) // (_CHUNKS * (len(self._asked) + 1))
                most = min(_MOST_CHUNK, share, int(_CHUNK_S / self._item_s))
                start, stop = self._give(max(1, most))
                asked.append(start)
                with suppress(OSError):  # it has ended, which is noticed as its answer is read
                    process.pipe.send_bytes(_RANGE.pack(start, stop))

    @property
    def _end(self) -> int:
        """Where items end that may be begun, not too far ahead of the next outcome."""
        return min(self._place + _AHEAD * (len(self._asked) + 1), len(self._items))

    def _give(self, count: int) -> tuple[int, int]:
        """Return where the next chunk begins and ends: `count` items, or as many as may be begun."""
        start, self._given = self._given, min(self._given + count, self._end)
        return start, self._given

    def _receive(self, process: ForkedProcess) -> list[tuple[Outcome] | None]:
        """Return the answer of a process to a chunk."""
        outcomes: list[tuple[Outcome] | None]
        try:
            outcomes, read = pickle.loads(process.pipe.recv_bytes())  # noqa: S301 - of a copy of this process
        except (EOFError, OSError) as error:
            raise EngineLost(
                f"one of {len(self._asked) + 1} processes that classify images {process.ended()}: "
                "--workers 1 takes the least memory, and shows at which image it ends"
            ) from error
        remember_read(read)
        return outcomes

    def _serve(self, pipe: Connection) -> None:
        """In another process: handle chunks until the pipe closes."""
        forget_read()
        while True:
            outcomes = [self._try(place) for place in range(*_RANGE.unpack(pipe.recv_bytes()))]
            # `take_read`: no output may replace a file that any of the processes has read.
            pipe.send_bytes(pickle.dumps((outcomes, take_read())))

    def _try(self, place: int) -> tuple[Outcome] | None:
        """Handle an item ahead of its turn; None for one that raises, which it will do again at its turn."""
        try:
            return (self._handle(self._items[place]),)
        except Exception:  # noqa: BLE001 - `_again` lets it pass
            return None
        finally:
            pass_turn()

    def _again(self, place: int) -> Outcome:
        """Handle an item that raised, now that it is its turn; what it raises then ends everything."""
        try:
            return self._handle(self._items[place])
        finally:
            pass_turn()

    def close(self) -> None:
        """End the other processes, whatever they are doing; may be called twice."""
        for process in self._asked:
            process.close()
        end_turns()
