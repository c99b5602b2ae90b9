"""The newest value from a thread, for any number of coroutines."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

T = TypeVar("T")


class Latest(Generic[T]):
    """The newest value. A slow reader misses values and gets the newest; no one waits for it.

    Attributes
    ----------
    readers
        The number of current readers.
    waiting
        The number of readers that wait for a newer value; the others still process one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._changed = asyncio.Event()
        self._value: T | None = None
        self._ended = False
        self.readers = self.waiting = 0

    def put(self, value: T) -> None:
        """Set the value; from any thread, also after the loop has ended."""
        self._call(value)

    def end(self) -> None:
        """End all readers; from any thread, also after the loop has ended."""
        self._call(None)

    async def follow(self) -> AsyncIterator[T]:
        """Yield the current value, if any, and each newer one."""
        self.readers += 1
        seen: T | None = None
        try:
            while not self._ended:
                if self._value is None or self._value is seen:
                    self.waiting += 1
                    try:
                        await self._changed.wait()
                    finally:
                        self.waiting -= 1
                else:
                    seen = self._value
                    yield seen
        finally:
            self.readers -= 1

    def _call(self, value: T | None) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._set, value)

    def _set(self, value: T | None) -> None:
        self._value, self._ended = value, value is None
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
