"""Recordings whose class is renamed or removed meanwhile, and those that end without a call."""

import shutil
import time

import pytest

from edgecnn.errors import DataError
from edgecnn.teaching.trash import TRASH
from tests.edgecnn.teaching.conftest import see


@pytest.fixture(autouse=True)
def every_frame(monkeypatch):
    monkeypatch.setattr("edgecnn.teaching.recorder._APART_S", 0.0)


def photos_in(folder) -> int:
    return len(list(folder.glob("*.jpg")))


def record_some(teacher, label: str = "red") -> str:
    token = teacher.record(label, 60)
    for seed in range(4):
        see(teacher, "red", seed)
    return token


def test_removing_a_class_ends_its_recording(teacher):
    token = record_some(teacher)
    taken = teacher.recording.number
    assert len(teacher.remove_class("red")) == taken
    assert teacher.recording is None
    for seed in range(4, 8):
        see(teacher, "red", seed)
    teacher._writer.drain()
    assert teacher.photos.labels == ()
    assert photos_in(teacher.photos.folder / TRASH / "red") == taken == teacher.stop(token)
    with pytest.raises(DataError, match="ended"):
        teacher.renew(token)


@pytest.mark.parametrize("merge", [False, True])
def test_photos_of_a_recording_come_along_when_its_class_is_renamed(teacher, merge):
    if merge:
        teacher.photos.add_class("tomato")
    record_some(teacher)
    taken = teacher.recording.number
    teacher.rename("red", "tomato", merge=merge)
    see(teacher, "red", 9)
    teacher._writer.drain()
    assert teacher.photos.counts == {"tomato": taken}
    assert teacher.recording is None


def test_a_recording_into_another_class_continues(teacher):
    teacher.photos.add_class("blue")
    record_some(teacher)
    teacher.rename("blue", "green")
    teacher.remove_class("green")
    assert teacher.recording.label == "red"


@pytest.mark.parametrize("renamed", [False, True])
def test_a_class_that_another_program_takes_away_does_not_come_back(teacher, renamed):
    record_some(teacher)
    teacher._writer.drain()
    folder = teacher.photos.folder
    if renamed:
        (folder / "red").rename(folder / "tomato")
    else:
        shutil.rmtree(folder / "red")
    before = teacher.recording.kept
    for seed in range(4, 8):
        see(teacher, "red", seed)
    teacher._writer.drain()
    assert teacher.recording is None
    assert not (folder / "red").exists()
    teacher.photos.refresh()
    assert teacher.photos.counts == ({"tomato": before} if renamed else {})
    assert photos_in(folder / TRASH / "red") >= 1
    assert "renamed or removed" in teacher.state()["problem"]
    teacher.record("blue")
    assert teacher.state()["problem"] is None


def test_stop_counts_the_photos_of_a_recording_that_lapsed(teacher):
    token = teacher.record("red", 0.5)
    for seed in range(4):
        see(teacher, "red", seed)
    time.sleep(0.5)
    see(teacher, "red", 9)
    assert teacher.recording is None
    kept = teacher.stop(token)
    assert kept == teacher.photos.counts["red"] >= 2
    assert teacher.stop(token) == kept
    assert teacher.stop() == 0
