"""Disks that are full, read-only or gone: it says so, stops recording, keeps answering, and continues."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.taught import Refused
from edgecnn.errors import OutputError
from edgecnn.teaching.teacher import Teacher
from tests.conftest import until
from tests.edgecnn.teaching.conftest import draw, see
from tests.edgecnn.teaching.process import start_tiny
from tests.trunks import RANGE, tiny_int8

if TYPE_CHECKING:
    from collections.abc import Iterator

# Real processes, which time out on a machine that is busy with other tests.
pytestmark = pytest.mark.slow

# A photo of the camera has 60 kB and more, and everything else that a process writes meanwhile less.
FULL_BYTES = 4096
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")


def limit(pid: int, size: int) -> None:
    """Have a process fail to write files of more bytes than this, as on a full disk."""
    hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if size == resource.RLIM_INFINITY else size, hard))


@contextmanager
def mounted(place: Path, options: str) -> Iterator[None]:
    """A file system of its own in memory; skip where none can be mounted, as in some containers."""
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "taught", place], capture_output=True
    ).returncode:
        pytest.skip("needs the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def remount(place: Path, how: str) -> int:
    return subprocess.run(["mount", "-o", f"remount,{how}", place], capture_output=True).returncode


def record_until_it_stops(client) -> dict:
    """Record until the state says a problem; return it."""
    token = client.post("record/start", label="cup")["recording"]
    end = time.monotonic() + 30
    while time.monotonic() < end:
        state = client.get("state")
        if state["problem"] and state["recording"] is None:
            assert client.post("record/stop", recording=token)["photos"] == 0
            return state
        client.post("record/keep", recording=token)
        time.sleep(0.05)
    raise AssertionError(state)


def record_some(client, label: str = "cup") -> int:
    """Record until there are two more photos; return how many."""
    token = client.post("record/start", label=label)["recording"]

    def kept() -> bool:
        client.post("record/keep", recording=token)
        return client.get("state")["recording"]["kept"] >= 2

    until(kept, "two photos")
    return client.post("record/stop", recording=token)["photos"]


def answers(client) -> bool:
    """Whether the live loop answers frames still."""
    before = client.status()["stats"]["frames"]
    return until(lambda: client.status()["stats"]["frames"] > before + 5, "more frames")


def test_a_full_disk_stops_the_recording_and_nothing_else(tmp_path, tiny):
    with start_tiny(tmp_path / "taught", tiny, hold=3) as running:
        running.wait_for_frame()
        client = running.client()
        count = record_some(client)
        limit(running.pid, FULL_BYTES)
        state = record_until_it_stops(client)
        assert "cup can't be written: File too large" in state["problem"]
        assert state["photos"] == count
        with pytest.raises(Refused, match="can't be written") as refused:
            client.post("correct", label="cup")
        assert refused.value.status == 503
        assert answers(client)
        limit(running.pid, resource.RLIM_INFINITY)
        more = record_some(client)
        state = client.get("state")
        assert state["problem"] is None
        assert state["photos"] == count + more == len(list((tmp_path / "taught" / "cup").iterdir()))


@as_root
def test_a_disk_that_is_really_full(tmp_path, tiny):
    with (
        mounted(tmp_path / "disk", "size=1m"),
        start_tiny(tmp_path / "disk" / "taught", tiny, hold=3) as running,
    ):
        running.wait_for_frame()
        client = running.client()
        filler = tmp_path / "disk" / "filler"
        count = record_some(client)
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(bytes(4096))
        state = record_until_it_stops(client)
        assert "the disk is full" in state["problem"]
        assert answers(client)
        with pytest.raises(Refused, match="can't be|full"):
            client.post("versions/keep")
        filler.unlink()
        assert client.get("state")["photos"] == count
        record_some(client)
        assert client.get("state")["problem"] is None


@as_root
def test_a_disk_that_becomes_read_only(tmp_path, tiny):
    disk = tmp_path / "disk"
    with mounted(disk, "size=8m"), start_tiny(disk / "taught", tiny, hold=3) as running:
        running.wait_for_frame()
        client = running.client()
        record_some(client)
        # It is busy while a file is written.
        until(lambda: not remount(disk, "ro"), "a read-only disk")
        assert "Read-only" in record_until_it_stops(client)["problem"]
        photos = [photo["id"] for photo in client.get("photos?label=cup")["photos"]]
        for path, body in (
            ("photos/remove", {"ids": photos[:1]}),
            ("classes/add", {"label": "ball"}),
            ("classes/rename", {"label": "cup", "to": "mug"}),
            ("classes/remove", {"label": "cup"}),
            ("versions/keep", {}),
        ):
            with pytest.raises(Refused) as refused:
                client.post(path, **body)
            assert refused.value.status in (422, 503)
        assert client.get("state")["photos"] == len(photos)
        assert answers(client)
        assert not remount(disk, "rw")
        record_some(client)


@contextmanager
def without_rights(*folders: Path) -> Iterator[None]:
    """Make folders read-only, for root too."""
    before = os.geteuid()
    for folder in folders:
        folder.chmod(0o555)
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)
        for folder in folders:
            folder.chmod(0o755)


@pytest.fixture
def open_path():
    """A folder in which others may enter, unlike `tmp_path`."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_read_only_folder_is_taught_from_and_never_written(open_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(open_path / "cache"))
    folder, tiny = open_path / "taught", open_path / "tiny.tflite"
    tiny.write_bytes(tiny_int8())
    with Teacher(folder, trunk=tiny, value_range=RANGE) as teacher:
        for kind in ("red", "blue"):
            for seed in range(4):
                teacher.add(kind, draw(kind, seed))
    for path in (open_path / "cache").rglob("*.json"):
        path.chmod(0o644)
    folders = [open_path, folder, *(folder / kind for kind in ("red", "blue"))]
    with without_rights(*folders), Teacher(folder, trunk=tiny, value_range=RANGE) as teacher:
        teacher.settle()
        assert see(teacher, "red", 9) == "red"
        with pytest.raises(OutputError, match="Permission denied"):
            teacher.add("red", draw("red", 9))
        assert "Permission denied" in teacher.state()["problem"]
        with pytest.raises(OutputError):
            teacher.keep()
        assert teacher.state()["photos"] == 8


def test_a_folder_that_vanishes_and_comes_back(tmp_path, tiny):
    folder, away = tmp_path / "taught", tmp_path / "away"
    with start_tiny(folder, tiny, hold=3) as running:
        running.wait_for_frame()
        client = running.client()
        count = record_some(client)
        folder.rename(away)
        until(lambda: "can't be read" in (client.get("state")["problem"] or ""), "the problem")
        with pytest.raises(Refused):
            client.post("correct", label="cup")
        assert answers(client)
        assert not folder.exists()
        away.rename(folder)
        until(lambda: client.get("state")["photos"] == count, "the photos")
        count += record_some(client)
        until(lambda: client.get("state")["problem"] is None, "no problem")
        assert client.get("state")["photos"] == count


def test_a_class_that_another_program_removes_during_a_recording(tmp_path, tiny):
    folder = tmp_path / "taught"
    with start_tiny(folder, tiny, hold=3) as running:
        running.wait_for_frame()
        client = running.client()
        for _ in range(2):
            token = client.post("record/start", label="cup")["recording"]
            until(lambda: client.get("state")["recording"]["kept"] >= 2, "two photos")
            shutil.rmtree(folder / "cup")

            def ended() -> bool:
                with suppress(Refused):
                    client.post("record/keep", recording=token)  # noqa: B023 - called in this round
                return client.get("state")["recording"] is None

            until(ended, "the end of the recording")
            assert "renamed or removed" in client.get("state")["problem"]
            assert not (folder / "cup").exists()
            assert list((folder / ".trash" / "cup").iterdir())
        record_some(client)
        until(
            lambda: client.get("state")["photos"] == len(list((folder / "cup").iterdir())),
            "the same as on the disk",
        )
        assert client.get("state")["problem"] is None


def test_a_full_cache_is_no_problem(tmp_path, tiny):
    with start_tiny(tmp_path / "taught", tiny, hold=3) as running:
        running.wait_for_frame()
        client = running.client()
        cache = tmp_path / "cache" / "edgecnn"
        until(cache.is_dir, "the cache")
        shutil.rmtree(cache)
        cache.write_text("no folder")
        record_some(client)
        record_some(client, "ball")
        until(lambda: client.get("state")["knows"] != "nothing", "an answer")
        assert client.get("state")["problem"] is None
        assert client.get("state")["unreadable"] == 0
