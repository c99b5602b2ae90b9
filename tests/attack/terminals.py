"""Texts that would command a terminal, wherever an untrusted text can come from."""

from __future__ import annotations

import json
import random
import shutil
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from edgecnn.bundle.bundle import find

if TYPE_CHECKING:
    from pathlib import Path

    from tests.attack.forked import Commands, Outcome

PARTS = (
    "\x1b]0;owned\x07", "\x1b[2J", "\x1b[31m", "\x1bc", "\x9b2J", "\x9d0;owned\x9c", "\x07", "\x7f", "\b\b",
    "\r", "\x1bP+q\x1b\\", "\x1b]52;c;aGk=\x07", "\x1b]8;;http://a\x1b\\", "\u202e", "\u2066", "\u2028",
    "\udc9b", "\x0c", "[/b]", "[red]", "[link=http://a]", ":smile:", "[bold", "\\[", "%s", "{0}", "\x1b[6n",
    "\x85",
)  # fmt: skip
PLAIN = ("cup", "Tasse à café", "杯", "👩‍🚀", "☕️", "שלום", "a  b")


class Case(NamedTuple):
    """A command, and the hostile text that it meets."""

    arguments: list[str]
    text: str


# In each, NAME stands for a file's name with the text in it; what the text is in otherwise, `prepare` says.
COMMANDS = (
    "classify NAME.png",
    "classify NAME.png --json",
    "classify NAME.txt",
    "classify images --labels labels.txt --model bare.tflite --threshold 0.99",
    "classify images --labels labels.txt --model bare.tflite --json",
    "classify seven.png --model NAME",
    "classify seven.png --engine TEXT",
    "classify seven.png --variant TEXT",
    "classify seven.png --top TEXT",
    "live --source images --show terminal --labels labels.txt --model bare.tflite",
    "live --source images --show none --jsonl - --labels labels.txt --model bare.tflite",
    "live --source images --show none --csv - --labels labels.txt --model bare.tflite",
    "live --source TEXT --frames 1 --show none",
    "live --source NAME.png --show terminal --record NAME.txt",
    "inspect bare.tflite --labels labels.txt",
    "inspect bare.tflite --labels labels.txt --json -",
    "inspect NAME.txt",
    "evaluate bare.tflite --labels labels.txt --data images",
    "evaluate bare.tflite --labels labels.txt --data images --json -",
    "evaluate digits --data images",
    "models verify bundle",
    "models verify NAME",
    "models compare digits bundle",
    "models import bare.tflite --name TEXT",
    "models export digits --out NAME.tflite",
    "inspect bundle",
    "data check images",
    "data check images --json -",
    "data check NAME.csv",
    "data preview recipe.toml --data images",
    "train recipe.toml --data nowhere",
    "train digits --set TEXT",
    "bench --compare NAME.txt",
    "compile bundle --compiled NAME.txt",
    "TEXT",
    "models TEXT",
    "live --TEXT",
)


def cases(count: int, seed: int) -> list[Case]:
    """Return so many commands with their texts."""
    choose = random.Random(seed)
    found = []
    for k in range(count):
        parts = [*choose.sample(PARTS, 3), choose.choice(PLAIN)]
        choose.shuffle(parts)
        text = "".join(parts)
        named = COMMANDS[k % len(COMMANDS)].split()
        found.append(Case([a.replace("NAME", _name(text)).replace("TEXT", text) for a in named], text))
    return found


def _name(text: str) -> str:
    """Return the text as a file's name."""
    return text.replace("/", "")


def prepare(folder: Path, text: str) -> None:
    """Make files whose names, labels, cards and keys are the text."""
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    image = cv2.imencode(".png", pixels)[1].tobytes()
    name = _name(text)
    whole = "".join(text.splitlines()).encode("utf-8", "replace").decode()
    labels = [f"{whole} {k}" for k in range(10)]
    written = "\n".join(labels)
    for label in labels[:2]:
        # Classes whose names can't be printed are refused before anything else is looked at.
        shown = folder / "images" / "".join(filter(str.isprintable, _name(label)))
        shown.mkdir(parents=True)
        for n in range(3):
            (shown / f"{name}{n}.png").write_bytes(image)
    for file in (f"{name}.png", "seven.png"):
        (folder / file).write_bytes(image)
    (folder / f"{name}.txt").write_text(written, "utf-8")
    (folder / f"{name}.csv").write_text(f'path,label\n"{written}","{written}"\n', "utf-8")
    (folder / "labels.txt").write_text(written, "utf-8")
    shutil.copy(find("digits") / "int8.tflite", folder / "bare.tflite")
    said = json.dumps(whole).replace("\x7f", "?")
    (folder / "recipe.toml").write_text(f"title = {said}\n[data]\nwhere = {said}\n", "utf-8")
    shutil.copytree(find("digits"), folder / "bundle")
    manifest = json.loads((folder / "bundle" / "bundle.json").read_text("utf-8"))
    manifest |= {"title": text, "description": text, "license": text}
    (folder / "bundle" / "bundle.json").write_text(json.dumps(manifest))
    (folder / "bundle" / "CARD.md").write_text(
        f"# {text}\n[a](<http://a/{text}>) `{text}`\n", "utf-8", "replace"
    )


def run(commands: Commands, count: int, seed: int, folder: Path) -> list[Outcome]:
    """Run the cases, each in a folder of its own below this one."""
    outcomes = []
    for k, (arguments, text) in enumerate(cases(count, seed)):
        place = folder / f"{k}"
        prepare(place, text)
        outcomes.append(commands.run(*arguments, folder=place, limit_s=60))
        shutil.rmtree(place)
    return outcomes
