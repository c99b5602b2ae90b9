"""Hostile CSV manifests, files of labels and older bench runs."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edgecnn.bundle.bundle import find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.attack.forked import Commands, Outcome

GOOD_CSV = ["path,label,split,group", *(f"photos/{d}-{i}.png,{d},," for d in range(10) for i in range(3))]
_FIELDS = [
    "\0",
    "a\0b.png",
    "\x1b[2J",
    '"',
    '""',
    '"open',
    'a"b',
    ",",
    ",,,,",
    "\r",
    "\n",
    "\ud7ff",
    "\u202e",
    "é",
    "🙂",
    "/etc/passwd",
    "/dev/zero",
    "pipe.png",
    "loop.png",
    "gone.png",
    "..",
    ".",
    "../../../../../dev/zero",
    "../photos/0-0.png",
    "x" * 300,
    "x" * 200_000,
    "a/" * 3000,
    "photos",
    "train",
    "test",
    "dev",
    "NaN",
    "-1",
    "\ufeff",
    "'",
    "`id`",
    "%s%n",
    "{}",
    "\\",
    "\u2028",
    "\x85",
]


def _changed_rows(rng: random.Random) -> bytes:
    rows = [row.split(",") for row in GOOD_CSV]
    for _ in range(rng.choice([1, 1, 3, 20])):
        row = rng.choice(rows)
        field = rng.choice(_FIELDS)
        match rng.randrange(4):
            case 0:
                row[rng.randrange(len(row))] = field
            case 1:
                row.insert(rng.randrange(len(row) + 1), field)
            case 2 if len(row) > 1:
                row.pop(rng.randrange(len(row)))
            case _:
                row[0] += field
    return "\n".join(",".join(row) for row in rows).encode("utf-8")


def _big(rng: random.Random) -> bytes:
    return rng.choice(
        [
            lambda: b"path,label" + b",x" * 1_000_000 + b"\na.png,1\n",
            lambda: b"path,label\n" + b"a.png,1" + b"," * 2_000_000,
            lambda: b"path,label\n" + b"x" * 5_000_000,
            lambda: b'path,label\n"' + b"x" * 5_000_000 + b'",1',
            lambda: b'path,label\n"' + b"x\n" * 2_000_000,
            lambda: b"path,label\n" + b"".join(b"%d.png,%d\n" % (i, i) for i in range(60_000)),
            lambda: b"path,label\n" + b"".join(b"%d.png,%d\n" % (i, i) for i in range(9_000)),
            lambda: b"path,label\n" + b"\n" * 3_000_000,
            lambda: b"\n" * 3_000_000 + b"path,label\n",
            lambda: b"path,label\n" + b"a,b\n" * 1_000_000,
        ]
    )()


def _encoded(rng: random.Random) -> bytes:
    text = "\n".join(GOOD_CSV).replace("9", "ä")
    return text.encode(
        rng.choice(["utf-16", "utf-16-le", "utf-32", "latin-1", "cp037", "utf-8-sig", "utf-7"])
    )


def _flipped(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 4, 30])):
        changed[rng.randrange(len(changed))] = rng.choice([0, 10, 13, 34, 44, 255, rng.randrange(256)])
    return bytes(changed[: rng.choice([len(changed), rng.randrange(len(changed))])])


def good_run() -> dict[str, Any]:
    """Return what is read of a report of `bench --json`."""
    stages = {stage: [1.0, 1.1, 1.2] * 3 for stage in ("preprocess", "inference", "decode", "total")}
    result = {"variant": "int8", "engine": "litert", "threads": 1, "engine_version": "2", "sha256": "0" * 64}
    return {
        "format": 1,
        "edgecnn": "0.1",
        "when": "2026-01-01T00:00:00",
        "model": "digits",
        "frames": "synthetic",
        "board": {"model": None, "cpu": "x", "cores": 2, "architecture": "x86_64", "governor": None},
        "doubts": [],
        "results": [result | {"block_medians_ms": stages}],
    }


_VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    1e308,
    10**30,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\0",
    "\x1b[2J",
    "\ud800",
    "x" * 100_000,
    [],
    {},
    [[]],
    [None],
    {"": {}},
    [{}],
    [1, "a"],
    {"total": []},
    {"total": [0]},
    {"total": None},
    [["a", "b"]],
]


def _changed_run(rng: random.Random) -> bytes:
    run = copy.deepcopy(good_run())
    for _ in range(rng.choice([1, 1, 2, 5])):
        table: Any = run
        while True:
            key = rng.choice(list(table) if isinstance(table, dict) else range(len(table)))
            inner = table[key]
            if isinstance(inner, dict | list) and inner and rng.random() < 0.7:
                table = inner
                continue
            break
        if rng.random() < 0.2:
            del table[key]
        else:
            table[key] = rng.choice(_VALUES)
        if not run or not isinstance(run.get("results", 0) or 0, list):
            break
    return json.dumps(run).encode("utf-8")


def _big_run(rng: random.Random) -> bytes:
    return rng.choice(
        [
            lambda: b"[" * 100_000,
            lambda: b'{"format":' * 50_000,
            lambda: b"9" * 10_000,
            lambda: b'"' + b"x" * 9_000_000,
            lambda: b"[" + b"[]," * 3_000_000 + b"[]]",
            lambda: b'{"format": ' + b"9" * 5000 + b"}",
            lambda: b"\xff\xfe{",
            lambda: json.dumps(good_run()).encode("utf-16"),
            lambda: json.dumps(good_run()).encode("utf-8-sig"),
            lambda: b"",
            lambda: b"NaN",
            lambda: b"\0" * 1000,
        ]
    )()


def _labels(rng: random.Random) -> bytes:
    lines = [b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h", b"i", b"j"]
    for _ in range(rng.choice([0, 1, 3])):
        lines[rng.randrange(10)] = rng.choice(
            [
                b"\0",
                b"a\0b",
                b"\x1b]0;x\7",
                b"\x9b2J",
                b"\xff",
                b"",
                b" ",
                b"\xc2\x9b2J",
                "\u202e".encode(),
                b"x" * 5000,
                "🙂".encode(),
                b"a\rb",
                b"0 a",
                b"[/b]",
                b"a\tb",
                "a\u2028b".encode(),
                b"a\x0cb",
            ]
        )
    data = rng.choice([b"\n", b"\r\n", b"\n"]).join(lines)
    return rng.choice(
        [data, data, data, b"x" * 3_000_000, b"x\n" * 600_000, data.decode("latin-1").encode("utf-16")]
    )


KINDS: dict[str, Callable[[random.Random], bytes]] = {
    "csv: rows": _changed_rows,
    "csv: big": _big,
    "csv: encoding": _encoded,
    "csv: flipped": lambda rng: _flipped("\n".join(GOOD_CSV).encode(), rng),
    "run: values": _changed_run,
    "run: big": _big_run,
    "run: flipped": lambda rng: _flipped(json.dumps(good_run()).encode(), rng),
    "labels": _labels,
}


def cases(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Give so many files, the kinds in turn."""
    for k in range(count):
        kind = list(KINDS)[k % len(KINDS)]
        yield kind, KINDS[kind](random.Random(f"{seed}/{k}"))


def prepare(folder: Path) -> None:
    """Write what the manifests name, and a bare model and an image for the labels."""
    (folder / "photos").mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for row in GOOD_CSV[1:]:
        cv2.imwrite(str(folder / row.split(",")[0]), rng.integers(0, 256, (28, 28), np.uint8))
    for name, make in (("pipe.png", os.mkfifo), ("loop.png", lambda p: p.symlink_to(p.name))):
        if not (folder / name).is_symlink() and not (folder / name).exists():
            make(folder / name)
    shutil.copyfile(find("digits") / "int8.tflite", folder / "bare.tflite")


def run(commands: Commands, count: int, seed: int, folder: Path) -> list[Outcome]:
    """Give each file to the command that reads it."""
    prepare(folder)
    outcomes = []
    for k, (kind, data) in enumerate(cases(count, seed)):
        path = (
            folder
            / f"case.{'csv' if kind.startswith('csv') else 'json' if kind.startswith('run') else 'txt'}"
        )
        path.write_bytes(data)
        if path.suffix == ".csv":
            turn = k // len(KINDS) % 2
            asked: tuple[object, ...] = (
                ("data", "check", path) if turn else ("evaluate", "digits", "--data", path)
            )
        elif path.suffix == ".json":
            # Without a model it goes no further than to the file.
            asked = ("bench", "--model", "nowhere", "--compare", path)
        else:
            asked = ("classify", folder / "photos" / "0-0.png", "--model", "bare.tflite", "--labels", path)
        outcomes.append(commands.run(*asked, folder=folder))
    return outcomes
