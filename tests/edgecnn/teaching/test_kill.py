"""`edgecnn teach`, killed at random moments: nothing that was counted is lost, nothing is half-written."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from benchmarks.taught import Client, Refused, Teaching, start_command
from edgecnn.bundle.bundle import read_bundle
from edgecnn.bundle.owned_files import find_unowned
from edgecnn.report.publication import is_own_page, page_path
from edgecnn.teaching.trash import TRASH
from edgecnn.teaching.versions import FOLDER as VERSIONS
from tests.edgecnn.teaching.conftest import draw
from tests.edgecnn.teaching.process import Nursery, start_tiny

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LABELS = ("cup", "ball", "book")
# How long a life lasts at most until it is killed, by what it does.
LIFE_S = {"record": 0.5, "learn": 0.5, "keep": 3.0, "edit": 0.5}


class Counted:
    """What a process said is there, before it was killed."""

    def __init__(self, folder: Path) -> None:
        self.removed = len(list((folder / TRASH).rglob("*.jpg")))
        self.photos: Counter[str] = Counter()
        self.ids: set[str] = set()
        self.most = 0
        self.versions: set[str] = set()

    def look(self, client: Client) -> None:
        """Read the state, as the page does."""
        state = client.get("state")
        self.photos = Counter({entry["label"]: entry["photos"] for entry in state["classes"]})
        self.most = max(self.most, state["photos"])
        self.versions = {version["name"] for version in state["kept"]}

    def check(self, folder: Path, *, edited: bool) -> None:
        """Assert that all of it is on the disk; photos that are edited may be elsewhere in the folder."""
        there = {str(path.relative_to(folder)) for path in photos(folder)}
        trash = len(list((folder / TRASH).rglob("*.jpg")))
        assert len(there) + trash >= self.most + self.removed
        if not edited:
            found = Counter(photo.partition("/")[0] for photo in there)
            assert all(found[label] >= count for label, count in self.photos.items()), (found, self.photos)
            assert self.ids <= there
        assert self.versions <= versions(folder)


def photos(folder: Path) -> list[Path]:
    """The photos of all classes."""
    return [path for path in folder.rglob("*.jpg") if not str(path.relative_to(folder)).startswith(".")]


def versions(folder: Path) -> set[str]:
    """The names of the versions on the disk."""
    kept = folder / VERSIONS
    return (
        {path.name for path in kept.iterdir() if path.is_dir() and path.name[0] != "."}
        if kept.is_dir()
        else set()
    )


def require_whole(folder: Path) -> None:
    """Assert that each photo, version and bundle is complete."""
    for path in folder.rglob("*.jpg"):
        data = path.read_bytes()
        if ".edgecnn-" not in path.name:
            assert data[-2:] == b"\xff\xd9", path
            assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is not None, path
    bundles = [folder / VERSIONS / name for name in versions(folder)]
    if (out := folder.with_name(f"{folder.name}-model")).exists():
        bundles.append(out)
    for path in bundles:
        bundle = read_bundle(path)
        for variant in bundle.variants:
            bundle.read(variant)  # against its hash
        assert find_unowned(path) is None
        if (page := page_path(path)).exists():
            assert is_own_page(page, path.name)


def half_written(folder: Path) -> set[Path]:
    """What is being written, or was when a process was killed."""
    return {path for path in folder.parent.rglob("*") if ".edgecnn-" in path.name}


def require_clean(folder: Path, left: set[Path]) -> None:
    """Assert that a start has removed what an earlier process left."""
    assert not half_written(folder) & left
    lists = {path.name.removesuffix(".photos.json") for path in folder.glob(f"{VERSIONS}/*.photos.json")}
    assert lists == versions(folder)


class Life:
    """One process from its start until it is killed, with clients that teach it."""

    def __init__(self, running: Teaching, folder: Path, rng: random.Random) -> None:
        self._running, self._rng = running, rng
        self.counted = Counted(folder)
        self._ended = threading.Event()

    def live(self, seconds: float, *work: Callable[[Client, random.Random], None]) -> None:
        """Let clients work for so long, and kill the process."""
        threads = [
            threading.Thread(target=self._repeat, args=(one, random.Random(self._rng.random())))
            for one in (lambda client, _: self.counted.look(client), *work)
        ]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self._running.kill()
        self._ended.set()
        for thread in threads:
            thread.join()

    def _repeat(self, work: Callable[[Client, random.Random], None], rng: random.Random) -> None:
        client = self._running.client()
        # It is killed in the middle of an answer.
        with suppress(OSError, http.client.HTTPException):
            while not self._ended.is_set():
                with suppress(Refused):
                    work(client, rng)
                time.sleep(0.002)

    def record(self, client: Client, rng: random.Random) -> None:
        token = client.post("record/start", label=rng.choice(LABELS))["recording"]
        for _ in range(rng.randrange(1, 10)):
            time.sleep(0.03)
            client.post("record/keep", recording=token)
        client.post("record/stop", recording=token)

    def correct(self, client: Client, rng: random.Random) -> None:
        self.counted.ids.add(client.post("correct", label=rng.choice(LABELS))["id"])

    def keep(self, client: Client, rng: random.Random) -> None:
        version = client.post("versions/keep", name=f"{rng.getrandbits(40):x}", even_if_worse=True)
        self.counted.versions.add(version["name"])

    def edit(self, client: Client, rng: random.Random) -> None:
        label, other = rng.sample(LABELS, 2)
        ids = [photo["id"] for photo in client.get(f"photos?label={label}&count=20")["photos"]]
        chosen = rng.sample(ids, rng.randrange(len(ids) + 1))
        match rng.randrange(4):
            case 0:
                client.post("photos/move", ids=chosen, to=other)
            case 1:
                removed = client.post("photos/remove", ids=chosen)["ids"]
                client.post("photos/restore", ids=removed[::2])
            case 2:
                client.post("classes/rename", label=label, to=f"{label} of mine")
                client.post("classes/rename", label=f"{label} of mine", to=label, merge=True)
            case 3:
                client.post("classes/rename", label=label, to=other, merge=True)


def live_once(folder: Path, trunk: Path, rng: random.Random, start) -> None:
    """Start it on what an earlier life left, compare what it lists, teach it, kill it, and check the disk."""
    what = rng.choice(list(LIFE_S))
    left = half_written(folder)
    before = Counter(str(path.relative_to(folder).parts[0]) for path in photos(folder))
    with start_tiny(folder, trunk, start=start, seed=rng.randrange(1000)) as running:
        state = running.client().get("state")
        assert Counter({entry["label"]: entry["photos"] for entry in state["classes"]}) == before
        assert {version["name"] for version in state["kept"]} == versions(folder)
        assert (
            sum(version["current"] for version in state["kept"]) == folder.with_name("taught-model").exists()
        )
        require_clean(folder, left)
        running.wait_for_frame()
        life = Life(running, folder, rng)
        work = {
            "record": [life.record],
            "learn": [life.correct, life.correct],
            "keep": [life.keep, life.correct],
            "edit": [life.edit, life.correct],
        }
        life.live(rng.uniform(0.02, LIFE_S[what]), *work[what])
    life.counted.check(folder, edited=what == "edit")
    require_whole(folder)


@pytest.fixture
def filled(tmp_path) -> Path:
    """A folder with photos of three classes, so that a version can be kept at any moment."""
    folder = tmp_path / "taught"
    for label, kind in zip(LABELS, ("red", "green", "blue"), strict=True):
        (folder / label).mkdir(parents=True)
        for seed in range(4):
            cv2.imwrite(str(folder / label / f"first-{seed}.jpg"), draw(kind, seed))
    return folder


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


def test_the_command_is_killed(filled, tiny):
    rng = random.Random(1)
    for _ in range(2):
        live_once(filled, tiny, rng, start_command)
    with start_tiny(filled, tiny) as running:
        client = running.client()
        counted = set(photos(filled))
        data = cv2.imencode(".jpg", draw("red", 9))[1].tobytes()
        counted |= {filled / client.upload("cup", data, "a.jpg") for _ in range(5)}
        assert client.get("state")["photos"] == len(counted)
    assert set(photos(filled)) == counted


def test_it_is_killed_a_few_times(filled, tiny, nursery):
    rng = random.Random(2)
    for _ in range(6):
        live_once(filled, tiny, rng, nursery)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_it_is_killed_twenty_times(filled, tiny, nursery, seed):
    rng = random.Random(f"kill {seed}")
    live_once(filled, tiny, rng, start_command)
    for _ in range(19):
        live_once(filled, tiny, rng, nursery)
