"""Results that are kept on this machine: checks of models, numbers of threads, golden runs.

JSON files in `$XDG_CACHE_HOME/edgecnn`, or `~/.cache/edgecnn`. They may be removed at any time. A folder that
can't be written is no error: the results are computed again.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgecnn.io.regular import read_regular

# A thousand entries take less than half of this.
MOST_ENTRIES, MOST_BYTES = 1000, 1 << 20


def cache_folder() -> Path | None:
    """Return the folder of the cache; None without a home folder, as for some services."""
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base) / "edgecnn"
    try:
        return Path.home() / ".cache" / "edgecnn"
    except RuntimeError:
        return None


class Cache:
    """One file: a table of keys and their values, the last 1,000 of them.

    Parameters
    ----------
    name
        The file's name without `.json`.
    """

    def __init__(self, name: str) -> None:
        folder = cache_folder()
        self.path = folder / f"{name}.json" if folder else None

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the value of a key, or None; also where the file is damaged.

        Another program may have written the file, so the caller checks the values.
        """
        found = self._read().get(key)
        return found if isinstance(found, dict) else None

    def put(self, key: str, value: dict[str, Any]) -> None:
        """Keep the value of a key."""
        if self.path is None:
            return
        entries = self._read()
        entries.pop(key, None)
        entries[key] = value
        newest = dict(list(entries.items())[-MOST_ENTRIES:])
        with suppress(OSError):
            from edgecnn.io.atomic import write_file  # only where something is new

            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Losing it in a power cut costs less than a wait for the disk.
            write_file(self.path, json.dumps(newest, indent=1).encode(), mode=0o600, flush=False)

    def _read(self) -> dict[str, Any]:
        if self.path is None:
            return {}
        try:
            entries = json.loads(read_regular(self.path, MOST_BYTES))
        except (OSError, ValueError, RecursionError):
            return {}
        return entries if isinstance(entries, dict) else {}
