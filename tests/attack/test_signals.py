"""The first signal ends a command, whatever it waits for, and nothing but regular files is waited for."""

import array
import fcntl
import os
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux' /proc")
PROMPT_S = 3.0  # about one, on a machine that has other things to do


@pytest.fixture
def silent_port():
    """A server on loopback that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept = []

        def accept():
            try:
                while True:
                    kept.append(server.accept()[0])
            except OSError:
                pass

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1], kept
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in kept:
            connection.close()


def start(*arguments: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "edgecnn", *map(str, arguments)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def end(child: subprocess.Popen, number: int) -> tuple[int, str, str, float]:
    """Send a signal, and return the exit code, the output and how long it took."""
    try:
        began = time.monotonic()
        child.send_signal(number)
        out, err = child.communicate(timeout=15)
    finally:
        child.kill()
        child.communicate()
    return child.returncode, out, err, time.monotonic() - began


def wait_for(condition, patience_s=20):
    until = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("url", ["http://127.0.0.1:{}/x.mjpg", "rtsp://127.0.0.1:{}/x"])
def test_live_is_stopped_while_a_network_camera_never_answers(silent_port, url, number):
    port, kept = silent_port
    child = start("live", "--source", url.format(port), "--show", "none")
    wait_for(lambda: kept)
    time.sleep(0.3)
    code, out, err, took_s = end(child, number)
    assert (code, err) == (0, "")
    assert "0 frames" in out
    assert took_s < PROMPT_S


def test_bench_is_stopped_while_a_network_camera_never_answers(silent_port):
    port, kept = silent_port
    child = start("bench", "--source", f"http://127.0.0.1:{port}/x.mjpg")
    wait_for(lambda: kept)
    time.sleep(0.3)
    code, _, err, took_s = end(child, signal.SIGINT)
    assert (code, err.strip()) == (130, "stopped; nothing was written")
    assert took_s < PROMPT_S


def test_live_is_stopped_while_its_output_waits_for_a_reader(tmp_path):
    pipe = tmp_path / "out.jsonl"
    os.mkfifo(pipe)
    child = start("live", "--source", "synthetic", "--show", "none", "--jsonl", pipe)
    time.sleep(2.5)
    assert child.poll() is None
    code, _, err, took_s = end(child, signal.SIGTERM)
    assert (code, err) == (0, "")
    assert took_s < PROMPT_S


def test_live_is_stopped_while_a_camera_that_fell_silent_is_opened_again(silent_port, tmp_path):
    """The first connection gives images for a while, all others nothing at all."""
    port, kept = silent_port
    out = tmp_path / "out.jsonl"
    url = f"http://127.0.0.1:{port}/x.mjpg"
    child = start("live", "--source", url, "--show", "none", "--jsonl", out, "--stall", "1")
    wait_for(lambda: kept)
    part = cv2.imencode(".jpg", np.full((64, 64, 3), 90, np.uint8))[1].tobytes()
    head = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
    kept[0].sendall(head)
    image = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(part), part)

    def shown():
        kept[0].sendall(image)
        time.sleep(0.05)
        return out.exists() and out.read_text().count("\n") > 2

    wait_for(shown, 30)
    wait_for(lambda: len(kept) > 1, 30)
    time.sleep(0.5)
    code, text, err, took_s = end(child, signal.SIGTERM)
    assert code == 0
    assert "frames in" in text
    assert len(err.splitlines()) == 1, err
    assert took_s < PROMPT_S


def test_ctrl_c_ends_what_reads_many_images(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.random.default_rng(0).integers(0, 256, (900, 900, 3), np.uint8))
    rows = [f"{'./' * k}a.png,{k % 2}" for k in range(1, 1000)]
    (tmp_path / "m.csv").write_text("path,label\n" + "\n".join(rows))
    video = tmp_path / "v.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 10, (320, 240))
    for shade in range(3000):
        writer.write(np.full((240, 320, 3), shade % 256, np.uint8))
    writer.release()
    for asked in (("data", "check", tmp_path / "m.csv"), ("classify", video)):
        child = start(*asked)
        wait_for(lambda: "cv2" in Path(f"/proc/{child.pid}/maps").read_text())  # noqa: B023 - called here
        time.sleep(0.7)
        assert child.poll() is None
        code, _, err, took_s = end(child, signal.SIGINT)
        assert (code, err) == (130, "")
        assert took_s < PROMPT_S


@pytest.mark.parametrize("to", ["pipe", "stdout"])
def test_live_is_stopped_while_its_reader_takes_nothing(tmp_path, to):
    if to == "pipe":
        path = tmp_path / "out.jsonl"
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    else:
        path = "-"
    child = start("live", "--source", "synthetic:fps=0", "--show", "none", "--jsonl", path)
    if to == "stdout":
        reader = os.dup(child.stdout.fileno())
    wait_for(lambda: is_full(reader))
    time.sleep(0.5)
    began = time.monotonic()
    child.send_signal(signal.SIGTERM)
    try:
        assert child.wait(15) == 1
    finally:
        child.kill()
        os.close(reader)
        _, err = child.communicate()
    assert "not written: its reader stopped reading" in err
    assert time.monotonic() - began < PROMPT_S


def is_full(pipe):
    """Whether a pipe of 64 KiB holds nearly all that it can; the end of a page may stay free."""
    held = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, held)
    return held[0] > 45_000
