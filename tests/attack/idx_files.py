"""Hostile folders of IDX files, for `data check` and `evaluate`."""

from __future__ import annotations

import gzip
import os
import random
import shutil
import struct
import zlib
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.attack.forked import Commands, Outcome

NAMES = {
    f"{prefix}-{what}-idx{n}-ubyte": (prefix, n)
    for prefix in ("train", "t10k")
    for what, n in (("images", 3), ("labels", 1))
}


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


@cache
def good(name: str) -> bytes:
    _, dimensions = NAMES[name]
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 28, 28), np.uint8)
    return idx(images if dimensions == 3 else (np.arange(40) % 10).astype(np.uint8))


@cache
def zeros(size: int) -> bytes:
    """Return gzipped zeros, quickly: a piece is repeated."""
    stream = zlib.compressobj(9, wbits=-15)
    piece = stream.compress(bytes(1 << 20)) + stream.flush(zlib.Z_FULL_FLUSH)
    return piece * (size >> 20)


def _bomb(data: bytes, rng: random.Random) -> bytes:
    """Announce gigabytes, and bring them, in a megabyte for each."""
    size = rng.choice([100 << 20, 600 << 20, 1300 << 20, 5 << 30])
    shape = rng.choice([(size // 784, 28, 28), (size,), (1, size, 1), (40, 28, 28), (40,)])
    header = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *(n & 0xFFFFFFFF for n in shape))
    head = zlib.compressobj(9, wbits=-15)
    start = head.compress(header) + head.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\3" + start + zeros(size) + b"\3\0" + bytes(8)


def _shape(data: bytes, rng: random.Random) -> bytes:
    odd = [0, 1, 2, 39, 41, 255, 2**16, 2**24, 2**31, 2**32 - 1]
    changed = bytearray(data)
    for _ in range(rng.choice([1, 3])):
        at = 4 + 4 * rng.randrange(data[3])
        changed[at : at + 4] = struct.pack(">I", rng.choice(odd))
    return bytes(changed)


def _empty(data: bytes, rng: random.Random) -> bytes:
    return idx(np.zeros((rng.choice([0, 40]), 0, 0) if data[3] == 3 else 0, np.uint8))


def _flipped(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 4, 30])):
        changed[rng.randrange(rng.choice([4, 16, len(data)]))] = rng.randrange(256)
    return bytes(changed)


def _damaged_gzip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(gzip.compress(data))
    for _ in range(rng.choice([1, 4])):
        changed[rng.randrange(rng.choice([10, len(changed)]))] = rng.randrange(256)
    return bytes(changed[: rng.choice([len(changed), rng.randrange(len(changed))])])


# What one of the files becomes; those that begin with gzip's two bytes get its ending.
KINDS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "plain": lambda data, rng: rng.choice([data, gzip.compress(data)]),
    "shape": _shape,
    "shape, gzipped": lambda data, rng: gzip.compress(_shape(data, rng)),
    "type": lambda data, rng: data[:2] + bytes([rng.choice([0, 9, 11, 13, 14, 255])]) + data[3:],
    "dimensions": lambda data, rng: data[:3] + bytes([rng.choice([0, 1, 2, 3, 4, 255])]) + data[4:],
    "empty": _empty,
    "no bytes": lambda data, rng: data[: rng.randrange(17)],
    "cut": lambda data, rng: data[: rng.randrange(len(data))],
    "trailing": lambda data, rng: data + rng.randbytes(rng.choice([1, 784, 10_000])),
    "flipped": _flipped,
    "labels": lambda data, rng: data[:8] + rng.randbytes(len(data) - 8),
    "bomb": _bomb,
    "two members": lambda data, rng: gzip.compress(data[:50]) + gzip.compress(data[50:]),
    "member too many": lambda data, rng: gzip.compress(data) + rng.choice([
        gzip.compress(b""), gzip.compress(b"x"), gzip.compress(b"") * 20_000, b"junk", bytes(100)]),
    "damaged gzip": _damaged_gzip,
}  # fmt: skip


def cases(count: int, seed: int) -> Iterator[tuple[str, str, bytes | None]]:
    """Give so many changes: the kind, the file, and its bytes; None where it becomes something special."""
    for k in range(count):
        rng = random.Random(f"{seed}/{k}")
        name = rng.choice(list(NAMES))
        kind = [*KINDS, "special"][k % (len(KINDS) + 1)]
        yield kind, name, None if kind == "special" else KINDS[kind](good(name), rng)


def write(folder: Path, name: str, data: bytes | None, number: int) -> None:
    """Write a folder of four files of which one is odd."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for other in NAMES:
        if other != name:
            (folder / other).write_bytes(good(other))
    path = folder / name
    if data is None:
        path = folder / f"{name}{['', '.gz'][number // 5 % 2]}"
        make = (
            lambda: os.mkfifo(path), lambda: path.symlink_to("/dev/zero"), path.mkdir,
            lambda: path.symlink_to("nowhere"), lambda: path.symlink_to(path.name),
        )[number % 5]  # fmt: skip
        make()
    else:
        (path.with_name(f"{name}.gz") if data[:2] == b"\x1f\x8b" else path).write_bytes(data)


def run(commands: Commands, count: int, seed: int, folder: Path) -> list[Outcome]:
    """Check or evaluate each folder."""
    outcomes = []
    path = folder / "digits-idx"
    for k, (_, name, data) in enumerate(cases(count, seed)):
        write(path, name, data, k // (len(KINDS) + 1))
        turn = k // (len(KINDS) + 1) % 2
        asked = ("data", "check", path) if turn else ("evaluate", "digits", "--data", path, "--threads", 1)
        outcomes.append(commands.run(*asked, folder=folder))
    return outcomes
