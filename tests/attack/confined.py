"""Keeps this process from writing anywhere but in some folders: an attack that succeeds must do no harm.

By Landlock (https://docs.kernel.org/userspace-api/landlock.html), which needs Linux 6.2 and no privileges.
What a fault makes a command write, and where a hostile path leads it, stays in the tests' own folders.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH, _NO_NEW_PRIVILEGES = 1, 1, 38
# Write a file; remove and make files and folders of all kinds; move between folders; cut a file off.
_WRITING = 1 << 1 | sum(1 << bit for bit in range(4, 15))
_OF_FILES = 1 << 1 | 1 << 14
_LEAST_VERSION = 3


def confine(folders: Iterable[str | Path]) -> bool:
    """Let this process and all that it starts write only below these folders, and to devices.

    Returns False where the system can't do that.
    """
    if not sys.platform.startswith("linux"):
        return False
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    if call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION_FLAG)) < _LEAST_VERSION:
        return False
    attributes = struct.pack("=Q", _WRITING)
    ruleset = call(_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0))
    if ruleset < 0:
        return False
    try:
        for folder in [*folders, "/dev"]:
            place = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            try:
                rights = _OF_FILES if str(folder) == "/dev" else _WRITING
                rule = struct.pack("=Qi", rights, place)
                if call(_ADD, ctypes.c_int(ruleset), ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint(0)):
                    return False
            finally:
                os.close(place)
        ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return bool(call(_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint(0)) == 0)
    finally:
        os.close(ruleset)
