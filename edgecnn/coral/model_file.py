"""Reads the runtime version that a model compiled for the Edge TPU needs.

Its custom operators contain the device's code as flatbuffers of the type `Package`, with the identifier
"DWN1": https://github.com/google-coral/libedgetpu/blob/master/executable/executable.fbs
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_IDENTIFIER = b"DWN1"
# A flatbuffer starts with the offset of its root table; the identifier follows.
_OFFSET_BYTES = 4
_MIN_RUNTIME_VERSION = 0  # the slot in a Package
# Weights may contain the same four bytes by chance: the most places that are read, and the highest version.
_MOST_PLACES = 1000
_MOST_VERSION = 999


def min_runtime_version(data: bytes) -> int | None:
    """Return the oldest version of the Edge TPU's runtime (libedgetpu) that runs a compiled file, such as 14.

    None if the bytes have no version, as in files that are damaged or not compiled.
    """
    return max(filter(None, map(_version, _packages(data))), default=None)


def _packages(data: bytes) -> Iterator[memoryview]:
    """Yield the bytes from the start of each possible Package to the end of the file."""
    at = 0
    for _ in range(_MOST_PLACES):
        at = data.find(_IDENTIFIER, at + 1)
        if at < 0:
            return
        if at >= _OFFSET_BYTES:
            yield memoryview(data)[at - _OFFSET_BYTES :]


def _version(package: memoryview) -> int | None:
    table = _number(package, 0, 4)
    back = _number(package, table, 4, signed=True)
    vtable = None if table is None or back is None else table - back
    size = _number(package, vtable, 2)
    slot = 4 + 2 * _MIN_RUNTIME_VERSION
    if vtable is None or table is None or size is None or size < slot + 2:
        return None
    field = _number(package, vtable + slot, 2)
    version = _number(package, table + field, 4, signed=True) if field else None
    return version if version is not None and 0 < version <= _MOST_VERSION else None


def _number(package: memoryview, at: int | None, size: int, *, signed: bool = False) -> int | None:
    """Return a little-endian number; None if the place is None or outside."""
    if at is None or not 0 <= at <= len(package) - size:
        return None
    return int.from_bytes(package[at : at + size], "little", signed=signed)
