"""Embeddings that were computed on this machine, by their image: adding ten photos costs ten."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.io.cache import cache_folder
from edgecnn.io.closing import Closing

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Of 1,280 bytes each, 250 MB; the oldest ones go first.
_MOST_ROWS = 200_000
# A stop loses at most so many embeddings.
_COMMIT_EVERY = 32


class Store(Closing):
    """A table of embeddings in a SQLite file of the cache folder. A context manager.

    A file that can't be used is no error: embeddings are computed again.
    """

    def __init__(self, dtype: str, values: int) -> None:
        self._dtype, self._bytes = np.dtype(dtype), np.dtype(dtype).itemsize * values
        self._waiting = 0
        self._base: sqlite3.Connection | None = None
        if (folder := cache_folder()) is None:
            return
        with contextlib.suppress(OSError, sqlite3.Error):
            folder.mkdir(parents=True, exist_ok=True)
            self._base = sqlite3.connect(folder / "embeddings.sqlite3", timeout=10)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")
            self._base.execute("CREATE TABLE IF NOT EXISTS embeddings (key BLOB PRIMARY KEY, value BLOB)")

    def get(self, key: bytes) -> NDArray[Any] | None:
        """Return the raw embedding of a key, (values,), or None."""
        if self._base is None:
            return None
        with self._forgiving():
            row = self._base.execute("SELECT value FROM embeddings WHERE key = ?", (key,)).fetchone()
            if row and isinstance(row[0], bytes) and len(row[0]) == self._bytes:
                return np.frombuffer(row[0], self._dtype)
        return None

    def put(self, key: bytes, embedding: NDArray[Any]) -> None:
        """Keep a raw embedding."""
        if self._base is None:
            return
        with self._forgiving():
            self._base.execute("INSERT OR REPLACE INTO embeddings VALUES (?, ?)", (key, embedding.tobytes()))
            self._waiting += 1
            if self._waiting >= _COMMIT_EVERY:
                self._commit()

    def close(self) -> None:
        """Write what is waiting, and drop the oldest rows beyond the limit; may be called twice."""
        if self._base is None:
            return
        base, self._base = self._base, None
        with contextlib.suppress(sqlite3.Error):
            base.commit()
            base.execute(
                "DELETE FROM embeddings WHERE rowid <= (SELECT MAX(rowid) FROM embeddings) - ?", (_MOST_ROWS,)
            )
            base.commit()
        base.close()

    def _commit(self) -> None:
        if self._base is not None:
            self._base.commit()
        self._waiting = 0

    @contextlib.contextmanager
    def _forgiving(self) -> Any:
        """Continue without the file where it is damaged, full or locked."""
        try:
            yield
        except sqlite3.Error:
            base, self._base = self._base, None
            if base is not None:
                base.close()
