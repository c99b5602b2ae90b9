"""A network camera that is cut off and comes back: ffmpeg serves MJPEG over HTTP."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest

from edgecnn.camera.synthetic import SyntheticCamera
from tests.conftest import until

FFMPEG = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
PATIENCE_S = 60
pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="needs Linux' /proc")


@pytest.fixture
def images(tmp_path) -> dict[str, Path]:
    """Two images of different digits, by their labels."""
    found = {}
    with SyntheticCamera("synthetic:seed=3,fps=0,hold=1") as camera:
        while len(found) < 2:
            frame = camera.read()
            if frame.truth not in found:
                found[frame.truth] = tmp_path / f"{frame.truth}.png"
                cv2.imwrite(str(found[frame.truth]), frame.pixels)
    return found


def stream(image: Path, port: int) -> subprocess.Popen:
    """Serve an image, fifteen times a second, to the one who comes."""
    source = ["-re", "-loop", "1", "-framerate", "15", "-i", image]
    target = ["-f", "mpjpeg", "-q:v", "3", "-listen", "1", f"http://127.0.0.1:{port}/live.mjpg"]
    server = subprocess.Popen(
        [FFMPEG, "-loglevel", "error", *source, *target], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until(
        lambda: f":{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text(),
        "ffmpeg listens",
        PATIENCE_S,
    )
    return server


@pytest.mark.slow
def test_a_stream_that_is_cut_off_and_comes_back(images, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    results, said = tmp_path / "out.jsonl", tmp_path / "said.txt"
    (first, one), (second, other) = images.items()

    def lines() -> list[dict]:
        return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []

    server = stream(one, port)
    command = [sys.executable, "-m", "edgecnn", "live", "--source", f"http://127.0.0.1:{port}/live.mjpg"]
    with said.open("w") as output:
        live = subprocess.Popen(
            [*command, "--show", "none", "--jsonl", results], stdout=output, stderr=output
        )
    try:
        until(lambda: len(lines()) >= 10, "ten results", PATIENCE_S)
        server.kill()
        server.wait()
        until(lambda: "it is reopened when it is back" in said.read_text(), "that it is gone", PATIENCE_S)
        time.sleep(1)  # the last one may still have been on its way
        before = len(lines())
        time.sleep(1)
        assert len(lines()) == before, "nothing is classified meanwhile"
        server = stream(other, port)
        until(lambda: len(lines()) >= before + 10, "ten more results", PATIENCE_S)
        live.send_signal(signal.SIGTERM)
        assert live.wait(PATIENCE_S) == 0
    finally:
        live.kill()
        live.wait()
        server.kill()
        server.wait()
    labels = [line["predictions"][0]["label"] for line in lines()]
    assert set(labels[:before]) == {first}
    assert set(labels[before:]) == {second}
    frames = [line["frame"] for line in lines()]
    assert frames == sorted(set(frames)), "the frames are numbered on"
    assert "is back after" in said.read_text()
