"""Two clients and another program change the same photos at the same time: nothing is lost or made up."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import cv2
import pytest

from edgecnn.teaching.photos import TaughtFolder
from edgecnn.teaching.trash import TRASH
from edgecnn.teaching.web.pages import BASE
from tests.edgecnn.teaching.conftest import draw

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("red", "green", "blue")
LABELS = (*KINDS, "other")


class Everything:
    """The contents of all photos that were ever added, by whichever client."""

    def __init__(self, photos: TaughtFolder, monkeypatch) -> None:
        self.contents: Counter[bytes] = Counter()
        self._lock, self._count = threading.Lock(), 0
        save = photos.save

        def counted(label: str, data: bytes, name: str) -> str:
            photo = save(label, data, name)
            with self._lock:
                self.contents[data] += 1
            return photo

        monkeypatch.setattr(photos, "save", counted)

    def new(self, kind: str) -> bytes:
        """A JPEG that no other is the same as."""
        with self._lock:
            self._count += 1
            number = self._count
        return cv2.imencode(".jpg", draw(kind, number))[1].tobytes() + b"%d" % number

    def add(self, data: bytes) -> None:
        with self._lock:
            self.contents[data] += 1


class Person:
    """Does at random what the page can do."""

    def __init__(self, taught, everything: Everything, rng: random.Random, ended: threading.Event) -> None:
        self._taught, self._everything, self._rng, self._ended = taught, everything, rng, ended
        self.failed: list[tuple] = []

    def run(self) -> None:
        acts = (self.record, self.add, self.move, self.remove, self.rename, self.correct, self.classes)
        while not self._ended.is_set():
            chosen = self._rng.choices(acts, (2, 2, 2, 1, 1, 1, 1))[0]
            chosen(*self._rng.sample(LABELS, 2))

    def post(self, path: str, **body) -> dict:
        status, _, answer = self._taught.ask(f"{BASE}/{path}", "POST", json.dumps(body))
        if status not in (200, 409, 422):
            self.failed.append((path, body, status, answer))
        return json.loads(answer) if status == 200 else {}

    def some(self, label: str) -> list[str]:
        status, _, answer = self._taught.ask(f"{BASE}/photos?label={label}&count=30")
        ids = [photo["id"] for photo in json.loads(answer)["photos"]] if status == 200 else []
        return self._rng.sample(ids, self._rng.randrange(min(len(ids), 6) + 1))

    def record(self, label: str, _: str) -> None:
        self._taught.camera.kind = self._rng.choice(KINDS)
        token = self.post("record/start", label=label).get("recording", "")
        self._ended.wait(self._rng.uniform(0, 0.4))
        self.post("record/stop", recording=token)

    def add(self, label: str, _: str) -> None:
        path = f"{BASE}/photos/add?label={label}&name=image.jpg"
        self._taught.ask(path, "POST", self._everything.new(self._rng.choice(KINDS)))

    def move(self, label: str, other: str) -> None:
        self.post("photos/move", ids=self.some(label), to=other)

    def remove(self, label: str, _: str) -> None:
        removed = self.post("photos/remove", ids=self.some(label)).get("ids", [])
        self.post("photos/restore", ids=removed[::2])

    def rename(self, label: str, other: str) -> None:
        self.post("classes/rename", label=label, to=other, merge=self._rng.random() < 0.5)

    def correct(self, label: str, _: str) -> None:
        self.post("correct", label=label)

    def classes(self, label: str, _: str) -> None:
        self.post("classes/remove" if self._rng.random() < 0.3 else "classes/add", label=label)


def other_program(folder: Path, elsewhere: Path, everything: Everything, rng: random.Random, ended) -> None:
    """Add, take away and rename files and folders."""
    elsewhere.mkdir()
    number = 0
    while not ended.wait(rng.uniform(0, 0.06)):
        number += 1
        place = folder / rng.choice(LABELS)
        try:
            match rng.randrange(6):
                case 0 | 1 | 2:
                    data = everything.new("green")
                    (elsewhere / "new").write_bytes(data)
                    place.mkdir(exist_ok=True)
                    (elsewhere / "new").rename(place / f"file-{number}.jpg")
                    everything.add(data)
                case 3 | 4:
                    taken = rng.choice([p for p in place.iterdir() if p.name[0] != "."])
                    taken.rename(elsewhere / f"{number}.jpg")
                case 5:
                    place.rename(folder / rng.choice(LABELS))
        except (OSError, IndexError):
            (elsewhere / "new").unlink(missing_ok=True)


def run_together(teacher, taught, tmp_path, monkeypatch, seconds: float, seed: int) -> None:
    everything, ended = Everything(teacher.photos, monkeypatch), threading.Event()
    folder, elsewhere = teacher.photos.folder, tmp_path / "elsewhere"
    rng = random.Random(seed)
    people = [Person(taught, everything, random.Random(rng.random()), ended) for _ in range(2)]
    threads = [threading.Thread(target=person.run) for person in people]
    other = (folder, elsewhere, everything, random.Random(rng.random()), ended)
    threads.append(threading.Thread(target=other_program, args=other))
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    ended.set()
    for thread in threads:
        thread.join()
    teacher.stop()
    teacher._writer.drain()

    assert [failure for person in people for failure in person.failed] == []
    found = [p for place in (folder, elsewhere) for p in place.rglob("*.jpg") if ".review" not in p.parts]
    assert Counter(p.read_bytes() for p in found) == everything.contents
    assert sum(everything.contents.values()) > 10 * seconds
    teacher.photos.refresh()
    assert not teacher.photos.refresh()
    there = TaughtFolder(folder)
    assert {label: sorted(teacher.photos.photos(label)) for label in teacher.photos.labels} == {
        label: sorted(there.photos(label)) for label in there.labels
    }
    assert any((folder / TRASH).rglob("*.jpg"))
    teacher.settle()
    assert teacher._learner._memory._rows.keys() == {item.id for item in there.items}
    shown = {label for label, count in there.counts.items() if count}
    assert set(teacher._learner.knowledge.labels) == shown


def test_changes_at_the_same_time_lose_nothing(teacher, taught, tmp_path, monkeypatch):
    run_together(teacher, taught, tmp_path, monkeypatch, 3, 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_changes_at_the_same_time_for_long_lose_nothing(teacher, taught, tmp_path, monkeypatch, seed):
    run_together(teacher, taught, tmp_path, monkeypatch, 20, seed)
