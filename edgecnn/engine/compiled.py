"""Models as an engine compiled them for this machine, kept so that the next start need not compile them."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from edgecnn.io.cache import cache_folder
from edgecnn.io.regular import read_regular
from edgecnn.machine.processor import describe_processor

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.engine import ModelData

# A compiled model is about as large as its file; those that were used longest ago go first.
MOST_BYTES = 256 << 20
_DIGEST_BYTES = hashlib.sha256().digest_size


class CompiledModels:
    """Files in the cache folder, each with its own SHA-256 in front. They may be removed at any time.

    A folder that can't be written, or a file that is damaged, is no error: the model is compiled again.

    Parameters
    ----------
    engine
        The engine's name, which is its folder's.
    """

    def __init__(self, engine: str) -> None:
        cache = cache_folder()
        self._folder = cache / engine if cache else None

    def key(self, model: ModelData, *settings: str) -> str:
        """Return a hash of a model's bytes, its input's shape, the settings and the processor."""
        parts = [hashlib.sha256(model.data).hexdigest(), str(model.inputs[0].shape), *settings]
        return hashlib.sha256("\n".join([*parts, str(describe_processor())]).encode()).hexdigest()

    def get(self, key: str) -> bytes | None:
        """Return a compiled model, or None."""
        if self._folder is None:
            return None
        path = self._folder / f"{key}.blob"
        with suppress(OSError):
            content = read_regular(path, MOST_BYTES)
            digest, compiled = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
            if compiled and hashlib.sha256(compiled).digest() == digest:
                path.touch()
                return compiled
        return None

    def put(self, key: str, compiled: bytes) -> None:
        """Keep a compiled model, and remove the oldest ones beyond 256 MiB."""
        if self._folder is None:
            return
        with suppress(OSError):
            from edgecnn.io.atomic import write_file  # only where something is new

            self._folder.mkdir(parents=True, exist_ok=True)
            content = hashlib.sha256(compiled).digest() + compiled
            write_file(self._folder / f"{key}.blob", content, mode=0o600, flush=False)
            _remove_oldest(self._folder)


def _remove_oldest(folder: Path) -> None:
    total = 0
    for path in sorted(folder.glob("*.blob"), key=lambda path: path.stat().st_mtime, reverse=True):
        total += path.stat().st_size
        if total > MOST_BYTES:
            path.unlink(missing_ok=True)
