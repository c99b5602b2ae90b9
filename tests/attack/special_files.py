"""What is no regular file, wherever a file can be named: pipes, sockets, devices, links in circles."""

from __future__ import annotations

import os
import random
import shutil
import socket
from typing import TYPE_CHECKING

import cv2
import numpy as np

from edgecnn.bundle.bundle import find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.attack.forked import Commands, Outcome


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        here = os.getcwd()
        os.chdir(path.parent)  # such a path may have 107 bytes
        try:
            bound.bind(path.name)
        finally:
            os.chdir(here)


MAKERS: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "socket": _socket,
    "zero": lambda p: p.symlink_to("/dev/zero"),
    "full": lambda p: p.symlink_to("/dev/full"),
    "random": lambda p: p.symlink_to("/dev/urandom"),
    "terminal": lambda p: p.symlink_to("/dev/tty"),
    "memory": lambda p: p.symlink_to("/proc/self/mem"),
    "messages": lambda p: p.symlink_to("/dev/kmsg"),
    "dangling": lambda p: p.symlink_to("nowhere"),
    "circle": lambda p: p.symlink_to(p.name),
    "folder": lambda p: p.mkdir(),
    "here": lambda p: p.symlink_to("."),
    "empty": lambda p: p.touch(),
}
_BENCH = ("bench", "--model", "nowhere")
# Where a file is named: its name, and the command that reads it.
PLACES: dict[str, tuple[str, tuple[str, ...]]] = {
    "image": ("x.jpg", ("classify", "x.jpg")),
    "image without ending": ("x", ("classify", "x")),
    "video": ("x.mp4", ("classify", "x.mp4")),
    "source video": ("x.mp4", ("live", "--source", "x.mp4", "--show", "none", "--frames", "3")),
    "source image": ("x.png", ("live", "--source", "x.png", "--show", "none", "--frames", "3")),
    "source url": ("x.mp4", ("live", "--source", "file://x.mp4", "--show", "none", "--frames", "3")),
    "source pattern": ("x.png", ("live", "--source", "?.png", "--show", "none", "--frames", "3")),
    "bench source": ("x.avi", (*_BENCH, "--source", "x.avi")),
    "compare": ("x.json", (*_BENCH, "--compare", "x.json")),
    "labels": ("x.txt", ("classify", "seven.png", "--model", "bare.tflite", "--labels", "x.txt")),
    "zip": ("x.zip", ("data", "check", "x.zip")),
    "zip to evaluate": ("x.zip", ("evaluate", "digits", "--data", "x.zip")),
    "zip to train": ("x.zip", ("train", "x.zip")),
    "manifest": ("x.csv", ("data", "check", "x.csv")),
    "manifest to evaluate": ("x.csv", ("evaluate", "digits", "--data", "x.csv")),
    "recipe": ("x.toml", ("train", "x.toml", "--data", "nowhere")),
    "recipe to check": ("x.toml", ("data", "check", "x.toml", "--data", "nowhere")),
    "class": ("data/3/x.jpg", ("data", "check", "data")),
    "class to evaluate": ("data/3/x.png", ("evaluate", "digits", "--data", "data")),
    "folder next to classes": ("data/x", ("data", "check", "data")),
    "data": ("x", ("evaluate", "digits", "--data", "x")),
    "data to check": ("x", ("data", "check", "x")),
}


def cases(count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Give places and kinds of files: each pair once, then again, in an order that the seed draws."""
    pairs = [(place, kind) for place in PLACES for kind in MAKERS]
    random.Random(seed).shuffle(pairs)
    for k in range(count):
        yield pairs[k % len(pairs)]


def prepare(folder: Path) -> None:
    """Write a good dataset, a bare model and an image."""
    rng = np.random.default_rng(0)
    for d in range(10):
        (folder / "data" / str(d)).mkdir(parents=True)
        for i in range(3):
            cv2.imwrite(str(folder / "data" / str(d) / f"{i}.png"), rng.integers(0, 256, (28, 28), np.uint8))
    cv2.imwrite(str(folder / "seven.png"), rng.integers(0, 256, (28, 28), np.uint8))
    shutil.copyfile(find("digits") / "int8.tflite", folder / "bare.tflite")


def run(commands: Commands, count: int, seed: int, folder: Path) -> list[Outcome]:
    """Name each kind of file at each place."""
    prepare(folder)
    outcomes = []
    for place, kind in cases(count, seed):
        name, asked = PLACES[place]
        path = folder / name
        MAKERS[kind](path)
        outcomes.append(commands.run(*asked, folder=folder))
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return outcomes
