"""Images that cost gigabytes or minutes end in one line, and a live loop keeps running meanwhile."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import cv2
import pytest

from tests.attack.forked import ROOT, counts
from tests.attack.images import SLOW, bombs, cases, give
from tests.conftest import draw_seven

_LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_DATA, (512 << 20, 512 << 20))
from edgecnn.cli import main
sys.argv = ["edgecnn", "live", "--source", "synthetic:fps=10", "--show", "web", "--port", "0"]
main()
"""


def test_bombs_and_mutants_are_answered_or_refused(commands, tmp_path):
    quick = [(name, data) for name, data in bombs().items() if name not in SLOW]
    mutants = [case for case in cases(len(bombs()) + 30, seed=3) if not case[0].startswith("bomb-")]
    found = give(commands, [*quick, *mutants], tmp_path)
    assert len(found) == 2 * (len(quick) + 30)
    assert all(o.good for o in found), (counts(found), [o for o in found if not o.good])


@pytest.mark.slow
def test_one_that_takes_long_is_given_up(commands, tmp_path):
    path = tmp_path / "clear.gif"
    path.write_bytes(bombs()["clear.gif"])
    outcome = commands.run("classify", path)
    assert outcome.verdict == "refused", outcome
    assert re.search(r"clear\.gif took longer than \S+ s to decode", outcome.err)


def test_a_dataset_with_bombs_in_it_is_checked_to_its_end(commands, photo_folder):
    folder = next(photo_folder.iterdir())
    for name in ("length-IDAT.png", "one-bit.png", "scans.jpg", "strip.tif"):
        (folder / name).write_bytes(bombs()[name])
    os.mkfifo(folder / "pipe.jpg")
    (folder / "endless.jpg").symlink_to("/dev/zero")
    outcome = commands.run("data", "check", photo_folder, "--json", "-", limit_s=60)
    assert outcome.good, outcome
    for name in ("length-IDAT.png", "one-bit.png", "scans.jpg", "strip.tif", "pipe.jpg", "endless.jpg"):
        assert name in outcome.out, name


@contextmanager
def live_in_512_mb():
    """A live loop with its page, in a process that can't have more memory; gives it and its port."""
    process = subprocess.Popen(
        [sys.executable, "-c", _LIMITED], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        found = None
        while found is None:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            found = re.search(r"http://127.0.0.1:(\d+)/", line)
        yield process, int(found[1])
    finally:
        process.kill()
        process.communicate()


def ask(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_a_live_loop_in_512_mb_survives_all_bombs():
    photo = cv2.imencode(".jpg", draw_seven())[1].tobytes()
    with live_in_512_mb() as (process, port):
        for name, data in bombs().items():
            start = time.monotonic()
            status, body = ask(port, "POST", "/api/v1/classify", data)
            assert time.monotonic() - start < 8, name  # 2 s, and a process that has to start
            assert status in (200, 422), (name, status, body)
        status, body = ask(port, "POST", "/api/v1/classify", photo)
        assert (status, json.loads(body)["predictions"][0]["label"]) == (200, "7")
        first = json.loads(ask(port, "GET", "/healthz")[1])
        time.sleep(1)
        second = json.loads(ask(port, "GET", "/healthz")[1])
        assert second["status"] == "ok"
        assert second["seconds_since_result"] < 1
        assert second["frames"] >= first["frames"]
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert int(re.search(r"VmHWM:\s+(\d+)", status)[1]) < 300_000, "kB"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
