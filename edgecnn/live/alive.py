"""The live loop as an asynchronous iterator, for programs that run on asyncio."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from edgecnn.live.loop import run
from edgecnn.live.sink import Sink

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from edgecnn.camera import Camera
    from edgecnn.classify.classifier import Classifier
    from edgecnn.classify.variants import Variants
    from edgecnn.frame import Result
    from edgecnn.live.stats import Stats


async def alive(
    classifier: Classifier | Variants,
    camera: Camera | Sequence[Camera],
    sinks: Sequence[Sink] = (),
    **options: Any,
) -> AsyncGenerator[Result, None]:
    """Classify what a camera sees in another thread, and yield the newest result as soon as it is asked for.

    A program that asks less often than the camera gives frames misses results, never a camera's newest one;
    `sinks` get all of them. Leave the iterator by `aclose()`, or use `contextlib.aclosing`: the loop has then
    ended, and the classifier and the camera may be closed.

    Parameters
    ----------
    options
        All others of `run`, but `stop`.

    Raises
    ------
    EdgeCnnError
        What `run` raises, after the results before it.
    """
    loop, stop = asyncio.get_running_loop(), threading.Event()
    newest = _Newest(loop)
    # A thread of its own: those of `asyncio.to_thread` are few, and this one stays for the whole run.
    executor = ThreadPoolExecutor(1, "edgecnn-alive")
    call = partial(run, classifier, camera, [*sinks, newest], stop=stop, **options)
    running = loop.run_in_executor(executor, call)
    running.add_done_callback(newest.end)
    try:
        while (result := await newest.take()) is not None:
            yield result
        running.result()
    finally:
        stop.set()
        try:
            await asyncio.wait([running])
        finally:
            executor.shutdown(wait=running.done())
            if running.done():
                running.exception()  # so that asyncio does not report it too


class _Newest(Sink):
    """Keeps the newest result for another thread's event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._ready, self._ended = loop, asyncio.Event(), False
        self._lock = threading.Lock()
        self._result: Result | None = None

    def show(self, result: Result, stats: Stats) -> None:  # noqa: ARG002 - of every sink
        with self._lock:
            self._result = result
        with suppress(RuntimeError):  # the event loop is closed: the run is about to end
            self._loop.call_soon_threadsafe(self._ready.set)

    def end(self, _: object) -> None:
        """Have `take` return None after the last result."""
        self._ended = True
        self._ready.set()

    async def take(self) -> Result | None:
        """Wait for a result that was not taken yet; None at the end."""
        while True:
            await self._ready.wait()
            # Before taking it: a result that comes meanwhile sets it again.
            self._ready.clear()
            with self._lock:
                result, self._result = self._result, None
            if self._ended:
                self._ready.set()
            if result is not None or self._ended:
                return result
