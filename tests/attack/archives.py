"""Hostile zip archives of labelled images, for `data check` and `evaluate`."""

from __future__ import annotations

import bz2
import lzma
import random
import struct
import zlib
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.attack.forked import Commands, Outcome

STORED, DEFLATED, BZIP2, LZMA = 0, 8, 12, 14
GIB = 1 << 30


@dataclass(frozen=True)
class Member:
    """One entry, with everything that its headers declare; `packed` is in the archive."""

    name: bytes
    packed: bytes
    size: int
    crc: int
    method: int = STORED
    flags: int = 0x800
    version: int = 20
    packed_size: int | None = None
    offset: int | None = None
    extra: bytes = b""

    @property
    def claimed(self) -> int:
        return len(self.packed) if self.packed_size is None else self.packed_size


def build(members: list[Member], comment: bytes = b"", **end: int) -> bytes:
    """Write an archive. `end` replaces values of its last record: `count`, `size`, `start`."""
    body, directory = b"", b""
    for m in members:
        at = len(body) if m.offset is None else m.offset
        clipped = [min(v, 0xFFFFFFFF) for v in (m.claimed, m.size)]
        local = struct.pack(
            "<HHHHHIIIHH", m.version & 0xFFFF, m.flags, m.method, 0, 33, m.crc, *clipped, len(m.name), 0
        )
        if m.offset is None:
            body += b"PK\3\4" + local + m.name + m.packed
        extra = m.extra
        if m.size > 0xFFFFFFFF:
            extra += struct.pack("<HHQ", 1, 8, m.size)
        directory += (
            b"PK\1\2"
            + struct.pack(
                "<HHHHHHIIIHHHHHII",
                20,
                m.version,
                m.flags,
                m.method,
                0,
                33,
                m.crc,
                *clipped,
                len(m.name),
                len(extra),
                0,
                0,
                0,
                0,
                at & 0xFFFFFFFF,
            )
            + m.name
            + extra
        )
    count, size, start = len(members) & 0xFFFF, len(directory), len(body)
    last = struct.pack(
        "<HHHHIIH",
        0,
        0,
        end.get("count", count),
        end.get("count", count),
        end.get("size", size),
        end.get("start", start),
        len(comment),
    )
    return body + directory + b"PK\5\6" + last + comment


@cache
def image(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (28, 28), np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


def member(name: str, data: bytes, method: int = DEFLATED) -> Member:
    return Member(name.encode(), pack(data, method), len(data), zlib.crc32(data), method)


def pack(data: bytes, method: int) -> bytes:
    if method == DEFLATED:
        return zlib.compress(data, wbits=-15)
    if method == BZIP2:
        return bz2.compress(data)
    if method == LZMA:
        filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
        return (
            b"\t\4\5\0"
            + b"\x5d"
            + struct.pack("<I", 1 << 16)
            + lzma.compress(data, lzma.FORMAT_RAW, filters=filters)
        )
    return data


def plain(rng: random.Random) -> list[Member]:
    methods = (STORED, DEFLATED, BZIP2, LZMA)
    return [
        member(f"{d}/{i}.png", image(d * 3 + i), rng.choice(methods)) for d in range(10) for i in range(3)
    ]


@cache
def zeros(size: int, method: int) -> bytes:
    """Return so many zeros packed, quickly: deflate's pieces are repeated."""
    if method == DEFLATED:
        piece = zlib.compressobj(9, wbits=-15)
        part = piece.compress(bytes(1 << 20)) + piece.flush(zlib.Z_FULL_FLUSH)
        return part * (size >> 20) + b"\3\0"
    # bzip2 packs 46 MB into 46 bytes: the first 50 MB are enough, the rest is announced alone.
    return pack(bytes(min(size, 50_000_000)), method)


def _bomb(rng: random.Random, method: int) -> bytes:
    size = rng.choice([64 << 20, 200 << 20, 900 << 20, int(4.2 * GIB)])
    claimed = rng.choice([size, size, 1000, len(zeros(size, method)) * 100])
    bomb = Member(b"3/bomb.png", zeros(size, method), claimed, 0, method)
    return build([*plain(rng), bomb])


def _overlapping(rng: random.Random) -> bytes:
    kernel = member("kernel.png", bytes(20_000_000))
    members = plain(rng)
    at = build([*members, kernel]).index(b"kernel.png") - 30
    shared = [
        replace(kernel, name=f"4/x{i}.png".encode(), offset=at) for i in range(rng.choice([2, 250, 2000]))
    ]
    return build([*members, kernel, *shared])


def _some(change: Callable[[Member, random.Random], Member]) -> Callable[[random.Random], bytes]:
    def make(rng: random.Random) -> bytes:
        members = plain(rng)
        for _ in range(rng.choice([1, 1, 5, 30])):
            k = rng.randrange(len(members))
            members[k] = change(members[k], rng)
        return build(members)

    return make


def _damaged(m: Member, rng: random.Random) -> Member:
    method = rng.choice([DEFLATED, BZIP2, LZMA])
    packed = bytearray(pack(image(1), method))
    for _ in range(rng.choice([1, 3, 20])):
        packed[rng.randrange(len(packed))] = rng.randrange(256)
    cut = rng.choice([len(packed), rng.randrange(len(packed))])
    return replace(m, packed=bytes(packed[:cut]), method=method, size=rng.choice([m.size, m.size, 10**7]))


_NAMES = [
    b"0/a\0.png",
    b"/0/abs.png",
    b"/etc/passwd.png",
    b"../../0/x.png",
    b"0/../1/x.png",
    b"0//x.png",
    b"0/.png",
    b"\xff\xfe/0.png",
    b"0/\x1b[2J.png",
    b"\x1b]0;x\7/a.png",
    b"0\\1\\x.png",
    b"C:/x.png",
    b"0/" + b"a" * 60000 + b".png",
    b"a/" * 20000 + b"x.png",
    b"",
    b"/",
    b"//",
    b".",
    b"..",
    b"0/\xe4.png",
    b"0/0.png",
    "0/\u202e.png".encode(),
    b"CON/x.png",
    b"0/x.png/",
    b"train/x.png",
    b"train/0/x.png",
]


def _odd_number(m: Member, rng: random.Random) -> Member:
    values = {
        "method": [1, 6, 9, 19, 93, 95, 98, 99, rng.randrange(65536)],
        "version": [0, 45, 63, 90, 255, 65535, rng.randrange(65536)],
        "flags": [1, 0x41, 0x2000, 0x8, 0x20, 0x808, rng.randrange(65536)],
        "size": [0, 1, 2**31, 2**32 - 1, 2**33, 2**63, rng.randrange(2**32)],
        "packed_size": [0, 1, 2**31, 2**32 - 1, rng.randrange(2**16)],
        "crc": [0, rng.randrange(2**32)],
        "offset": [0, 1, 2**31, 2**32 - 1, rng.randrange(10_000)],
        "extra": [b"\1\0\x10\0", struct.pack("<HHQQ", 1, 16, 2**63, 2**63), rng.randbytes(9), b"up\5\0"],
    }
    key = rng.choice(list(values))
    return replace(m, **{key: rng.choice(values[key])})


def _flipped(rng: random.Random) -> bytes:
    data = bytearray(build(plain(rng)))
    # Most fields that can be wrong are in the directory, at the end.
    low = rng.choice([0, len(data) - 2500, len(data) - 60])
    for _ in range(rng.choice([1, 2, 8, 64])):
        data[rng.randrange(low, len(data))] = rng.randrange(256)
    return bytes(data)


def _many(rng: random.Random) -> bytes:
    count = rng.choice([1000, 65_535, 100_000])
    directory = b"".join(
        b"PK\1\2"
        + struct.pack("<HHHHHHIIIHHHHHII", 20, 20, 0, 0, 0, 33, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0)
        + b"%08d" % i
        for i in range(count)
    )
    return directory + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(directory), 0, 0)


KINDS: dict[str, Callable[[random.Random], bytes]] = {
    "plain": lambda rng: build(plain(rng)),
    "flipped": _flipped,
    "cut": lambda rng: (d := build(plain(rng)))[: rng.randrange(len(d))],
    "behind junk": lambda rng: rng.randbytes(rng.choice([1, 1000, 70_000])) + build(plain(rng)),
    "before junk": lambda rng: build(plain(rng)) + rng.randbytes(rng.choice([1, 1000, 70_000])),
    "deflate bomb": lambda rng: _bomb(rng, DEFLATED),
    "bzip2 bomb": lambda rng: _bomb(rng, BZIP2),
    "lzma bomb": lambda rng: _bomb(rng, LZMA),
    "overlapping": _overlapping,
    "damaged": _some(_damaged),
    "odd number": _some(_odd_number),
    "odd name": _some(lambda m, rng: replace(m, name=rng.choice(_NAMES), flags=rng.choice([0, 0x800]))),
    "odd end": lambda rng: build(
        plain(rng),
        rng.randbytes(rng.choice([0, 10, 65535])),
        **{rng.choice(["count", "size", "start"]): rng.choice([0, 1, 0xFFFF])},
    ),
    "many": _many,
    "in itself": lambda rng: build([*plain(rng), member("2/again.png", build(plain(rng)))]),
    "empty": lambda rng: build([]) if rng.random() < 0.5 else b"PK\5\6" + bytes(rng.randrange(20)),
}


def cases(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Give so many archives, each with what is odd about it; the kinds in turn."""
    for k in range(count):
        kind = list(KINDS)[k % len(KINDS)]
        yield kind, KINDS[kind](random.Random(f"{seed}/{k}"))


def run(commands: Commands, count: int, seed: int, folder: Path) -> list[Outcome]:
    """Check or evaluate each archive."""
    outcomes = []
    path = folder / "case.zip"
    for k, (_, data) in enumerate(cases(count, seed)):
        path.write_bytes(data)
        turn = k // len(KINDS) % 2
        asked = ("data", "check", path) if turn else ("evaluate", "digits", "--data", path, "--threads", 1)
        outcomes.append(commands.run(*asked, folder=folder))
    return outcomes
