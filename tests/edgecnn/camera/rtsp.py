"""A network camera on loopback: RTSP (RFC 2326) with JPEG in RTP (RFC 2435), both in one TCP connection."""

from __future__ import annotations

import contextlib
import itertools
import socketserver
import struct
import threading
import time
from typing import TYPE_CHECKING

import cv2

if TYPE_CHECKING:
    import numpy as np

_RATE = 25
_CLOCK = 90_000  # ticks of RTP's clock in a second
_MOST = 1200  # bytes of a frame in a packet
_JPEG = 26  # RTP's payload type
_SDP = "".join(
    f"{line}\r\n"
    for line in (
        "v=0",
        "o=- 0 0 IN IP4 127.0.0.1",
        "s=camera",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        f"m=video 0 RTP/AVP {_JPEG}",
        "a=control:0",
    )
)


class RtspCamera(socketserver.ThreadingTCPServer):
    """Sends one image, uint8 H×W×3 BGR with sides of whole blocks of 8, to every client that plays it.

    `url` is its address. With `stalled` set no more frames come; `cut` ends every connection.
    """

    daemon_threads = allow_reuse_address = True

    def __init__(self, image: np.ndarray, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.tables, self.scan = _parts(cv2.imencode(".jpg", image)[1].tobytes())
        self.blocks = bytes([image.shape[1] // 8, image.shape[0] // 8])
        self.port = self.server_address[1]
        self.url = f"rtsp://127.0.0.1:{self.port}/camera"
        self.stalled = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))

    def __enter__(self) -> RtspCamera:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        """End every connection, and take no more."""
        self._ended.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def ended(self) -> bool:
        """Whether it was cut off."""
        return self._ended.is_set()


class _Connection(socketserver.StreamRequestHandler):
    server: RtspCamera

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while request := self.rfile.readline():
                if request.startswith(b"$"):  # a report of the viewer's
                    continue
                method, *_ = request.decode("latin-1").split()
                headers = {}
                while line := self.rfile.readline().decode("latin-1").strip():
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                self._answer(method, headers["cseq"])
                if method == "PLAY":
                    self._play()
                    return

    def _answer(self, method: str, number: str) -> None:
        lines = ["RTSP/1.0 200 OK", f"CSeq: {number}", "Session: 1"]
        body = ""
        if method == "OPTIONS":
            lines.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY")
        elif method == "SETUP":
            lines.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
        elif method == "DESCRIBE":
            body = _SDP
            lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        self.wfile.write(("\r\n".join([*lines, "", ""]) + body).encode())

    def _play(self) -> None:
        numbers = itertools.count()
        for number in itertools.count():
            for packet in self._packets(number * _CLOCK // _RATE, numbers):
                self.wfile.write(b"$\0" + struct.pack(">H", len(packet)) + packet)
            time.sleep(1 / _RATE)
            while self.server.stalled.is_set() and not self.server.ended:
                time.sleep(0.05)
            if self.server.ended:
                return

    def _packets(self, stamp: int, numbers: itertools.count[int]):
        """Yield a frame's packets: RTP's header, JPEG's own, in the first one its tables, and its data."""
        scan = self.server.scan
        for at in range(0, len(scan), _MOST):
            part = scan[at : at + _MOST]
            last = at + _MOST >= len(scan)
            header = struct.pack(">BBHII", 0x80, _JPEG | 0x80 * last, next(numbers) & 0xFFFF, stamp, 1)
            # Type 1 is 4:2:0; quality 255: the tables are sent along.
            header += struct.pack(">II", at, 1 << 24 | 255 << 16 | int.from_bytes(self.server.blocks, "big"))
            if not at:
                header += struct.pack(">HH", 0, len(self.server.tables)) + self.server.tables
            yield header + part


def _parts(jpeg: bytes) -> tuple[bytes, bytes]:
    """Return a JPEG file's quantization tables and the data of its one scan."""
    at, tables = 2, b""
    while True:
        marker, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2 : at + 4], "big")
        segment = jpeg[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == 0xDB:
            tables += b"".join(segment[i + 1 : i + 65] for i in range(0, len(segment), 65))
        if marker == 0xDA:
            return tables, jpeg[at:-2]
