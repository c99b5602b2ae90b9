"""A USB webcam in user space, on the kernel's own drivers: for `vhci_hcd` a device, for `uvcvideo` a camera.

USB/IP (Documentation/usb/usbip_protocol.rst in the kernel's sources) carries the requests, one socket for the
cable. The descriptors and controls are those of the USB Video Class 1.1, as far as `uvcvideo` asks for them:
one bulk stream of MJPEG or YUYV. Runs as root, with the modules usbip-core, vhci-hcd and uvcvideo.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

VHCI = Path("/sys/devices/platform/vhci_hcd.0")
RATES = (30, 15, 5)
_TICKS = 10_000_000  # UVC counts intervals in 100 ns
_YUYV, _MJPEG = 1, 2
_SUBMIT, _UNLINK, _SUBMITTED, _UNLINKED = 1, 2, 3, 4
_STALLED, _RESET = -32, -104  # EPIPE, ECONNRESET
_HIGH_SPEED = 3


class Image(NamedTuple):
    """What stands in front of the lens."""

    label: str
    jpeg: bytes


def _u16(value: int) -> bytes:
    return struct.pack("<H", value)


def _u32(value: int) -> bytes:
    return struct.pack("<I", value)


def _descriptor(*parts: int | bytes) -> bytes:
    """Join a descriptor's parts behind its length."""
    body = b"".join(bytes([p]) if isinstance(p, int) else p for p in parts)
    return bytes([len(body) + 1]) + body


def _frame(kind: int, index: int, width: int, height: int) -> bytes:
    """Describe one size of a format, and its rates."""
    intervals = [_u32(_TICKS // rate) for rate in RATES]
    bits = width * height * 16
    return _descriptor(
        0x24, kind, index, 0, _u16(width), _u16(height), _u32(bits * RATES[-1]), _u32(bits * RATES[0]),
        _u32(width * height * 2), intervals[0], len(RATES), *intervals,
    )  # fmt: skip


class Webcam:
    """Plug it in, and it shows each image for a while, in turn; `sent` is what was sent when.

    Parameters
    ----------
    sizes
        Widths and heights that it offers; images of other sizes are resized.
    hold
        Frames for which an image stays.

    Attributes
    ----------
    images
        JPEG files with their labels; those of the first size are sent as they are. Others may replace them.
    sent
        The monotonic time in ns and the label of each frame, when its first bytes went out.
    stalled
        Set it, and no more frames come, as from a webcam whose firmware hangs.
    torn
        Set it, and every frame ends in its middle.
    """

    def __init__(self, images: list[Image], sizes: list[tuple[int, int]], hold: int = 15) -> None:
        self.images, self._sizes, self._hold = images, sizes, hold
        self.sent: list[tuple[int, str]] = []
        self.stalled = self.torn = False
        self._changed = threading.Condition()
        self._writing = threading.Lock()

    def plug(self, port: int = 0) -> None:
        """Put the cable in."""
        self._socket, theirs = socket.socketpair()
        self._plugged = True
        self._waiting: list[tuple[int, int]] = []  # sequence number and length of each read for the stream
        self._format, self._size, self._interval = _MJPEG, 1, _TICKS // RATES[0]
        self._threads = [threading.Thread(target=t, daemon=True) for t in (self._receive, self._stream)]
        for thread in self._threads:
            thread.start()
        with theirs:
            attach = f"{port} {theirs.fileno()} {0x10001 + port} {_HIGH_SPEED}"
            (VHCI / "attach").write_text(attach)

    def unplug(self) -> None:
        """Pull the cable out."""
        self._plugged = False
        with self._changed:
            self._changed.notify_all()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _receive(self) -> None:
        """Answer the kernel's requests until the cable is out."""
        with self._socket.makefile("rb") as cable, suppress(OSError, ValueError):
            while len(header := cable.read(48)) == 48:
                command, number, _, reads, endpoint = struct.unpack(">5I", header[:20])
                if command == _UNLINK:
                    self._unlink(number, struct.unpack(">I", header[20:24])[0])
                    continue
                (length,) = struct.unpack(">i", header[24:28])
                data = b"" if reads else cable.read(length)
                if endpoint:
                    with self._changed:
                        self._waiting.append((number, length))
                        self._changed.notify_all()
                    continue
                answer = self._control(header[40:48], data)
                if answer is None:
                    self._reply(number, status=_STALLED)
                else:
                    self._reply(number, answer[:length] if reads else b"", count=None if reads else length)

    def _reply(self, number: int, data: bytes = b"", status: int = 0, count: int | None = None) -> None:
        header = struct.pack(">5I", _SUBMITTED, number, 0, 0, 0)
        header += struct.pack(">5i", status, len(data) if count is None else count, 0, -1, 0) + bytes(8)
        with self._writing:
            self._socket.sendall(header + data)

    def _unlink(self, number: int, victim: int) -> None:
        """Forget a read that the kernel takes back."""
        with self._changed:
            before = len(self._waiting)
            self._waiting = [w for w in self._waiting if w[0] != victim]
            status = _RESET if len(self._waiting) < before else 0
        with self._writing:
            header = struct.pack(">5I", _UNLINKED, number, 0, 0, 0)
            self._socket.sendall(header + struct.pack(">i", status) + bytes(24))

    def _control(self, setup: bytes, data: bytes) -> bytes | None:
        """Answer a request to the control endpoint; None for one that there is not."""
        kind, request, value, index, _ = struct.unpack("<BBHHH", setup)
        if (kind, request) == (0x80, 6):  # GET_DESCRIPTOR
            return self._describe(value >> 8, value & 255)
        if (kind, request) == (0x80, 0):  # GET_STATUS
            return _u16(0)
        if kind in (0, 1, 2):  # SET_CONFIGURATION, SET_INTERFACE, CLEAR_FEATURE
            return b""
        if index & 255 == 1 and value >> 8 in (1, 2):  # VS_PROBE_CONTROL and VS_COMMIT_CONTROL
            return self._negotiate(kind, request, data)
        return None

    def _negotiate(self, kind: int, request: int, data: bytes) -> bytes | None:
        if kind == 0x21:  # SET_CUR
            self._format, self._size = data[2] or 1, data[3] or 1
            self._interval = struct.unpack("<I", data[4:8])[0] or _TICKS // RATES[0]
            return b""
        if request == 0x85:  # GET_LEN
            return _u16(34)
        if request == 0x86:  # GET_INFO: it can be read and set
            return b"\3"
        interval = min((_TICKS // rate for rate in RATES), key=lambda i: abs(i - self._interval))
        if request == 0x82:  # GET_MIN
            interval = _TICKS // RATES[0]
        width, height = self._granted()
        return struct.pack(
            "<HBBIHHHHHIIIBBBB", 1, self._format, self._size, interval, 0, 0, 0, 0, 32, width * height * 2,
            16384, 48_000_000, 0, 0, 0, 0,
        )  # fmt: skip

    def _granted(self) -> tuple[int, int]:
        return self._sizes[min(self._size, len(self._sizes)) - 1]

    def _describe(self, kind: int, index: int) -> bytes | None:
        if kind == 1:  # device: composite, with vendor and product of the Linux Foundation's test gadgets
            return _descriptor(
                1, _u16(0x200), 0xEF, 2, 1, 64, _u16(0x1D6B), _u16(0x0102), _u16(0x0100), 1, 2, 3, 1
            )
        if kind == 2:
            return self._configuration()
        if kind == 3:
            names = [_u16(0x409), *(n.encode("utf-16le") for n in ("edgecnn", "simulated webcam", "1"))]
            return _descriptor(3, names[index])
        return None

    def _configuration(self) -> bytes:
        """Describe the camera, its one input, its stream and the two formats of that."""
        count = len(self._sizes)
        colours = _descriptor(0x24, 0x0D, 1, 1, 4)
        yuyv = b"YUY2\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
        formats = _descriptor(0x24, 4, _YUYV, count, yuyv, 16, 1, 0, 0, 0, 0)
        formats += b"".join(_frame(5, i + 1, *size) for i, size in enumerate(self._sizes)) + colours
        formats += _descriptor(0x24, 6, _MJPEG, count, 1, 1, 0, 0, 0, 0)
        formats += b"".join(_frame(7, i + 1, *size) for i, size in enumerate(self._sizes)) + colours
        header_length = 15
        stream = _descriptor(
            0x24, 1, 2, _u16(header_length + len(formats)), 0x81, 0, 2, 0, 0, 0, 1, 0, 0
        )  # fmt: skip
        camera = _descriptor(0x24, 2, 1, _u16(0x201), 0, 0, _u16(0) * 3, 3, 0, 0, 0)
        output = _descriptor(0x24, 3, 2, _u16(0x101), 0, 1, 0)
        units = camera + output
        control = _descriptor(0x24, 1, _u16(0x110), _u16(13 + len(units)), _u32(48_000_000), 1, 1)
        body = b"".join(
            [
                _descriptor(0x0B, 0, 2, 0x0E, 3, 0, 2),
                _descriptor(4, 0, 0, 0, 0x0E, 1, 0, 2), control, units,
                _descriptor(4, 1, 0, 1, 0x0E, 2, 0, 0), stream, formats,
                _descriptor(5, 0x81, 2, _u16(512), 0),
            ]
        )  # fmt: skip
        return _descriptor(2, _u16(9 + len(body)), 2, 1, 0, 0x80, 250) + body

    def _stream(self) -> None:
        """Send frames at the rate that was granted, as far as the kernel reads them."""
        toggle, due = 0, time.monotonic()
        with suppress(OSError):
            while self._await(lambda: bool(self._waiting) and not self.stalled):
                due = max(due + self._interval / _TICKS, time.monotonic())
                time.sleep(max(0.0, due - time.monotonic()))
                images = self.images
                image = images[len(self.sent) // self._hold % len(images)]
                data = self._encode(image)
                self.sent.append((time.monotonic_ns(), image.label))
                toggle ^= 1
                self._send(data[: len(data) // 2] if self.torn else data, toggle)

    def _send(self, data: bytes, toggle: int) -> None:
        """Send one frame in as many parts as the kernel's reads take, each with its two bytes of header."""
        at = 0
        while at < len(data) and self._await(lambda: bool(self._waiting), 0.5):
            with self._changed:
                number, length = self._waiting.pop(0)
            part = data[at : at + length - 2]
            at += len(part)
            self._reply(number, bytes([2, 0x80 | toggle | 2 * (at >= len(data))]) + part)

    def _await(self, condition, seconds: float | None = None) -> bool:
        """Wait until a condition holds while the cable is in; False where it is out, or time is up."""
        end = None if seconds is None else time.monotonic() + seconds
        with self._changed:
            while self._plugged and not condition():
                if end is not None and time.monotonic() > end:
                    return False
                self._changed.wait(0.05)
        return self._plugged

    def _encode(self, image: Image) -> bytes:
        pixels = cv2.imdecode(np.frombuffer(image.jpeg, np.uint8), cv2.IMREAD_COLOR)
        size = self._granted()
        same = (pixels.shape[1], pixels.shape[0]) == size
        if same and self._format == _MJPEG:
            return image.jpeg
        pixels = pixels if same else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        if self._format == _YUYV:
            return cv2.cvtColor(pixels, cv2.COLOR_BGR2YUV_YUYV).tobytes()
        return cv2.imencode(".jpg", pixels)[1].tobytes()
