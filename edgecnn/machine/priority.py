"""The priority of threads."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

# A thread that is lower by 10 gets a tenth of a core that another one wants too.
_LOWER = 10


def lower_priority() -> None:
    """Let other threads run before this one, from now on; do nothing where only processes have a priority."""
    if sys.platform.startswith("linux"):  # contrary to POSIX, its nice(2) is of the calling thread
        with suppress(OSError):
            os.nice(_LOWER)
