"""What is worked out once and kept beside the checkpoints, for a run that was stopped and goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def remember(note: Path, key: Any, find: Callable[[], float]) -> float:
    """Return what `note` keeps under this key, else what `find` finds, which is then kept.

    A note that is damaged or of another key is written anew. `key` is anything that becomes JSON.
    """
    wanted = json.loads(json.dumps(key))
    try:
        kept = json.loads(note.read_text("utf-8"))
        if kept["key"] == wanted:
            return float(kept["value"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    value = find()
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"key": wanted, "value": value}), "utf-8")
    return value
