"""The live view in a window of OpenCV's, where it was built with one and there is a display."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import cv2

from edgecnn.errors import OutputError
from edgecnn.frame import UNKNOWN
from edgecnn.image.text_drawing import put_text
from edgecnn.io.printable import printable
from edgecnn.live.command import Command, Quit
from edgecnn.live.sink import Sink
from edgecnn.live.sink.keys import commands

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from edgecnn.frame import Prediction, Result
    from edgecnn.live.stats import Stats

TITLE = "edgecnn"
# More characters than that do not fit any frame, and would only take time.
_MOST_DRAWN = 200
_WHITE, _GREEN, _AMBER, _BAR = (255, 255, 255), (80, 220, 80), (60, 190, 255), (120, 90, 30)


def why_no_window() -> str | None:
    """Say why no window can be shown, or None. Found out before one is tried: Qt aborts can't be caught."""
    found = re.search(r"^\s*GUI:\s*(\S+)", cv2.getBuildInformation(), re.MULTILINE)
    if found is None or found.group(1) in ("NONE", "NO"):
        return (
            "this OpenCV is the headless one; for a window replace it: "
            "pip uninstall opencv-python-headless, then pip install opencv-python"
        )
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no display (DISPLAY and WAYLAND_DISPLAY are not set)"
    named = os.environ.get("DISPLAY"), os.environ.get("WAYLAND_DISPLAY")
    return None if _display_answers(*named) else "the display does not respond"


@functools.cache
def _display_answers(*_named: str | None) -> bool:
    """Try a window in another process: Qt ends the process if the display does not respond."""
    code = "import cv2; cv2.namedWindow('probe', cv2.WINDOW_NORMAL); cv2.destroyAllWindows()"
    try:
        probe = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=20)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


class WindowSink(Sink):
    """Shows the frames in a window, with label, score, frame rate and latency.

    The keys are `keys.KEYS`, and `f` for full screen; closing the window quits.
    """

    takes = ("console",)

    def __init__(self, console: Console) -> None:  # noqa: ARG002 - a view's signature
        if reason := why_no_window():
            raise OutputError(f"no window can be shown: {reason}; or use --show terminal")
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        self._sized = self._full = self._paused = False
        self._newest: Result | None = None

    def show(self, result: Result, stats: Stats) -> None:
        """Draw one frame."""
        self._newest, self._paused = result, stats.paused
        if not self._sized:
            height, width = result.frame.pixels.shape[:2]
            cv2.resizeWindow(TITLE, width, height)
            self._sized = True
        image = annotate(result, stats)
        try:
            cv2.imshow(TITLE, image)
        except cv2.error as error:  # the display was closed
            raise OutputError(f"the window can't be drawn any more: {error.err}") from error

    def poll(self, stats: Stats) -> Sequence[Command]:
        """Let the window redraw, and read the keys."""
        if self._newest and stats.paused != self._paused:
            self.show(self._newest, stats)
        key = cv2.waitKey(1)
        if self._newest is None:
            return []  # a window without an image does not count as visible
        if _was_closed():
            return [Quit()]
        pressed = chr(key & 0xFF) if key >= 0 else ""
        if pressed.lower() == "f":
            self._full = not self._full
            mode = cv2.WINDOW_FULLSCREEN if self._full else cv2.WINDOW_NORMAL
            cv2.setWindowProperty(TITLE, cv2.WND_PROP_FULLSCREEN, mode)
        return commands(pressed)

    def close(self) -> None:
        """Close the window."""
        cv2.destroyAllWindows()


def _was_closed() -> bool:
    try:
        return cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1
    except cv2.error:  # OpenCV 5 raises when its last window is closed
        return True


def annotate(result: Result, stats: Stats) -> NDArray[np.uint8]:
    """Return a copy of the frame with the overlay on darkened strips at its top and bottom."""
    image = result.frame.pixels.copy()
    best, timings = result.ranking[0], result.timings
    scale = image.shape[0] / 480
    top, bottom = image[: max(1, int(56 * scale))], image[-max(1, int(64 * scale)) :]
    top //= 3
    bottom //= 3
    if result.seen and result.seen[2:] != (image.shape[1], image.shape[0]):
        x, y, width, height = result.seen
        cv2.rectangle(image, (x, y, width, height), _WHITE, max(1, round(scale)))
    answer = f"{best.label}  {best.score:.1%}"
    if best.label != result.shown:
        answer = f"{result.shown}  ({answer})"
    _text(top, answer, 40 * scale, 1.2 * scale, _AMBER if result.shown == UNKNOWN else _GREEN)
    left, right = bottom[:, : bottom.shape[1] // 2], bottom[:, bottom.shape[1] // 2 :]
    state = "paused" if stats.paused else f"{stats.rate():.1f} fps"
    lines = (
        "   ".join(filter(None, [state, stats.variant, f"dropped {stats.dropped}"])),
        f"preprocess {timings.preprocess_ms:.2f} ms   decode {timings.decode_ms:.2f} ms",
        f"inference {timings.inference_ms:.2f} ms   age {result.age_ms:.1f} ms",
    )
    for row, line in enumerate(lines):
        _text(left, line, (18 + 19 * row) * scale, 0.42 * scale, _WHITE)
    for row, prediction in enumerate(result.ranking[:3]):
        _bar(right, prediction, row, scale)
    return image


def _bar(strip: NDArray[np.uint8], prediction: Prediction, row: int, scale: float) -> None:
    """Draw a class with its score as a line of the strip and a bar under the text."""
    top, bottom = int((5 + 19 * row) * scale), int((22 + 19 * row) * scale)
    width = int(prediction.score * (strip.shape[1] - 12 * scale))
    cv2.rectangle(strip, (0, top), (width, bottom), _BAR, cv2.FILLED)
    text = f"{prediction.score:6.1%}  {prediction.label}"
    _text(strip, text, (18 + 19 * row) * scale, 0.42 * scale, _WHITE)


def _text(strip: NDArray[np.uint8], text: str, y: float, size: float, color: tuple[int, int, int]) -> None:
    thickness = max(1, round(1.5 * size))
    origin = (int(12 * strip.shape[0] / 64), int(y))
    put_text(strip, printable(text[:_MOST_DRAWN]), origin, size, color, thickness)
