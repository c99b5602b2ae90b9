"""Clients that wish the live view's page ill: each does one thing on one connection, again and again.

They talk to this machine only. `tests.attack.web` runs them, and measures what they cost.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TOKEN = "a-token-of-some-length"
UPLOAD = 16 << 20
_BLOCK = bytes(1 << 16)


@dataclass
class Target:
    """Whom to attack, and what became of it."""

    port: int
    token: str | None = None
    sent: int = 0
    opened: int = 0
    failed: int = 0
    answers: dict[str, int] = field(default_factory=dict)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.opened += 1
        return await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)

    def head(self, line: str = "GET /healthz HTTP/1.1", *headers: str) -> bytes:
        shown = [f"Authorization: Bearer {self.token}"] if self.token else []
        return "\r\n".join([line, f"Host: 127.0.0.1:{self.port}", *shown, *headers, "", ""]).encode()

    async def answered(self, reader: asyncio.StreamReader) -> None:
        """Count the status of the next answer."""
        line = await reader.readline()
        status = line.split()[1].decode() if line.count(b" ") > 1 else "closed"
        self.answers[status] = self.answers.get(status, 0) + 1

    async def send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        writer.write(data)
        await writer.drain()
        self.sent += len(data)


async def again(target: Target, one: Callable[[Target], Awaitable[None]], count: int) -> None:
    """Keep doing one thing on this many connections in parallel."""

    async def forever() -> None:
        while True:
            try:
                await one(target)
            except (OSError, ValueError, asyncio.IncompleteReadError):
                target.failed += 1
            await asyncio.sleep(0.001)

    await asyncio.gather(*(forever() for _ in range(count)))


@contextlib.asynccontextmanager
async def connection(target: Target) -> Any:
    reader, writer = await target.open()
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _until_closed(reader: asyncio.StreamReader) -> None:
    while await reader.read(1 << 16):
        pass


async def endless_chunks(target: Target) -> None:
    """Bodies without an end, in large chunks and small ones."""
    large = b"10000\r\n" + _BLOCK + b"\r\n"
    small = b"1\r\nx\r\n" * 4096
    async with connection(target) as (_, writer):
        await target.send(writer, target.head("POST /api/v1/classify HTTP/1.1", "Transfer-Encoding: chunked"))
        block = large if target.opened % 2 else small
        while True:
            await target.send(writer, block)


async def long_body(target: Target) -> None:
    """A body of ten gigabytes, whatever the answer is."""
    async with connection(target) as (_, writer):
        await target.send(writer, target.head("POST /api/v1/classify HTTP/1.1", f"Content-Length: {10**10}"))
        while True:
            await target.send(writer, _BLOCK)


async def body_of_get(target: Target) -> None:
    """A long body behind a request that has none."""
    async with connection(target) as (_, writer):
        await target.send(writer, target.head("GET /healthz HTTP/1.1", f"Content-Length: {10**10}"))
        while True:
            await target.send(writer, _BLOCK)


async def idle(target: Target) -> None:
    """Nothing at all."""
    async with connection(target) as (reader, _):
        await _until_closed(reader)


async def slow_head(target: Target) -> None:
    """A request line, and then a byte a second."""
    async with connection(target) as (reader, writer):
        await target.send(writer, b"GET / HTTP/1.1\r\nX-Slow: ")
        while not reader.at_eof():
            await target.send(writer, b"x")
            await asyncio.sleep(1)


async def slow_body(target: Target) -> None:
    """An upload, or the form, of a byte a second."""
    path = "/api/v1/classify" if target.token or target.opened % 2 else "/token"
    async with connection(target) as (reader, writer):
        await target.send(writer, target.head(f"POST {path} HTTP/1.1", "Content-Length: 4000"))
        while not reader.at_eof():
            await target.send(writer, b"x")
            await asyncio.sleep(1)


async def guess(target: Target) -> None:
    """Wrong tokens in the header, the cookie, the address, the form."""
    ways = (
        ("GET /healthz HTTP/1.1", "Authorization: Bearer wrong-wrong-wrong"),
        ("GET /healthz HTTP/1.1", "Cookie: edgecnn-token=wrong-wrong-wrong"),
        ("GET /?token=wrong-wrong-wrong HTTP/1.1", "Accept: text/html"),
        ("POST /token HTTP/1.1", "Content-Length: 11"),
    )
    async with connection(target) as (reader, writer):
        line, header = ways[target.opened % 4]
        host = f"Host: 127.0.0.1:{target.port}"
        body = "token=wrong" if "POST" in line else ""
        await target.send(writer, f"{line}\r\n{host}\r\n{header}\r\n\r\n{body}".encode())
        await target.answered(reader)


async def never_read(target: Target) -> None:
    """A viewer who takes nothing."""
    async with connection(target) as (_, writer):
        writer.transport.pause_reading()
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await target.send(writer, target.head("GET /api/v1/stream.mjpg HTTP/1.1"))
        await asyncio.sleep(60)


async def pipelined(target: Target) -> None:
    """A thousand requests in one write, and then the next."""
    async with connection(target) as (reader, writer):
        reading = asyncio.ensure_future(_until_closed(reader))
        try:
            while not reading.done():
                await target.send(writer, target.head("GET /healthz HTTP/1.1") * 1000)
        finally:
            reading.cancel()


async def half_open(target: Target) -> None:
    """Half of a request, and no more to come."""
    async with connection(target) as (reader, writer):
        await target.send(writer, b"GET / HTTP/1.1\r\nHost: ")
        writer.write_eof()
        await _until_closed(reader)


async def churn(target: Target) -> None:
    """Connections that are reset as soon as they are there."""
    _, writer = await target.open()
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def huge_head(target: Target) -> None:
    """A header without an end, or thousands of headers."""
    async with connection(target) as (_, writer):
        many = b"a:b\r\n" * 13_000
        await target.send(writer, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        for _ in range(20):
            await target.send(writer, many if target.opened % 2 else b"X: " + _BLOCK)


ODD = (
    b"GET /healthz HTTP/1.0\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"POST /api/v1/pause HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://evil.example\r\n"
    b"Content-Length: 3\r\n\r\noff",
    b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET /healthz HTTP/9.9\r\n\r\n",
    b"POST /api/v1/classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /api/v1/classify HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n"
    b"Content-Length: 6\r\n\r\nhello!",
    b"GET /%00%ff/../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"\r\n" * 100,
)


async def odd(target: Target) -> None:
    """Requests that a browser does not send, as quickly as they are answered."""
    async with connection(target) as (reader, writer):
        await target.send(writer, ODD[target.opened % len(ODD)])
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await target.answered(reader)


async def refused(target: Target) -> None:
    """Requests without a token, as quickly as they are answered."""
    async with connection(target) as (reader, writer):
        await target.send(writer, target.head())
        await target.answered(reader)


async def snapshots(target: Target) -> None:
    """Images, as quickly as they are made."""
    async with connection(target) as (reader, writer):
        await target.send(writer, target.head("GET /api/v1/snapshot.png HTTP/1.1", "Connection: close"))
        await target.answered(reader)
        await _until_closed(reader)


async def upload(target: Target) -> None:
    """Sixteen megabytes that are no image."""
    async with connection(target) as (reader, writer):
        reading = asyncio.ensure_future(target.answered(reader))
        await target.send(writer, target.head("POST /api/v1/classify HTTP/1.1", f"Content-Length: {UPLOAD}"))
        try:
            for _ in range(UPLOAD >> 16):
                if reading.done():
                    break
                await target.send(writer, _BLOCK)
        finally:
            await reading


async def photo(target: Target) -> None:
    """A large photo that takes a while to decode."""
    data = large_photo()
    async with connection(target) as (reader, writer):
        await target.send(
            writer, target.head("POST /api/v1/classify HTTP/1.1", f"Content-Length: {len(data)}")
        )
        await target.send(writer, data)
        await target.answered(reader)


_PHOTO: list[bytes] = []


def large_photo() -> bytes:
    """Return a JPEG of 24 megapixels."""
    if not _PHOTO:
        import cv2
        import numpy as np

        small = np.random.default_rng(0).integers(0, 256, (400, 600, 3), np.uint8)
        large = cv2.resize(small, (6000, 4000))
        _PHOTO.append(cv2.imencode(".jpg", large, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes())
    return _PHOTO[0]


# Each attack: what it does, on how many connections, and whether it has what the page asks for.
ATTACKS: dict[str, tuple[Callable[[Target], Awaitable[None]], int, bool]] = {
    "endless chunks": (endless_chunks, 20, False),
    "endless chunks, let in": (endless_chunks, 20, True),
    "long bodies": (long_body, 8, False),
    "long bodies, let in": (long_body, 8, True),
    "bodies of GET": (body_of_get, 8, True),
    "idle": (idle, 200, False),
    "slow heads": (slow_head, 200, False),
    "slow bodies": (slow_body, 150, False),
    "slow bodies, let in": (slow_body, 150, True),
    "guesses": (guess, 130, False),
    "refused requests": (refused, 50, False),
    "viewers that never read": (never_read, 150, True),
    "pipelined": (pipelined, 20, True),
    "half-open": (half_open, 100, False),
    "reset immediately": (churn, 20, False),
    "huge heads": (huge_head, 50, False),
    "odd requests": (odd, 50, False),
    "snapshots": (snapshots, 20, True),
    "90 uploads of 16 MB": (upload, 90, True),
    "50 large photos": (photo, 50, True),
}
