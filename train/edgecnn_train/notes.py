"""Values that are computed once and kept next to the checkpoints, for runs that are continued."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from edgecnn.errors import OutputError
from edgecnn.io.atomic import write_file
from edgecnn.io.regular import read_regular

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


_MOST_BYTES = 1 << 20


def remember(
    note: Path, key: Any, find: Callable[[], float], sound: Callable[[float], bool] = math.isfinite
) -> float:
    """Return what `note` keeps under this key, else what `find` finds, which is then kept.

    Parameters
    ----------
    key
        Anything that becomes JSON. A note that is damaged or of another key is written again.
    sound
        Whether a kept value can be right.

    Raises
    ------
    OutputError
        Where the note can't be written.
    """
    wanted = json.loads(json.dumps(key))
    try:
        kept = json.loads(read_regular(note, _MOST_BYTES))
        if kept["key"] == wanted and sound(value := float(kept["value"])):
            return value
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        pass
    value = find()
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        write_file(note, json.dumps({"key": wanted, "value": value}).encode())
    except OSError as error:
        raise OutputError(f"{note} can't be written: {error.strerror}") from error
    return value
