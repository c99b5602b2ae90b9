"""Kills a process at a chosen system call that changes files, by ptrace: Linux on x86-64 and ARM64."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import struct
import sys
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# From asm/unistd_64.h and asm-generic/unistd.h: all forms of open, write, rename, mkdir, rmdir, link, unlink,
# chmod, chown, truncate, fsync, flock, utime and setxattr.
_CHANGING = {
    "x86_64": {
        *(1, 2, 18, 20, 73, 74, 75, 76, 77, 82, 83, 84, 85, 86, 87, 88, 90, 91, 92, 93, 188, 190),
        *(257, 258, 260, 263, 264, 265, 266, 268, 280, 316, 437, 452),
    },
    "aarch64": {
        *(5, 7, 32, 34, 35, 36, 37, 38, 45, 46, 52, 53, 54, 55, 56, 64, 66, 68, 82, 83, 88),
        *(276, 437, 452),
    },
}
_TRACEME, _SYSCALL, _SETOPTIONS, _SYSCALL_INFO = 0, 24, 0x4200, 0x420E
_GOOD, _EXITKILL = 1, 0x100000
_STOPPED = signal.SIGTRAP | 0x80
_ENTRY = 1

supported = sys.platform.startswith("linux") and platform.machine() in _CHANGING


def run_until(number: int, action: Callable[[], object]) -> bool:
    """Run `action` in a fork, and kill it as it enters its system call of this number that changes files.

    Counted from 1, without those of other threads. Returns False where it ended earlier on its own.
    """
    child = fork(action, traced=True)
    library = ctypes.CDLL(None, use_errno=True)
    library.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    os.waitpid(child, 0)
    library.ptrace(_SETOPTIONS, child, 0, _GOOD | _EXITKILL)
    changing, seen, pending = _CHANGING[platform.machine()], 0, 0
    info = ctypes.create_string_buffer(88)
    while True:
        library.ptrace(_SYSCALL, child, 0, pending)
        _, status = os.waitpid(child, 0)
        if not os.WIFSTOPPED(status):
            code = os.waitstatus_to_exitcode(status)
            assert code == 0, f"the action ended with {code}"
            return False
        stopped = os.WSTOPSIG(status)
        pending = 0 if stopped == _STOPPED else stopped
        if stopped != _STOPPED or library.ptrace(_SYSCALL_INFO, child, len(info), info) <= 0:
            continue
        if info[0] == bytes([_ENTRY]) and struct.unpack_from("Q", info, 24)[0] in changing:
            seen += 1
            if seen == number:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return True


def fork(action: Callable[[], object], *, traced: bool = False) -> int:
    """Start `action` in a fork and return its process id; it ends with 0, or 1 and the error on stderr."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about forks while threads run
        child = os.fork()
    if child:
        return child
    code = 1
    try:
        if traced:
            ctypes.CDLL(None).ptrace(_TRACEME, 0, 0, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
        action()
        code = 0
    except BaseException:  # noqa: BLE001
        import traceback

        traceback.print_exc()
    finally:
        with suppress(Exception):
            sys.stderr.flush()
        os._exit(code)
