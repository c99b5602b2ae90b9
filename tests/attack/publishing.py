"""Random trees in and around the place that a bundle is written to: what was a person's has to stay."""

from __future__ import annotations

import json
import os
import random
import shutil
import stat
from dataclasses import replace
from typing import TYPE_CHECKING

from edgecnn.bundle.bundle import find
from edgecnn.report.publication import page_path, write_page
from edgecnn_train.work import work_folder
from tests.attack import writers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.attack.forked import Commands, Outcome


def snapshot(root):
    """What lies in a folder: each path with its kind, and its content or where it leads."""
    found = {}
    for path in [root, *sorted(root.rglob("*"))]:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            found[path] = ("link", os.readlink(path))
        elif stat.S_ISDIR(mode):
            found[path] = ("folder", None)
        else:
            found[path] = ("file", path.read_bytes(), stat.S_IMODE(mode))
    return found


class Scene:
    """A random tree in and around `out`; `ours` is what edgecnn wrote and may replace."""

    def __init__(self, root, seed):
        self.random = random.Random(seed)
        self.root = root
        self.named = self.out = root / "here" / "mine"
        self.named.parent.mkdir(parents=True)
        self.ours = set()
        self._around()
        self._target()
        self._page_and_work()

    def _foreign(self, path):
        """Make something of a person's."""
        match self.random.randrange(6):
            case 0:
                path.mkdir()
            case 1:
                path.mkdir()
                for name in ("cat.jpg", ".hidden", "bundle.json"):
                    (path / name).write_bytes(self.random.randbytes(20))
            case 2:
                path.symlink_to(self.random.choice(["../decoy", "nowhere", ".", path.name]))
            case 3:
                path.write_bytes(b"")
            case _:
                path.write_bytes(self.random.randbytes(200))

    def _around(self):
        folder = self.named.parent
        names = [
            *(".mine.abc", ".mine.edgecnn-0123456789abcdef", ".mine.report.html.edgecnn-0123456789abcdex"),
            *("mine-2", "mine-2.report.html", ".mine", "mine.tflite", "other", ".mine.old"),
        ]
        for name in self.random.sample(names, self.random.randrange(len(names))):
            if name.endswith("def"):
                (folder / name).mkdir()
                self._foreign(folder / name / self.random.choice(["cat.jpg", "part", "bundle", "old"]))
            else:
                self._foreign(folder / name)

    def _target(self):
        kind = self.random.choice(
            ["absent", "bundle", "bundle", "bundle", "shipped", "empty", "folder", "file", "dangling", "loop"]
        )
        if kind not in ("dangling", "loop", "absent") and self.random.random() < 0.3:
            self.out = self.root / "disk" / "real"
            self.out.parent.mkdir()
            self.named.symlink_to(self.out)
        match kind:
            case "bundle":
                writers.train(self.out, "old")
                page_path(self.out).unlink()
                self._add_to_bundle()
            case "shipped":
                shutil.copytree(find("digits"), self.out)
                self._add_to_bundle()
            case "empty":
                self.out.mkdir()
            case "folder":
                self.out.mkdir()
                for i in range(self.random.randrange(1, 4)):
                    self._foreign(self.out / f"photos {i}")
            case "file":
                self.out.write_bytes(b"mine")
            case "dangling":
                self.named.symlink_to("nowhere")
            case "loop":
                self.named.symlink_to("mine")

    def _add_to_bundle(self):
        self.ours = {p for p in self.out.iterdir() if p.is_file()}
        match self.random.randrange(5):
            case 0:
                for name in self.random.sample(["NOTES.txt", "cats", ".git", "int4.tflite", "a.png"], 2):
                    self._foreign(self.out / name)
            case 1 if "files" in json.loads((self.out / "bundle.json").read_text()):  # by names alone before
                changed = self.random.choice(sorted(self.ours))
                changed.write_bytes(changed.read_bytes() + b"mine")
                self.ours.remove(changed)
            case 2:
                linked = self.out / "CARD.md"
                linked.unlink()
                linked.symlink_to(self.out.parent / "elsewhere.md")
                (self.out.parent / "elsewhere.md").write_text("mine")
                self.ours.remove(linked)

    def _page_and_work(self):
        page, work = page_path(self.named), work_folder(self.named)
        match self.random.randrange(6):
            case 0:
                self._foreign(page)
            case 1:
                self.ours.add(write_page(self.named, "old"))
            case 2:
                page.write_bytes(write_page(self.named, "old").read_bytes() + b"my notes")
        match self.random.randrange(6):
            case 0:
                self._foreign(work)
            case 1:
                work.mkdir()
                (work / "fold-1").mkdir()
                (work / "fold-1" / "cat.jpg").write_bytes(b"mine")
            case 2:
                work.mkdir()
                for name in ("written-by-edgecnn", "state.json", "last-1.npz"):
                    (work / name).touch()
                    self.ours.add(work / name)
                self.ours.add(work)


def check(before, after, ours):
    """Nothing but `ours` is other than it was, and nothing hidden of edgecnn's is left."""
    lost = {p: (was, after.get(p)) for p, was in before.items() if p not in ours and after.get(p) != was}
    assert not lost, lost
    left = [p for p in set(after) - set(before) if "edgecnn" in p.name]
    assert not left, left


def run(commands: Commands, count: int, seed: int, folder: Path) -> list[Outcome]:
    """Let each command that writes models meet random trees; an outcome is LOST where a user's file is."""
    source, compiled = find("digits") / "int8.tflite", folder / "compiled.tflite"
    compiled.write_bytes(writers.coral())
    outcomes = []
    for number in range(count):
        root = folder / f"{seed}-{number}"
        scene = Scene(root, f"{seed} {number}")
        out, before, ours = scene.named, snapshot(root), scene.ours
        match number % 4:
            case 0:
                arguments = ["models", "import", source, "--name", "mine"]
            case 1:
                arguments = ["compile", "./mine", "--compiled", compiled]
            case 2:
                arguments = ["compile", "digits", "--compiled", compiled, "--out", "mine"]
            case _:
                arguments, ours = ["models", "export", "digits", "--c-array", "--out", "mine"], set()
        got = commands.run(*arguments, folder=out.parent)
        try:
            check(before, snapshot(root), ours if got.code == 0 else set())
            if got.code == 0 and number % 4 != 3:
                writers.whole(out)
        except AssertionError as error:
            got = replace(got, verdict="LOST", err=f"{got.err}{error}")
        outcomes.append(got)
        shutil.rmtree(root)
    return outcomes
