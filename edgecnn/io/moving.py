"""Renames that never lose the file at the target, and writes that survive a power cut.

Linux' `renameat2` does in one step what otherwise takes several: rename only to a free name, and exchange
two names (https://man7.org/linux/man-pages/man2/rename.2.html). Where it is
missing, `exchange` takes three steps, which `edgecnn.bundle.output_folder` finishes after a stop in between.
"""

from __future__ import annotations

import errno
import os
import secrets
import sys
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The name of a file in each folder that edgecnn fills and may empty again.
MARK = "written-by-edgecnn"
_AT_FDCWD = -100
_NOREPLACE, _EXCHANGE = 1, 2
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}
_MOST_IN_ORDER = _MOST_TRIES = 100
# What file systems allow; and what a hidden name has of a file's own, so that the rest of it fits.
_MOST_NAME_BYTES, _MOST_SHOWN = 255, 200


def move_new(source: Path, target: Path) -> None:
    """Rename a file or folder; raise FileExistsError where the new name is taken.

    Where the system can't do that in one step, an empty folder that appears at `target` in between is
    replaced.
    """
    try:
        _renameat2(source, target, _NOREPLACE)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        source.rename(target)


def exchange(one: Path, other: Path, spare: Path) -> None:
    """Exchange the names of two files or folders; both names always exist where the system can do that.

    Else `other` becomes `spare`, `one` becomes `other`, and `spare` becomes `one`.
    """
    if exchange_in_one_step(one, other):
        return
    other.rename(spare)
    try:
        move_new(one, other)
    except OSError:
        with suppress(OSError):
            move_new(spare, other)
        raise
    spare.rename(one)


def exchange_in_one_step(one: Path, other: Path) -> bool:
    """Exchange the names of two files or folders in one step; return False where the system can't."""
    try:
        _renameat2(one, other, _EXCHANGE)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        return False
    return True


def move_to_free(source: Path, wanted: Path) -> Path:
    """Rename to `wanted-2`, or to the next number that is free; return the new path.

    In the name of a file, the number goes in front of the ending.
    """
    for free in free_name(wanted, is_folder=source.is_dir()):
        with suppress(FileExistsError):
            move_new(source, free)
            return free
    raise FileExistsError(errno.EEXIST, "too many names are taken", str(wanted))


def free_name(wanted: Path, *, is_folder: bool) -> Iterator[Path]:
    """Yield `wanted-2` and so on, which may be taken too; a name that is too long for that is cut."""
    stem, ending = (wanted.name, "") if is_folder else (wanted.stem, wanted.suffix)
    # In order while few are taken; each that is costs a try.
    chances = (secrets.randbelow(10**9) for _ in range(_MOST_TRIES))
    for number in (*range(2, _MOST_IN_ORDER), *chances):
        end = f"-{number}{ending}"
        yield wanted.with_name(cut_name(stem, _MOST_NAME_BYTES - len(os.fsencode(end))) + end)


def cut_name(name: str, most: int) -> str:
    """Return a name of at most so many bytes, which ends with a whole character."""
    data = os.fsencode(name)
    return name if len(data) <= most else data[:most].decode("utf-8", "ignore")


def flush_file(path: Path) -> None:
    """Write a file's content to the disk."""
    _flush(path, os.O_RDONLY)


def flush_folder(path: Path) -> None:
    """Write a folder's list of names to the disk; do nothing where the file system can't."""
    with suppress(OSError):
        _flush(path, os.O_RDONLY | os.O_DIRECTORY)


def hidden_name(name: str) -> str:
    """Return a new hidden name for a file that becomes `name` when it is finished; see `is_hidden_name`."""
    return f".{cut_name(name, _MOST_SHOWN)}.edgecnn-{secrets.token_hex(8)}"


def is_hidden_name(found: str, name: str | None) -> bool:
    """Whether `hidden_name` returned this name for a file that was to become `name`; None is any name."""
    head, mark, digits = found.rpartition(".edgecnn-")
    return (
        (head[:1] == "." and len(head) > 1 if name is None else head == f".{cut_name(name, _MOST_SHOWN)}")
        and bool(mark)
        and len(digits) == 16
        and set(digits) <= set("0123456789abcdef")
    )


def _flush(path: Path, how: int) -> None:
    handle = os.open(path, how | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _renameat2(source: Path, target: Path, flags: int) -> None:
    """Call Linux' renameat2. Raises OSError, with ENOSYS where the call is missing."""
    # As Python audits its own calls, so that a hook sees this one too.
    sys.audit("edgecnn.renameat2", str(source), str(target), flags)
    library = _c_library()
    if not sys.platform.startswith("linux") or not hasattr(library, "renameat2"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    import ctypes

    if library.renameat2(_AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), flags) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(source), None, str(target))


@cache
def _c_library() -> Any:
    """Return the C library; opened once, since each time makes classes that only the collector removes."""
    import ctypes

    return ctypes.CDLL(None, use_errno=True)
