"""A worker as its parent sees it: commands go in, one answer to each comes out."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

ROOT = Path(__file__).parent.parent.parent
# One thread each, and threads that wait do not spin, whichever OpenMP or BLAS a library brings.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "KMP_BLOCKTIME": "0",
    "GOMP_SPINCOUNT": "0",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "CUDA_VISIBLE_DEVICES": "",
}


class WorkerFailed(Exception):
    """A worker said what went wrong, ended, or did not answer in time."""


class Child:
    """One worker process. A context manager.

    Parameters
    ----------
    log
        Where all goes that the libraries print.
    cpu
        The processor that it runs on, and no other; -1 for any.
    """

    def __init__(self, python: Path, module: str, log: Path, cpu: int = -1) -> None:
        self._log = log
        reading, writing = os.pipe()
        self._replies = os.fdopen(reading, "rb", buffering=0)
        self._rest = b""
        command = [python, "-m", "benchmarks.peers.worker", str(writing), module, str(cpu)]
        environment = os.environ | ONE_THREAD | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'train'}"}
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=environment, pass_fds=[writing], stdin=subprocess.PIPE,
                stdout=file, stderr=file,
            )  # fmt: skip
        os.close(writing)

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def send(self, **command: object) -> None:
        """Give it a command. Raises WorkerFailed."""
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        try:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerFailed(self._end()) from None

    def receive(self, timeout_s: float) -> dict[str, Any]:
        """Return the answer to the command before. Raises WorkerFailed."""
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._rest:
            if not select.select([self._replies], [], [], max(0.0, deadline - time.monotonic()))[0]:
                self._process.kill()
                raise WorkerFailed(f"no answer for {timeout_s:.0f} s")
            chunk = self._replies.read(1 << 20)
            if not chunk:
                raise WorkerFailed(self._end())
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise WorkerFailed(reply["error"])
        return reply

    def ask(self, timeout_s: float = 120.0, **command: object) -> dict[str, Any]:
        """Send a command and wait for its answer. Raises WorkerFailed."""
        self.send(**command)
        return self.receive(timeout_s)

    def close(self) -> None:
        """End the process; may be called twice."""
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # what a process that died did not take
                self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._replies.close()

    def _end(self) -> str:
        code = self._process.wait()
        lines = self._log.read_text("utf-8", "replace").strip().splitlines()
        how = f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"its process was {how}" + (f"; its last line: {lines[-1][:200]}" if lines else "")

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
