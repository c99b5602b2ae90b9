"""`edgecnn teach` as a process of its own, driven over HTTP; for measurements and tests."""

from __future__ import annotations

import http.client
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgecnn.teaching.web.pages import BASE

PATIENCE_S = 60.0
# The server ends connections that are idle for five seconds.
IDLE_S = 2.0
# Takes the arguments of the command and a file for what it prints; returns the process ID.
Start = Callable[[list[str], Path], int]


def start_command(arguments: list[str], output: Path) -> int:
    """Start the real command; return its process ID."""
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "edgecnn", *arguments],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    process.returncode = 0  # `Teaching` waits for it
    return process.pid


class Refused(Exception):
    """An answer other than 200: the status and the line."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status, text)
        self.status, self.text = status, text


class Client:
    """One connection to the HTTP API; use it from one thread."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        self._used_s = 0.0

    def get(self, path: str) -> Any:
        """Return the answer to a GET. Raises Refused, and OSError or HTTPException where it is gone."""
        return json.loads(self._ask("GET", f"{BASE}/{path}", None))

    def status(self) -> Any:
        """Return the status of the live run."""
        return json.loads(self._ask("GET", "/api/v1/status", None))

    def post(self, path: str, /, **body: Any) -> Any:
        """Return the answer to a POST with a JSON body."""
        return json.loads(self._ask("POST", f"{BASE}/{path}", json.dumps(body).encode()))

    def upload(self, label: str, data: bytes, name: str = "") -> str:
        """Add a photo; return its id."""
        answer = self._ask("POST", f"{BASE}/photos/add?label={label}&name={name}", data)
        found: str = json.loads(answer)["id"]
        return found

    def _ask(self, method: str, path: str, body: bytes | None) -> bytes:
        if time.monotonic() - self._used_s > IDLE_S:
            self._connection.close()  # the next request opens it again
        self._connection.request(method, path, body)
        answer = self._connection.getresponse()
        data = answer.read()
        self._used_s = time.monotonic()
        if answer.status != 200:
            raise Refused(answer.status, data.decode())
        return data

    def close(self) -> None:
        self._connection.close()


class Teaching:
    """A teaching run in a process of its own. A context manager, which kills it.

    Parameters
    ----------
    folder
        The photos.
    output
        A file for what it prints.
    options
        Further options of the command.
    start
        Starts a command, see `start_command`.
    scene
        Options of the synthetic camera.
    """

    def __init__(
        self, folder: Path, output: Path, *options: str, start: Start = start_command, **scene: object
    ) -> None:
        self._folder, self.output = folder, output
        output.unlink(missing_ok=True)
        source = ",".join(f"{key}={value}" for key, value in {"scene": "things", "fps": 30, **scene}.items())
        arguments = ["teach", str(folder), "--port", "0", "--source", f"synthetic:{source}", *options]
        self.pid = start(arguments, output)
        self._handle = os.pidfd_open(self.pid)
        self._clients: list[Client] = []
        self.port = self._find_port()

    def _find_port(self) -> int:
        end = time.monotonic() + PATIENCE_S
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)/", self.said())):
            if time.monotonic() > end or self._ended(0):
                raise RuntimeError(f"edgecnn teach did not start: {self.said()}")
            time.sleep(0.01)
        return int(found[1])

    def said(self) -> str:
        """Return what it has printed."""
        with suppress(FileNotFoundError):
            return self.output.read_text()
        return ""

    def client(self) -> Client:
        """Open a connection."""
        self._clients.append(Client(self.port))
        return self._clients[-1]

    def wait_for_frame(self) -> None:
        """Wait until the camera's first frame is classified."""
        client, end = self.client(), time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            with suppress(Refused):
                client.status()
                return
            time.sleep(0.01)
        raise RuntimeError(f"edgecnn teach classified nothing: {self.said()}")

    def kill(self) -> None:
        """Kill it, and wait for its end."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        self._ended(PATIENCE_S)
        end = time.monotonic() + PATIENCE_S
        while self._children() and time.monotonic() < end:
            time.sleep(0.002)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def _children(self) -> list[Path]:
        """Return the processes that it started, which end a moment later."""
        started = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if f'{self._folder}"'.encode() in (process / "cmdline").read_bytes():
                    started.append(process)
        return started

    def _ended(self, seconds: float) -> bool:
        return bool(select.select([self._handle], [], [], seconds)[0])

    def __enter__(self) -> Teaching:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for client in self._clients:
            client.close()
        os.close(self._handle)
