"""Bundles whose manifest, labels, card or files are not what they should be: shipped ones, changed.

The same for the same seed. `run` gives each to a command, in turn.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import cv2

from edgecnn.bundle.bundle import find
from tests.attack.forked import Commands, Outcome
from tests.conftest import draw_seven

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

BUNDLES = ("digits", "mnist-classic", "cifar10")
HOSTILE = (
    "", " ", ".", "..", "../../x", "/nowhere/x", "a/b", "a\\b", "a\0b", ".hidden", "-", "x" * 300, "é" * 200,
    "x" * 100_000, "\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\x7f", "\r\n", "\u202egnp.exe", "\u2028",
    "\ud800", "[/b]", "[red]", "[link=http://x]y[/link]", "[/]", "\\[", "<script>alert(1)</script>", "&lt;",
    "{}", "{0.__class__}", "%s%n", "$HOME", "`id`", "NaN", "null", "日本語", "🚒", "int8", "1e9",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 1.0, 0.5, -0.0, 1e-300, 1e308, 10**9, 10**18, -(10**18), 2**31, 2**63, [],
    {}, [[]], [{}], {"a": None}, [None], [0] * 3, ["a"], list(range(1000)), [0.0] * 100_000, {"": ""},
)  # fmt: skip
# What Python can't write, or would write otherwise.
RAW = (
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, "9" * 5000, "1." + "0" * 5000, "01", "1.",
    "'a'", "undefined", "[" * 500 + "]" * 500, "[" * 100_000, '{"a":' * 200 + "1" + "}" * 200,
    '{"int8": 1, "int8": 2}', '"\\ud800"', '"\\u0000"', '"\x01"', "[1,]", "{,}", "/* */ 1",
)  # fmt: skip
# Files that are none, by name; see `_put`.
KINDS = ("gone", "pipe", "folder", "zeros", "loop", "outside", "empty", "large", "noise", "text", "marked")
FILES = ("labels.txt", "CARD.md", "int8.tflite", "float32.tflite", "bundle.json")


@dataclass
class Case:
    """One bundle: the texts that differ from the shipped one's, and files that are of another kind."""

    bundle: str
    manifest: bytes
    labels: bytes | None = None
    card: bytes | None = None
    kinds: dict[str, str] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield changed bundles, the same for the same seed."""
    for number in range(count):
        yield _case(random.Random(f"{seed} {number}"))


def run(commands: Commands, count: int, seed: int, folder: Path) -> list[Outcome]:
    """Run a command on each: list, show, verify, classify, inspect and export, in turn.

    Who is found outside of the folder that it may write to is called OUTSIDE.
    """
    place, image = folder / "models" / "mine", folder / "seven.png"
    here = folder / "work" / "here"
    here.mkdir(parents=True)
    cv2.imwrite(str(image), draw_seven())
    outside = folder / "outside.txt"
    outside.write_text("nothing writes here\n")
    outcomes = []
    with Commands(folder, EDGECNN_MODELS=str(place.parent)) as listing:
        for number, case in enumerate(cases(count, seed)):
            write(case, place)
            before = _around(folder)
            command = _COMMANDS[number % len(_COMMANDS)]
            arguments = [{"MODEL": place, "IMAGE": image}.get(a, a) for a in command]
            runs = listing if command == _COMMANDS[0] else commands
            outcome = runs.run(*arguments, folder=here)
            if _around(folder) != before or outside.read_text() != "nothing writes here\n":
                outcome = replace(outcome, verdict="OUTSIDE")
            if not outcome.good:
                what = f"seed {seed}, case {number}, {' '.join(command)}: {case.bundle}, {case.changes}"
                outcome = replace(outcome, err=f"{what}\n{outcome.err}")
            outcomes.append(outcome)
            for left in here.iterdir():
                left.unlink()
    return outcomes


def write(case: Case, place: Path) -> None:
    """Write a bundle; its models are links to the shipped ones."""
    if place.exists():
        shutil.rmtree(place)
    place.mkdir(parents=True)
    source = find(case.bundle)
    for name in ("int8.tflite", "float32.tflite", "labels.txt", "CARD.md"):
        (place / name).symlink_to(source / name)
    for name, content in {
        "bundle.json": case.manifest,
        "labels.txt": case.labels,
        "CARD.md": case.card,
    }.items():
        if content is not None:
            (place / name).unlink(missing_ok=True)
            (place / name).write_bytes(content)
    for name, kind in case.kinds.items():
        _put(place / name, kind)


_COMMANDS: tuple[tuple[str, ...], ...] = (
    ("models", "list"),
    ("models", "show", "MODEL"),
    ("models", "verify", "MODEL"),
    ("classify", "IMAGE", "--model", "MODEL"),
    ("inspect", "MODEL"),
    ("models", "export", "MODEL"),
    ("classify", "IMAGE", "--model", "MODEL", "--variant", "float32", "--json"),
    ("models", "export", "MODEL", "--c-array"),
    ("inspect", "MODEL", "--json", "-"),
    ("models", "export", "MODEL", "--io", "uint8"),
)


def _case(draw: random.Random) -> Case:
    name = draw.choice(BUNDLES)
    manifest = json.loads((find(name) / "bundle.json").read_bytes())
    case, raw = Case(name, b""), {}
    for _ in range(draw.choice((0, 1, 1, 1, 2, 3))):
        change = draw.choice(_CHANGES)
        case.changes.append(change(draw, manifest, raw))
    text = json.dumps(manifest, indent=draw.choice((None, 1)), ensure_ascii=draw.random() < 0.5)
    for mark, content in raw.items():
        text = text.replace(json.dumps(mark), content)
    case.manifest = text.encode("utf-8", "surrogatepass")
    if draw.random() < 0.15:
        case.manifest = _damage(draw, case)
    labels = manifest.get("labels")
    if draw.random() < 0.7 and isinstance(labels, list) and all(isinstance(label, str) for label in labels):
        # Labels that agree, so that what is wrong gets further.
        case.labels = "".join(f"{label}\n" for label in labels).encode("utf-8", "surrogatepass")
    if draw.random() < 0.1 or not case.changes:
        case.kinds[draw.choice(FILES)] = kind = draw.choice(KINDS)
        case.changes.append(f"{list(case.kinds)[-1]} is {kind}")
    if draw.random() < 0.2:
        case.card = _text(draw).encode("utf-8", "surrogatepass")
        case.changes.append("another card")
    return case


def _place(draw: random.Random, manifest: Any) -> tuple[Any, Any, str]:
    """Return a container somewhere in a manifest, one of its keys, and the place's name."""
    table, path = manifest, ""
    while True:
        keys = list(table) if isinstance(table, dict) else list(range(len(table)))
        if not keys:
            return manifest, "name", "name"
        key = draw.choice(keys)
        path = f"{path}.{key}" if path else str(key)
        below = table[key]
        if not (isinstance(below, dict | list) and below) or draw.random() < 0.25:
            return table, key, path
        table = below


def _used(draw: random.Random, manifest: Any) -> tuple[Any, Any, str]:
    """Return a place that the runtime reads."""
    for _ in range(20):
        table, key, path = _place(draw, manifest)
        if path.partition(".")[0] not in ("recipe", "training", "quantization", "cost"):
            break
    return table, key, path


def _set(draw: random.Random, manifest: Any, raw: dict[str, str]) -> str:
    table, key, path = _used(draw, manifest)
    kind = draw.randrange(3)
    if kind == 0:
        table[key] = draw.choice(HOSTILE)
    elif kind == 1:
        table[key] = json.loads(json.dumps(draw.choice(VALUES)))
    else:
        mark = f"@raw {len(raw)}@"
        raw[mark] = draw.choice(RAW)
        table[key] = mark
        return f"{path} = {raw[mark][:40]}"
    return f"{path} = {ascii(table[key])[:40]}"


def _remove(draw: random.Random, manifest: Any, _: dict[str, str]) -> str:
    table, key, path = _used(draw, manifest)
    table.pop(key, None) if isinstance(table, dict) else table.pop(key)
    return f"no {path}"


def _rename(draw: random.Random, manifest: Any, _: dict[str, str]) -> str:
    table, key, path = _used(draw, manifest)
    if isinstance(table, dict) and key in table:
        table[new := draw.choice(HOSTILE)] = table.pop(key)
        return f"{path} is called {ascii(new)[:40]}"
    return "nothing"


def _swap(draw: random.Random, manifest: Any, _: dict[str, str]) -> str:
    (a, i, first), (b, k, second) = _used(draw, manifest), _used(draw, manifest)
    if first.startswith(second) or second.startswith(first):
        return "nothing"
    a[i], b[k] = b[k], a[i]
    return f"{first} and {second} swapped"


def _double(draw: random.Random, manifest: Any, raw: dict[str, str]) -> str:
    table, key, path = _used(draw, manifest)
    if isinstance(table, dict) and key in table:
        mark = f"@raw {len(raw)}@"
        raw[mark] = f'{json.dumps(key)}: null, "z"'
        table[mark] = 1
        return f"{path} twice"
    table.append(table[key])
    return f"{path} again"


def _reorder(draw: random.Random, manifest: Any, _: dict[str, str]) -> str:
    table, _, path = _used(draw, manifest)
    if isinstance(table, dict):
        pairs = list(table.items())
        draw.shuffle(pairs)
        table.clear()
        table.update(pairs)
    else:
        draw.shuffle(table)
    return f"around {path} in another order"


def _relabel(draw: random.Random, manifest: Any, _: dict[str, str]) -> str:
    if not isinstance(manifest.get("labels"), list) or not manifest["labels"]:
        return "nothing"
    label = draw.choice(HOSTILE)
    manifest["labels"][draw.randrange(len(manifest["labels"]))] = label
    return f"a label {ascii(label)[:40]}"


def _add_variant(draw: random.Random, manifest: Any, _: dict[str, str]) -> str:
    variants = manifest.get("variants")
    if not isinstance(variants, dict) or not variants:
        return "nothing"
    entry = dict(draw.choice([v for v in variants.values() if isinstance(v, dict)] or [{}]))
    entry["file"] = draw.choice((*HOSTILE, "labels.txt", "bundle.json", "CARD.md"))
    name = draw.choice((*HOSTILE, "int8_edgetpu", "_edgetpu", "uint8"))
    variants[name] = entry
    return f"a variant {ascii(name)[:20]}, {ascii(entry['file'])[:20]}"


def _add_table(draw: random.Random, manifest: Any, _: dict[str, str]) -> str:
    name = draw.choice(("confidence", "golden", "robustness", "files", "imported", "data"))
    manifest[name] = json.loads(json.dumps(draw.choice((*VALUES, *HOSTILE))))
    return f"{name} = {ascii(manifest[name])[:40]}"


_CHANGES: tuple[Callable[[random.Random, Any, dict[str, str]], str], ...] = (
    _set, _set, _set, _set, _remove, _rename, _swap, _double, _reorder, _relabel, _add_variant, _add_table,
)  # fmt: skip


def _damage(draw: random.Random, case: Case) -> bytes:
    """Change the manifest's bytes."""
    data = bytearray(case.manifest)
    kind = draw.choice(("bits", "cut", "insert", "mark", "utf-16", "padding", "other", "deep"))
    case.changes.append(f"bytes: {kind}")
    if kind == "bits":
        for _ in range(draw.randint(1, 20)):
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif kind == "cut":
        del data[draw.randrange(len(data)) :]
    elif kind == "insert":
        at = draw.randrange(len(data))
        data[at:at] = draw.randbytes(draw.randint(1, 50))
    elif kind == "mark":
        data[:0] = b"\xef\xbb\xbf"
    elif kind == "utf-16":
        data = bytearray(case.manifest.decode("utf-8", "replace").encode("utf-16"))
    elif kind == "padding":
        data += b" " * draw.choice((1000, 1 << 20, 9 << 20))
    elif kind == "deep":
        data = bytearray(
            draw.choice((b"[", b'{"a":', b'{"variants":')) * draw.choice((31, 33, 1000, 200_000))
        )
    else:
        data = bytearray(
            draw.choice((b"", b"null", b"[]", b"{}", b"5", b'"x"', b"[{}," * 100, draw.randbytes(500)))
        )
    return bytes(data)


def _text(draw: random.Random) -> str:
    """Return a hostile card."""
    return "\n\n".join(
        draw.choice(("# ", "- ", "> ", "```", "|", "[a](", "![a](", "*", "")) + draw.choice(HOSTILE)[:2000]
        for _ in range(draw.randint(0, 50))
    )


def _put(path: Path, kind: str) -> None:
    """Make a file one of another kind."""
    content = path.read_bytes() if path.is_file() else b""
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind in ("zeros", "loop", "outside"):
        path.symlink_to({"zeros": "/dev/zero", "loop": path.name, "outside": "../../outside.txt"}[kind])
    elif kind == "large":
        with path.open("wb") as file:
            file.truncate(1 << 40)
    elif kind != "gone":
        contents = {"empty": b"", "noise": bytes(range(256)) * 12, "text": b"\x1b[2J\x9b[/b]\n" * 100}
        path.write_bytes(contents.get(kind, b"\xef\xbb\xbf" + content))


def _around(folder: Path) -> set[Path]:
    """Return what lies around the folder that a command may write to."""
    return {*folder.iterdir(), *(folder / "work").iterdir(), *(folder / "models").iterdir(),
            *(folder / "models" / "mine").iterdir()}  # fmt: skip
