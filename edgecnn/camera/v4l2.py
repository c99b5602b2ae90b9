"""What a V4L2 camera can do, asked of its driver: https://docs.kernel.org/userspace-api/media/v4l/v4l2.html."""

from __future__ import annotations

import errno
import importlib
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecnn.errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ioctl = Callable[[int, int, bytearray], Any]

_VIDEO_CAPTURE, _VIDEO_CAPTURE_MPLANE, _DEVICE_CAPS = 0x1, 0x1000, 0x80000000
_DISCRETE = 1
# The structures of <linux/videodev2.h>, little-endian without padding on every machine that we run on.
_CAPABILITY = struct.Struct("<16s32s32s3I12x")
_FORMAT = struct.Struct("<3I32sI16x")
_SIZE = struct.Struct("<3I6I8x")
_INTERVAL = struct.Struct("<5I6I8x")
# A driver that never says "no more" is left after so many.
_MOST = 200


def _request(number: int, layout: struct.Struct, *, writes: bool = True) -> int:
    """Return an ioctl's number: direction, size, type and number (asm-generic/ioctl.h)."""
    return (2 | writes) << 30 | layout.size << 16 | ord("V") << 8 | number


QUERYCAP = _request(0, _CAPABILITY, writes=False)
ENUM_FMT = _request(2, _FORMAT)
ENUM_FRAMESIZES = _request(74, _SIZE)
ENUM_FRAMEINTERVALS = _request(75, _INTERVAL)


@dataclass(frozen=True, slots=True)
class Size:
    """A frame size and the rates at which the camera gives it, the fastest first.

    If a camera takes any size within bounds, `up_to` is the largest.
    """

    width: int
    height: int
    rates: tuple[float, ...]
    up_to: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """A pixel format by its four characters, such as MJPG, and its sizes, the largest first."""

    code: str
    name: str
    sizes: tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class V4l2Device:
    """A V4L2 device: its name, its driver, whether it gives frames, and in which formats."""

    path: str
    name: str
    driver: str
    bus: str
    captures: bool
    formats: tuple[PixelFormat, ...]


def describe_device(path: str, driver: Ioctl | None = None) -> V4l2Device:
    """Ask a device what it is; a camera that is in use answers too. Raises CameraError.

    Parameters
    ----------
    driver
        What answers: `fcntl.ioctl`, or a stand-in for it.
    """
    try:
        ask = driver or importlib.import_module("fcntl").ioctl
    except ImportError as error:
        raise CameraError(f"{path}: V4L2 exists on Linux only") from error
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise CameraError(f"{path} can't be opened: {error.strerror}") from error
    try:
        answer = bytearray(_CAPABILITY.size)
        ask(handle, QUERYCAP, answer)
        called, name, bus, _, all_caps, own_caps = _CAPABILITY.unpack(answer)
        # The capabilities of this node (frames or metadata); older drivers report only those of all nodes.
        caps = own_caps if all_caps & _DEVICE_CAPS else all_caps
        captures = bool(caps & (_VIDEO_CAPTURE | _VIDEO_CAPTURE_MPLANE))
        kind = 1 if caps & _VIDEO_CAPTURE else 9
        formats = tuple(_formats(handle, kind, ask)) if captures else ()
        return V4l2Device(path, _text(name), _text(called), _text(bus), captures, formats)
    except OSError as error:
        raise CameraError(f"{path} is no V4L2 device, or is gone: {error.strerror}") from error
    finally:
        os.close(handle)


def _formats(handle: int, kind: int, ioctl: Ioctl) -> Iterator[PixelFormat]:
    for found in _enumerate(handle, ENUM_FMT, _FORMAT, (kind, 0, b"", 0), ioctl):
        code, name = found[4], found[3]
        sizes = list(_sizes(handle, code, ioctl))
        sizes.sort(key=lambda s: s.up_to or (s.width, s.height), reverse=True)
        yield PixelFormat(fourcc(code), _text(name), tuple(sizes))


def _sizes(handle: int, code: int, ioctl: Ioctl) -> Iterator[Size]:
    for found in _enumerate(handle, ENUM_FRAMESIZES, _SIZE, (code, 0, *[0] * 6), ioctl):
        kind, width, height = found[2], found[3], found[4]
        if kind == _DISCRETE:
            yield Size(width, height, _rates(handle, code, width, height, ioctl))
        else:
            smallest, widest, _, lowest, highest, _ = found[3:]
            yield Size(smallest, lowest, _rates(handle, code, widest, highest, ioctl), (widest, highest))
            return  # the bounds say it all


def _rates(handle: int, code: int, width: int, height: int, ioctl: Ioctl) -> tuple[float, ...]:
    rates = set()
    for found in _enumerate(
        handle, ENUM_FRAMEINTERVALS, _INTERVAL, (code, width, height, 0, *[0] * 6), ioctl
    ):
        # Seconds a frame; of a range of intervals both ends.
        fractions = [found[5:7]] if found[4] == _DISCRETE else [found[5:7], found[7:9]]
        rates |= {round(below / above, 2) for above, below in fractions if above}
        if found[4] != _DISCRETE:
            break
    return tuple(sorted(rates, reverse=True))


def _enumerate(
    handle: int, request: int, layout: struct.Struct, rest: tuple[Any, ...], ioctl: Ioctl
) -> Iterator[tuple[Any, ...]]:
    """Ask for entry 0, 1, … until the driver says that there are no more."""
    for index in range(_MOST):
        entry = bytearray(layout.pack(index, *rest))
        try:
            ioctl(handle, request, entry)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTTY):
                return
            raise
        yield layout.unpack(entry)


def fourcc(code: int) -> str:
    """Return the four characters of a pixel format's number; its highest bit says big-endian."""
    return (code & 0x7FFFFFFF).to_bytes(4, "little").decode("ascii", "replace").strip("\0 ")


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace").strip()
