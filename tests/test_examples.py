"""Every example runs as it stands, with the fakes."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from tests.conftest import draw_seven

EXAMPLES = Path(__file__).parent.parent / "examples"
SOURCE = "synthetic:seed=3,fps=0"


def python(name: str, *arguments: object, **environment: str) -> str:
    """Run an example, and return what it printed."""
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, arguments)],
        env=os.environ | environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.name)
def test_an_example_fits_a_screen_and_is_tested(path):
    assert len(path.read_text("utf-8").splitlines()) <= 30
    assert f'"{path.name}"' in Path(__file__).read_text("utf-8")


def test_own_loop():
    lines = python("own_loop.py", SOURCE, 20).splitlines()
    assert len(lines) == 20
    assert "this frame: " in lines[0]


def test_gpio_reaction():
    pytest.importorskip("gpiozero")
    first = python("own_loop.py", SOURCE, 1).split()[0]
    # Each sheet of paper is shown for thirty frames.
    lines = python("gpio_reaction.py", first, 17, SOURCE, 200, GPIOZERO_PIN_FACTORY="mock").splitlines()
    assert set(lines) == {"on", "off"}
    assert lines == ["on", "off"] * (len(lines) // 2) + ["on"] * (len(lines) % 2)


def test_folder_watch(tmp_path):
    inbox, outbox = tmp_path / "in", tmp_path / "out"
    inbox.mkdir()
    cv2.imwrite(str(inbox / "a.png"), draw_seven())
    (inbox / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    assert python("folder_watch.py", inbox, outbox, 1).startswith("a.png: 7 ")
    assert list((outbox / "7").glob("*-a.png"))
    assert (inbox / "torn.jpg").exists()


def test_own_sink():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        python("own_sink.py", "127.0.0.1", receiver.getsockname()[1], SOURCE, 60)
        message = json.loads(receiver.recv(1000))
    assert message["label"] in "0123456789"


def test_own_camera(tmp_path):
    cv2.imwrite(str(tmp_path / "seven.png"), draw_seven())
    assert "frames=8" in python("own_camera.py", tmp_path / "seven.png", 8)
