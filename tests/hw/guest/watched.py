"""In the machine: `edgecnn live` as a child, known by what it prints and by its results.

They are live.txt and results.jsonl in the working folder.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

WORK = Path("/run/work")
EDGECNN = [sys.executable, "-m", "edgecnn"]
_PRINTED, _RESULTS = WORK / "live.txt", WORK / "results.jsonl"


class Watched:
    """A run of `edgecnn live --source auto` with more options."""

    def __init__(self, *options: str) -> None:
        command = [*EDGECNN, "live", "--source", "auto", "--show", "none", "--jsonl", _RESULTS, *options]
        with _PRINTED.open("w") as output:
            self._child = subprocess.Popen(command, stdout=output, stderr=output)

    def until(self, condition, seconds: float, what: str) -> None:
        """Wait until a condition holds; where it does not in time, end all with exit code 1."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                self._child.kill()
                print(_PRINTED.read_text())
                sys.exit(f"not within {seconds:g} s: {what}")
            time.sleep(0.1)

    def said(self, text: str) -> int:
        """Return how often it printed a text."""
        return _PRINTED.read_text().count(text)

    def keeps_running(self, count: int = 15) -> None:
        """Wait for so many more results."""
        before = self._results()
        self.until(lambda: self._results() >= before + count, 90, f"{count} more results")

    def peak_bytes(self) -> int:
        """Return the most memory that it has had."""
        status = Path(f"/proc/{self._child.pid}/status").read_text("ascii")
        return int(status.split("VmHWM:")[1].split()[0]) << 10

    def end(self) -> int:
        """Tell it to end, and return its exit code."""
        self._child.send_signal(signal.SIGTERM)
        return self._child.wait(60)

    def _results(self) -> int:
        return _RESULTS.read_bytes().count(b"\n") if _RESULTS.exists() else 0
