"""In the machine: a program as a child, known by what it prints; `edgecnn live`, also by its results.

They are live.txt and results.jsonl in the working folder.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

WORK = Path("/run/work")
EDGECNN = [sys.executable, "-m", "edgecnn"]
_RESULTS = WORK / "results.jsonl"


class Child:
    """A program whose output goes to a file of the working folder."""

    def __init__(self, command: list[str | Path], printed: str) -> None:
        self._printed = WORK / printed
        with self._printed.open("w") as output:
            self._child = subprocess.Popen(command, stdout=output, stderr=output)

    def until(self, condition, seconds: float, what: str) -> None:
        """Wait until a condition holds; where it does not in time, end all with exit code 1."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end or self._child.poll() is not None:
                self._child.kill()
                print(self._printed.read_text())
                sys.exit(f"not within {seconds:g} s: {what}")
            time.sleep(0.1)

    def said(self, text: str) -> int:
        """Return how often it printed a text."""
        return self._printed.read_text().count(text)

    def peak_bytes(self) -> int:
        """Return the most memory that it has had."""
        status = Path(f"/proc/{self._child.pid}/status").read_text("ascii")
        return int(status.split("VmHWM:")[1].split()[0]) << 10

    def end(self) -> int:
        """Tell it to end, and return its exit code."""
        self._child.send_signal(signal.SIGTERM)
        return self._child.wait(60)


class Watched(Child):
    """A run of `edgecnn live --source auto` with more options."""

    def __init__(self, *options: str) -> None:
        common = ["live", "--source", "auto", "--show", "none", "--jsonl", _RESULTS]
        super().__init__([*EDGECNN, *common, *options], "live.txt")

    def keeps_running(self, count: int = 15) -> None:
        """Wait for so many more results."""
        before = self._results()
        self.until(lambda: self._results() >= before + count, 90, f"{count} more results")

    def _results(self) -> int:
        return _RESULTS.read_bytes().count(b"\n") if _RESULTS.exists() else 0
