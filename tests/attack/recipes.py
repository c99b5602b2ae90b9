"""Hostile recipes and settings, for `train` and `data check`, which read them before anything else."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from edgecnn_train.recipe_file import known_keys, shipped_recipes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.attack.forked import Commands, Outcome

_VALUES = [
    "nan",
    "inf",
    "-inf",
    "0",
    "-1",
    "1",
    "1e308",
    "9" * 30,
    "9" * 5000,
    "0x" + "f" * 5000,
    "true",
    "''",
    "'x'",
    "'" + "x" * 100_000 + "'",
    '"\\u0000"',
    '"\\u001b[2J"',
    "'../../x'",
    "'/'",
    "[]",
    "[1]",
    "[1, 'a']",
    "[[1]]",
    "[nan]",
    "[-1]",
    "[99999999999]",
    "[" + "1," * 5000 + "]",
    "[" * 400 + "]" * 400,
    "[" * 5000,
    "{}",
    "{a = 1}",
    "{" * 900,
    "1979-05-27",
    "1979-05-27T07:32:00Z",
    "07:32:00",
    "3.0",
    "'''a\nb'''",
    "'adam'",
    "''",
    "'..'",
    "1_0",
    "'relu'",
    "'\u202e'",
    "0.5",
    "[0.5]",
    "['x']",
    "'" + "a" * 70 + "'",
]


def _set_keys(rng: random.Random) -> str:
    tables: dict[str, dict[str, str]] = {}
    for _ in range(rng.choice([1, 1, 1, 4])):
        section, _, key = rng.choice(known_keys()).rpartition(".")
        tables.setdefault(section, {})[key] = rng.choice(_VALUES)
    lines = [f"{k} = {v}" for k, v in tables.pop("", {}).items()]
    for section, values in tables.items():
        lines += [f"[{section}]", *(f"{k} = {v}" for k, v in values.items())]
    return "\n".join(lines)


def _odd_tables(rng: random.Random) -> str:
    sections = ["data", "train", "model", "augment", "x", "name", "train.x", '"\\u0000"', "a" * 100_000]
    section = rng.choice(sections)
    return rng.choice(
        [
            f"{section} = {rng.choice(_VALUES)}",
            f"[[{section}]]",
            f"[{section}]\nx = 1",
            f"[{section}]\n[{section}]",
            f"[{section}.{section}]",
            f"{section}.a.b = 1",
            "a." * 30_000 + "b = 1",
            "[" + "a." * 20_000 + "b]",
            "\n".join(f"[t{i}]" for i in range(20_000)),
            "\n".join(f"k{i} = 1" for i in range(20_000)),
            "",
            "\ufeff[train]",
            "\n".join(["a." * 400 + f"b{i} = 1" for i in range(70)]),
            "[" + "a." * 400 + "b]\n" + "\n".join(f"k{i} = 1" for i in range(6000)),
            "[train]\nteachers = [\n" + "'x',\n" * 10_000 + "]",
            '[train]\nstart = """\n' + "x\n" * 20_000 + '"""',
            "name = ''",
            "[train]\nepochs = 1\nepochs = 2",
            "# " + "x" * 300_000,
            "[train",
            "=",
            "\0",
        ]
    )


def _flipped(rng: random.Random) -> bytes:
    data = bytearray(rng.choice(list(shipped_recipes().values())).read_bytes())
    for _ in range(rng.choice([1, 4, 30])):
        data[rng.randrange(len(data))] = rng.choice([0, 10, 34, 61, 91, 255, rng.randrange(256)])
    return bytes(data[: rng.choice([len(data), rng.randrange(len(data))])])


def _setting(rng: random.Random) -> list[str]:
    key = rng.choice(known_keys())
    key = rng.choice(
        [key, key, key.rpartition(".")[2], "x", "", "a" * 5000, "train", "name", "a.b.c", "\x1b[2J"]
    )
    value = rng.choice(_VALUES)[:50_000]
    return [
        f"--set={rng.choice([f'{key}={value}', f'{key}={value}', f'{key}', f'={value}', f'{key} = {value}'])}"
    ]


KINDS: dict[str, Callable[[random.Random], str | bytes | list[str]]] = {
    "keys": _set_keys,
    "tables": _odd_tables,
    "flipped": _flipped,
    "settings": _setting,
}


def cases(count: int, seed: int) -> Iterator[tuple[str, bytes, list[str]]]:
    """Give so many recipes with settings; the kinds in turn."""
    plain = "[train]\nepochs = 1\n"
    for k in range(count):
        kind = list(KINDS)[k % len(KINDS)]
        made = KINDS[kind](random.Random(f"{seed}/{k}"))
        settings = made if isinstance(made, list) else []
        text = plain if isinstance(made, list) else made
        yield kind, text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text, settings


def run(commands: Commands, count: int, seed: int, folder: Path) -> list[Outcome]:
    """Train by each recipe on missing data: a good one fails on those, before TensorFlow is loaded."""
    path = folder / "case.toml"
    outcomes = []
    for k, (_, data, settings) in enumerate(cases(count, seed)):
        path.write_bytes(data)
        asked = ("train", path) if k // len(KINDS) % 2 else ("data", "check", path)
        outcomes.append(commands.run(*asked, "--data", folder / "nowhere", *settings, folder=folder))
    return outcomes
