"""A newest value that a thread leaves and any number of coroutines await."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

T = TypeVar("T")


class Latest(Generic[T]):
    """Nobody waits for a slow reader: it misses values and gets the newest.

    Attributes
    ----------
    readers
        How many follow it at the moment.
    waiting
        How many of them wait for a newer value; the others are still busy with one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._changed = asyncio.Event()
        self._value: T | None = None
        self._ended = False
        self.readers = self.waiting = 0

    def put(self, value: T) -> None:
        """Leave a value; from any thread, also when the loop has ended."""
        self._call(value)

    def end(self) -> None:
        """Let those who follow come to an end; from any thread, also when the loop has ended."""
        self._call(None)

    async def follow(self) -> AsyncIterator[T]:
        """Yield the value that is there, if any, and each newer one."""
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
