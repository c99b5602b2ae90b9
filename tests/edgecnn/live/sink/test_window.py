"""The window on a screen of its own: `make test-window` builds the environment with opencv-python for it."""

import os
import re
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgecnn.live.sink.window import TITLE
from tests.conftest import until

GUI = re.search(r"^\s*GUI:\s*(\S+)", cv2.getBuildInformation(), re.MULTILINE).group(1)
PROGRAMS = ("Xvfb", "openbox", "xdotool", "wmctrl")
MISSING = [p for p in PROGRAMS if not shutil.which(p)]
pytestmark = [
    pytest.mark.skipif(GUI == "NONE", reason="needs opencv-python, not the headless one: make test-window"),
    pytest.mark.skipif(bool(MISSING), reason=f"needs a screen without one: apt install {' '.join(MISSING)}"),
]
PATIENCE_S = 30


class Screen:
    """A virtual screen with a window manager, and what a person does in front of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        read, write = os.pipe()
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-nolisten", "tcp",
             "-fbdir", str(folder)],
            pass_fds=[write], stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(write)
        with open(read) as number:
            self.environment = os.environ | {"DISPLAY": f":{number.readline().strip()}"}
        self._manager = subprocess.Popen(["openbox"], env=self.environment, stderr=subprocess.DEVNULL)

    def close(self) -> None:
        for program in (self._manager, self._server):
            program.terminate()
            program.wait(10)

    def do(self, *command: str) -> str:
        return subprocess.run(command, env=self.environment, capture_output=True, text=True).stdout

    def press(self, key: str) -> None:
        self.do("xdotool", "search", "--name", f"^{TITLE}$", "windowfocus", "--sync", "key", key)

    def look(self) -> np.ndarray:
        """Return what is on the screen as BGR; the file is in the format of xwd."""
        data = (self.folder / "Xvfb_screen0").read_bytes()
        header = struct.unpack(">25I", data[:100])
        size, width, height, row, colors = header[0], header[4], header[5], header[12], header[19]
        pixels = np.frombuffer(data, np.uint8, offset=size + colors * 12)[: row * height]
        return pixels.reshape(height, row // 4, 4)[:, :width, :3]


@pytest.fixture
def screen(tmp_path):
    shown = Screen(tmp_path)
    yield shown
    shown.close()


@pytest.fixture
def live(screen, tmp_path):
    command = [sys.executable, "-m", "edgecnn", "live", "--source", "synthetic:fps=30"]
    command += ["--save-to", str(tmp_path)]
    with subprocess.Popen(command, env=screen.environment, stdout=-1, stderr=-1, text=True) as running:
        until(lambda: screen.do("xdotool", "search", "--name", f"^{TITLE}$"), "a window")
        until(lambda: screen.look().any(axis=2).mean() > 0.5, "an image in it")
        yield running
        running.kill()


def moves(screen) -> bool:
    before = screen.look()
    time.sleep(0.5)
    return not np.array_equal(before, screen.look())


def size(screen) -> str:
    shown = screen.do("xdotool", "search", "--name", f"^{TITLE}$", "getwindowgeometry")
    return re.search(r"Geometry: (\S+)", shown).group(1)


def test_a_person_watches_presses_keys_and_quits(live, screen, tmp_path):
    assert moves(screen)
    # The label is green on a darkened strip, and the best class has a blue bar.
    image = screen.look().astype(int)
    green = (image[..., 1] > 180) & (image[..., 0] < 120) & (image[..., 2] < 120)
    blue = (abs(image - (120, 90, 30)) < 12).all(axis=2)
    assert green.sum() > 200
    assert blue.sum() > 1000
    screen.press("s")
    path = until(lambda: next(tmp_path.glob("edgecnn-*.png"), None), "a saved image")
    assert cv2.imread(str(path)).shape == (480, 640, 3)
    screen.press("v")
    # OpenCV keeps only the last of the keys that come between two frames.
    until(lambda: moves(screen), "a frame after the key")
    screen.press("space")
    until(lambda: not moves(screen), "it pauses")
    screen.press("space")
    until(lambda: moves(screen), "it continues")
    screen.press("f")
    until(lambda: size(screen) == "800x600", "the full screen")
    screen.press("f")
    until(lambda: size(screen) == "640x480", "and back")
    screen.press("q")
    out, err = live.communicate(timeout=PATIENCE_S)
    assert live.returncode == 0, err
    assert "int8\n" in out
    assert "float32\n" in out
    assert "saved" in err


def test_closing_the_window_ends_it(live, screen):
    screen.do("wmctrl", "-c", TITLE)
    out, err = live.communicate(timeout=PATIENCE_S)
    assert live.returncode == 0, err
    assert "frames in" in out
