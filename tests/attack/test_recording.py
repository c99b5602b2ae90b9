"""What `live` records is there, or `live` says that it is not: limits of size, full disks, lost media."""

import os
import re
import shutil
import subprocess
import sys
import time

import cv2
import pytest

from tests.attack.forked import Commands

NOISY = ("live", "--source", "synthetic:fps=60,flicker=60", "--fps", 60, "--show", "none", "--no-overlay")
FULL = (
    r"recording {name} failed: the (file reaches the limit|disk is full|disk has).*; "
    r"(\d+) of \2 frames can be played, in {name}"
)


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    with Commands(tmp_path_factory.getbasetemp()) as running:
        yield running


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 66 MB in memory; skips where none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=66m", "none", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", folder], capture_output=True, check=False)


def playable(path) -> int:
    capture, found = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG), 0
    while capture.grab():
        found += 1
    capture.release()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.avi"])
def test_a_limit_of_size_is_noticed_before_the_file_breaks(commands, tmp_path, name):
    ran = commands.run(
        *NOISY, "--frames", 150, "--record", name, "--jsonl", "all.jsonl",
        folder=tmp_path, file_bytes=3_000_000, limit_s=60,
    )  # fmt: skip
    assert ran.code == 1, ran
    assert "150 frames in" in ran.out
    first, last = ran.err.splitlines()
    told = re.fullmatch("edgecnn: " + FULL.format(name=re.escape(name)), last)
    assert told, last
    assert first == last
    assert playable(tmp_path / name) == int(told[2]) > 10
    assert len((tmp_path / "all.jsonl").read_text().splitlines()) == 150, "everything else continues"


def test_a_limit_that_leaves_no_room_at_all(commands, tmp_path):
    ran = commands.run(
        *NOISY, "--frames", 9, "--record", "a.mkv", folder=tmp_path, file_bytes=1000, limit_s=60
    )
    assert ran.code == 1
    assert "a.mkv was not recorded: the file reaches the limit of its size here" in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--jsonl", "--csv"])
def test_lines_beyond_a_limit_of_size_are_counted(commands, tmp_path, option):
    ran = commands.run(*NOISY, "--frames", 60, option, "lines", folder=tmp_path, file_bytes=2_000, limit_s=60)
    assert ran.code == 1
    said, last = ran.err.splitlines()
    assert said == "edgecnn: lines can't be written: File too large; trying again"
    missing = re.fullmatch(r"edgecnn: lines lacks (\d+) lines, not written: File too large", last)
    lines = (tmp_path / "lines").read_text()
    assert lines.endswith("\n")
    assert lines.count("\n") + int(missing[1]) == 60 + (option == "--csv")


def test_a_full_disk_ends_the_recording_alone(commands, small_disk):
    ran = commands.run(*NOISY, "--frames", 150, "--record", "a.avi", folder=small_disk, limit_s=60)
    assert ran.code == 1, ran
    assert "150 frames in" in ran.out
    told = re.search(FULL.format(name=r"a\.avi"), ran.err)
    assert told, ran.err
    assert playable(small_disk / "a.avi") == int(told[2]) > 20


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "gone"), [("a.mkv", "deleted"), ("a.mp4", "unmounted"), ("a.avi", "replaced")]
)
def test_a_medium_that_goes_away_is_noticed(tmp_path, small_disk, name, gone):
    folder = tmp_path / "folder" if gone != "unmounted" else small_disk
    folder.mkdir(exist_ok=True)
    path = folder / name
    part = path.with_name(f"a.part{path.suffix}")
    command = [sys.executable, "-m", "edgecnn", *map(str, NOISY), "--seconds", "2", "--record", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as live:
        end = time.monotonic() + 30
        while not (part.exists() and part.stat().st_size > 50_000) and time.monotonic() < end:
            time.sleep(0.02)
        if gone == "deleted":
            shutil.rmtree(folder)
        elif gone == "unmounted":
            subprocess.run(["umount", "-l", folder], check=True)
        else:
            part.unlink()
            part.write_text("another's")
        out, err = live.communicate(timeout=60)
    assert live.returncode == 1, err
    assert "frames in" in out
    assert err.count("\n") == 2, err
    assert f"recording {path} failed: {part} " in err
    assert ("was replaced" if gone == "replaced" else "is gone: No such file") in err
    assert "0 of" in err
    if gone == "replaced":
        assert part.read_text() == "another's"


def test_an_image_that_is_not_saved_is_reported_at_the_end(tmp_path, commands):
    """The key `s` in a terminal; here in a pseudo terminal, which is all that keys need."""
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "edgecnn", "live", "--source", "synthetic", "--show", "terminal"]
    command += ["--save-to", str(tmp_path / "nowhere")]
    with subprocess.Popen(
        command,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as live:
        assert live.stdout is not None
        while "fps" not in live.stdout.readline():
            pass
        os.write(ours, b"s")
        time.sleep(0.5)
        os.write(ours, b"q")
        _, err = live.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert live.returncode == 1
    assert err.splitlines()[-1].startswith("edgecnn: frames not saved: 1; ")
    assert "No such file or directory" in err
