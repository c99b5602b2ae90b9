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
from edgecnn.frame import UNKNOWN, Command

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from edgecnn.frame import Result
    from edgecnn.stats import Stats

TITLE = "edgecnn"
_WHITE, _GREEN, _AMBER = (255, 255, 255), (80, 220, 80), (60, 190, 255)


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
    return None if _display_answers(*named) else "the display does not answer"


@functools.cache
def _display_answers(*_named: str | None) -> bool:
    """Try a window in another process: Qt ends the one in which a display that was named does not answer."""
    code = "import cv2; cv2.namedWindow('probe', cv2.WINDOW_NORMAL); cv2.destroyAllWindows()"
    try:
        probe = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=20)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


class WindowSink:
    """Draws label, score, frame rate and latency on the picture; `q` or closing the window quits."""

    def __init__(self, console: Console) -> None:  # noqa: ARG002 - a view's signature
        if reason := why_no_window():
            raise OutputError(f"no window can be shown: {reason}; or use --show terminal")
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        self._sized = False

    def show(self, result: Result, stats: Stats) -> Command | None:
        """Draw one frame and look at the keys."""
        if not self._sized:
            height, width = result.frame.pixels.shape[:2]
            cv2.resizeWindow(TITLE, width, height)
            self._sized = True
        cv2.imshow(TITLE, annotate(result, stats))
        if cv2.waitKey(1) & 0xFF in (ord("q"), ord("Q")):
            return Command.QUIT
        closed = cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1
        return Command.QUIT if closed else None

    def close(self) -> None:
        """Close the window."""
        cv2.destroyAllWindows()

    def __enter__(self) -> WindowSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def annotate(result: Result, stats: Stats) -> NDArray[np.uint8]:
    """Return a copy of the frame with the figures on darkened strips at its top and bottom."""
    picture = result.frame.pixels.copy()
    best, timings = result.ranking[0], result.timings
    scale = picture.shape[0] / 480
    top, bottom = picture[: max(1, int(56 * scale))], picture[-max(1, int(52 * scale)) :]
    top //= 3
    bottom //= 3
    if result.seen and result.seen[2:] != (picture.shape[1], picture.shape[0]):
        x, y, width, height = result.seen
        cv2.rectangle(picture, (x, y, width, height), _WHITE, max(1, round(scale)))
    answer = f"{best.label}  {best.score:.1%}"
    if best.label != result.shown:
        answer = f"{result.shown}  ({answer})"
    _text(top, answer, 40 * scale, 1.2 * scale, _AMBER if result.shown == UNKNOWN else _GREEN)
    _text(bottom, f"{stats.rate():.1f} fps   dropped {stats.dropped}", 20 * scale, 0.5 * scale, _WHITE)
    stages = (
        f"preprocess {timings.preprocess_ms:.2f} ms   inference {timings.inference_ms:.2f} ms   "
        f"decode {timings.decode_ms:.2f} ms"
    )
    _text(bottom, stages, 42 * scale, 0.5 * scale, _WHITE)
    return picture


def _text(strip: NDArray[np.uint8], text: str, y: float, size: float, color: tuple[int, int, int]) -> None:
    # OpenCV's fonts know ASCII only.
    plain = text.encode("ascii", "replace").decode()
    thickness = max(1, round(1.5 * size))
    cv2.putText(strip, plain, (12, int(y)), cv2.FONT_HERSHEY_SIMPLEX, size, color, thickness, cv2.LINE_AA)
