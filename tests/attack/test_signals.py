"""The first signal ends a command, whatever it waits for, and nothing but regular files is waited for."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

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
