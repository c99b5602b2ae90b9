"""Whatever is around a command, it does what it does: home, language, clock, open files, signals, ports."""

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import cv2
import pytest

from tests.attack.forked import Commands
from tests.attack.test_terminals import RUNS
from tests.conftest import until

ELSEWHERE = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR")
HOMES = {
    "without a home": dict.fromkeys(ELSEWHERE),
    "with a home that does not exist": {**dict.fromkeys(ELSEWHERE), "HOME": "/nowhere/at/all"},
    "with a home that is no folder": {**dict.fromkeys(ELSEWHERE), "HOME": "/dev/null"},
    "with a home in which nothing can be written": {**dict.fromkeys(ELSEWHERE), "HOME": "/proc"},
}
PLAIN = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
NARROW = {"COLUMNS": "20", "LINES": "5", "TERM": "dumb"}
SOURCE = "synthetic:fps=60,flicker=60"
# What ends with 1 where all is well, because there is nothing here to do it with.
REFUSED = ("compile", "train")


# Those that look for something in the home, or keep something there.
AT_HOME = [run for run in RUNS if run[0] in ("classify", "evaluate", "data", "train")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("around", "runs"),
    [*((home, AT_HOME) for home in HOMES.values()), (PLAIN, list(RUNS)), (NARROW, list(RUNS))],
    ids=[*HOMES, "in plain ASCII", "in 20 columns"],
)
def test_every_command_does_what_it_does(tmp_path_factory, folder, around, runs):
    with Commands(tmp_path_factory.getbasetemp(), **around) as commands:
        for run in runs:
            check(commands, run, folder, RUNS[run] if around is not NARROW else "")


@pytest.mark.slow
def test_with_64_open_files_at_most(commands, folder):
    for run in RUNS:
        check(commands, run, folder, RUNS[run], files=64)


def check(commands, run, folder, shown: str, **limits: int) -> None:
    """Run a command in a fresh copy of the folder; it ends as it does elsewhere."""
    fresh = folder.with_name("fresh")
    shutil.copytree(folder, fresh, ignore=shutil.ignore_patterns("pipe.png"), symlinks=True)
    ran = commands.run(*run, folder=fresh, limit_s=60, **limits)
    shutil.rmtree(fresh)
    assert ran.good, (run, ran)
    assert ran.code == int(run[0] in REFUSED), (run, ran)
    assert shown in ran.out, (run, ran)


def test_names_that_the_language_can_not_write_are_found_all_the_same(folder):
    (folder / "seven.png").rename(folder / "größe 杯.png")
    ran = subprocess.run(
        [sys.executable, "-m", "edgecnn", "classify", "größe 杯.png"],
        cwd=folder, env=os.environ | PLAIN, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0
    assert b"Error" not in ran.stderr
    assert ran.stdout.startswith(b"gr")
    assert b".png  " in ran.stdout


def test_in_a_folder_that_was_deleted(tmp_path):
    (tmp_path / "gone").mkdir()
    run = f"cd gone && rmdir ../gone && exec {sys.executable} -P -m edgecnn doctor"
    ran = subprocess.run(
        ["sh", "-c", run], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (
        1, "edgecnn: the folder in which this runs was deleted: change to another one\n"
    )  # fmt: skip


def test_a_clock_that_is_set_back_changes_nothing(tmp_path):
    """By an hour each time that the clock is read."""
    (tmp_path / "sitecustomize.py").write_text(
        "import itertools, time\n"
        "now, looks = time.time, itertools.count()\n"
        "time.time = lambda: now() - 3600 * next(looks)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-m", "edgecnn", "live", "--source", "synthetic:fps=60", "--frames", "20", "--show",
         "none", "--jsonl", "a.jsonl", "--record", "a.mkv"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "edgecnn: recorded a.mkv\n")
    kept = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert len(kept) == 20
    assert kept[0]["time"] > kept[-1]["time"], "the clock was set back"
    assert all(0 < sum(line["latency_ms"].values()) < 10_000 for line in kept)
    assert 0 <= float(ran.stdout.split(" a second")[0].rpartition(" ")[2]) < 1000


def start(folder, *arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "edgecnn", "live", "--source", SOURCE, *map(str, arguments)],
        cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def lines(path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


FRAMES = (1, 2, 5, 17, 40)


@pytest.mark.slow
def test_live_that_is_killed_leaves_whole_lines_and_no_video_that_looks_whole(tmp_path):
    kept = ("--show", "none", "--jsonl", "a.jsonl", "--csv", "a.csv")
    for number, frames in enumerate(FRAMES):
        child = start(tmp_path, *kept, "--record", f"{number}.mkv")
        try:
            goal = lines(tmp_path / "a.jsonl") + frames
            until(lambda goal=goal: lines(tmp_path / "a.jsonl") >= goal, "some frames", 60)
            if frames == FRAMES[-1]:
                until(lambda: (tmp_path / "4.part.mkv").stat().st_size > 2 << 20, "some of the video", 60)
        finally:
            child.kill()
            child.communicate()
        assert not (tmp_path / f"{number}.mkv").exists(), "it is called .part until it is whole"
        assert (tmp_path / f"{number}.part.mkv").exists()
        for line in (tmp_path / "a.jsonl").read_bytes().splitlines():
            assert json.loads(line)["predictions"]
        head, *rows = csv.reader((tmp_path / "a.csv").read_text().splitlines())
        assert rows
        assert {len(row) for row in rows} == {len(head)}
        assert (tmp_path / "a.csv").read_bytes().endswith(b"\n")
    # What was kept of the longest can be played up to there.
    capture = cv2.VideoCapture(str(tmp_path / "4.part.mkv"), cv2.CAP_FFMPEG)
    assert capture.grab()
    capture.release()
    again = subprocess.run(
        [sys.executable, "-m", "edgecnn", "live", "--source", SOURCE, "--show", "none", "--record", "4.mkv"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert again.returncode == 1
    assert again.stderr == (
        "edgecnn: 4.part.mkv exists: a recording that was interrupted, or is running; rename or delete it\n"
    )


def test_live_continues_after_it_was_stopped_for_a_while(tmp_path):
    child = start(tmp_path, "--show", "none", "--jsonl", "a.jsonl", "--deadline", "500")
    try:
        until(lambda: lines(tmp_path / "a.jsonl") > 5, "some frames", 60)
        child.send_signal(signal.SIGSTOP)
        until(lambda: state(child.pid) == "T", "it has stopped")
        before = lines(tmp_path / "a.jsonl")
        time.sleep(1)
        assert lines(tmp_path / "a.jsonl") == before
        child.send_signal(signal.SIGCONT)
        until(lambda: lines(tmp_path / "a.jsonl") > before + 5, "it continues", 60)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    finally:
        child.kill()
        child.communicate()
    assert child.returncode == 0, err
    assert "frames in" in out


def state(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def test_a_second_page_on_one_port_is_refused_and_the_first_one_keeps_running(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    web = ("--show", "web", "--port", port)
    first = start(tmp_path, *web, "--jsonl", "a.jsonl")
    try:
        until(lambda: lines(tmp_path / "a.jsonl") > 2, "some frames", 60)
        second = start(tmp_path, *web)
        _, err = second.communicate(timeout=60)
        assert second.returncode == 1
        assert err == (
            f"edgecnn: nothing can listen at 127.0.0.1, port {port}: Address already in use; "
            "choose another with --host and --port\n"
        )
        before = lines(tmp_path / "a.jsonl")
        until(lambda: lines(tmp_path / "a.jsonl") > before + 2, "it continues", 60)
    finally:
        first.kill()
        first.communicate()
