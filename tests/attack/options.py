"""Hostile values for every option and argument of every command: numbers, names, paths and bytes."""

from __future__ import annotations

import os
import random
import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
import typer.main

from edgecnn.bundle.bundle import find
from edgecnn.cli.root import COMMANDS, app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.attack.forked import Commands, Outcome

# What makes a command run, and end soon, where nothing hostile is added.
BASE = {
    "live": ["--source", "synthetic:fps=0", "--frames", "3", "--show", "none"],
    "classify": ["seven.png"],
    "bench": ["--blocks", "8", "--cold-starts", "0"],
    "evaluate": ["digits", "--data", "images"],
    "inspect": ["digits"],
    "compile": ["digits"],
    "models show": ["digits"],
    "models verify": ["digits"],
    "models compare": ["digits"],
    "models import": ["bare.tflite", "--name", "mine"],
    "models export": ["digits"],
    # Without data, because training itself takes minutes: options are read before.
    "train": ["digits", "--data", "nowhere"],
    "data check": ["images"],
    "data preview": ["images"],
    "demo": ["--seconds", "nan"],
}
NUMBERS = (
    "nan", "NaN", "-nan", "inf", "-inf", "infinity", "1e309", "-1", "-0.0", "1e-320", "1" + "0" * 30,
    "9" * 5000, "", " ", "0x10", "1_0", "٣", "1,5", "--", "\x1b[2J", "\udcff",
)  # fmt: skip
TEXTS = (
    "", " ", "-", ".", "..", "/", "a" * 300, "a" * 5000, "\x1b]0;owned\x07\x1b[2J", "[/b][red]x[link=u]",
    ":smile:", "\udcff\udc80", "folder/../climbs", "a\nb", "a\rb", "%s%n%n", "{0}{x}", "\u202eabc", "nan",
    "-1", "9" * 5000, ",", "1,,2", "=", "a=b", "0..nan", "-inf..inf", "0..inf", "1e308..2e308",
    "999999x999999", "nanxnan", "0,0,9999999999,1", "fake:delay_ms=inf", "fake:delay_ms=nan",
    "fake:seed=1e300", "fake:hang=nan", "synthetic:fps=nan", "synthetic:fps=1e-300", "synthetic:fps=inf",
    "synthetic:hold=1e300", "https://", "pipe.png", "folder", "empty", "noise", "seven.png",
    "bare.tflite", "/dev/full", "/dev/null", "loop", "no/such/folder/x", "folder/x", "seven.png/x", "x.mkv",
    "x.png", "x.csv", "é.json",
)  # fmt: skip


class Parameter(NamedTuple):
    """An option or argument of a command."""

    command: str
    flag: str
    number: bool
    takes_value: bool


def parameters() -> list[Parameter]:
    """Return all options and arguments of all commands, as the command line itself lists them."""
    root: Any = typer.main.get_command(app)
    return [p for name in COMMANDS for p in _of(root.get_command(None, name), name)]


def _of(command: Any, name: str) -> Iterator[Parameter]:
    if inner := getattr(command, "commands", None):
        for below, found in inner.items():
            yield from _of(found, f"{name} {below}")
        return
    for p in command.params:
        flag = p.opts[0] if p.param_type_name == "option" else ""
        if flag != "--help":
            number = p.type.name.startswith(("int", "float"))
            yield Parameter(name, flag, number, not getattr(p, "is_flag", False))


def cases(count: int, seed: int) -> list[list[str]]:
    """Return the arguments of so many commands: first each parameter in turn, then two at a time."""
    choose = random.Random(seed)
    known = [p for p in parameters() if p.takes_value]
    choose.shuffle(known)
    found = []
    for k in range(count):
        first = known[k % len(known)]
        others = [p for p in known if p.command == first.command and p.flag]
        more = choose.sample(others, min(len(others), k // len(known))) if others else []
        found.append(_arguments(first.command, [first, *more[:1]], choose))
    return found


def _arguments(command: str, hostile: list[Parameter], choose: random.Random) -> list[str]:
    arguments = [*command.split(), *BASE.get(command, [])]
    for p in hostile:
        value = choose.choice(NUMBERS if p.number and choose.random() < 0.8 else TEXTS)
        arguments += [p.flag, value] if p.flag else [value]
    return arguments


def prepare(folder: Path) -> None:
    """Make the files that values name: good ones, a pipe, a link to itself, noise."""
    folder.mkdir(parents=True)
    draw = np.random.default_rng(0)
    for label in "78":
        (folder / "images" / label).mkdir(parents=True)
        for k in range(3):
            image = draw.integers(0, 255, (40, 40, 3), np.uint8)
            cv2.imwrite(str(folder / "images" / label / f"{k}.png"), image)
    shutil.copy(folder / "images" / "7" / "0.png", folder / "seven.png")
    shutil.copy(find("digits") / "int8.tflite", folder / "bare.tflite")
    (folder / "folder").mkdir()
    (folder / "empty").touch()
    (folder / "noise").write_bytes(draw.bytes(1000))
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe.png")


def run(commands: Commands, count: int, seed: int, folder: Path) -> list[Outcome]:
    """Run the cases, each in a folder of its own below this one."""
    outcomes = []
    for k, arguments in enumerate(cases(count, seed)):
        place = folder / f"{k}"
        prepare(place)
        outcomes.append(commands.run(*arguments, folder=place, limit_s=60))
        shutil.rmtree(place)
    return outcomes
