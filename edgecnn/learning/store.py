"""Embeddings that were computed on this machine, by their image: adding ten photos costs ten."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.io.cache import cache_folder
from edgecnn.io.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# Of rows like those that are written now; the oldest ones go first.
_MOST_BYTES = 256 << 20
# A stop loses at most so many embeddings.
_COMMIT_EVERY = 32


class Store(Closing):
    """A table of embeddings in a SQLite file of the cache folder. A context manager.

    A file that can't be used is no error: embeddings are computed again. Rows are written together, so that
    another process never waits while an embedding is computed.
    """

    def __init__(self, dtype: str, values: int) -> None:
        self._dtype, self._bytes = np.dtype(dtype), np.dtype(dtype).itemsize * values
        self._waiting: dict[bytes, bytes] = {}
        self._base: sqlite3.Connection | None = None
        if (folder := cache_folder()) is None:
            return
        self._path = folder / "embeddings.sqlite3"
        with contextlib.suppress(OSError), self._forgiving():
            folder.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(self._path, timeout=10)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")
            self._base.execute("CREATE TABLE IF NOT EXISTS embeddings (key BLOB PRIMARY KEY, value BLOB)")

    def get(self, key: bytes) -> NDArray[Any] | None:
        """Return the raw embedding of a key, (values,), or None."""
        if self._base is None:
            return None
        if key in self._waiting:
            return np.frombuffer(self._waiting[key], self._dtype)
        with self._forgiving():
            row = self._base.execute("SELECT value FROM embeddings WHERE key = ?", (key,)).fetchone()
            if row and isinstance(row[0], bytes) and len(row[0]) == self._bytes:
                return np.frombuffer(row[0], self._dtype)
        return None

    def put(self, key: bytes, embedding: NDArray[Any]) -> None:
        """Keep a raw embedding."""
        if self._base is None:
            return
        self._waiting[key] = embedding.tobytes()
        if len(self._waiting) >= _COMMIT_EVERY:
            self._write()

    def close(self) -> None:
        """Write what is waiting, and drop the oldest rows beyond the limit; may be called twice."""
        if self._base is None:
            return
        self._write()
        with self._forgiving():
            if self._base is not None:
                with self._base:
                    self._base.execute(
                        "DELETE FROM embeddings WHERE rowid <= (SELECT MAX(rowid) FROM embeddings) - ?",
                        (_MOST_BYTES // self._bytes,),
                    )
        if self._base is not None:
            self._base.close()
            self._base = None

    def _write(self) -> None:
        rows, self._waiting = list(self._waiting.items()), {}
        with self._forgiving():
            if self._base is not None:
                with self._base:
                    self._base.executemany("INSERT OR REPLACE INTO embeddings VALUES (?, ?)", rows)

    @contextlib.contextmanager
    def _forgiving(self) -> Iterator[None]:
        """Continue without the file where it is full or locked; remove a damaged one, for the next run."""
        try:
            yield
        except sqlite3.Error as error:
            base, self._base = self._base, None
            if base is not None:
                base.close()
            if type(error) is sqlite3.DatabaseError:  # the others are subclasses
                for ending in ("", "-wal", "-shm"):
                    with contextlib.suppress(OSError):
                        self._path.with_name(self._path.name + ending).unlink()
