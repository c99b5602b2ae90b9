"""The Raspberry Pi's own camera through `rpicam-vid`, for a Python that can't see picamera2."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

from edgecnn.camera.pi import PiSource
from edgecnn.errors import CameraError, ImageError
from edgecnn.frame import Frame
from edgecnn.image.file import decode_reduced
from edgecnn.image.header.jpeg import jpeg_end
from edgecnn.machine.rpicam import PROGRAMS, find_program

if TYPE_CHECKING:
    from edgecnn.camera import Mode

_MOST_BYTES = 32 << 20


class RpicamCamera(PiSource):
    """`rpicam[:N]`: a child process that writes JPEG images to a pipe; N is the camera's number."""

    def __init__(self, source: str = "rpicam", mode: Mode | None = None) -> None:
        super().__init__(source, mode)
        program = find_program()
        if program is None:
            raise CameraError(f"{source}: {PROGRAMS[0]} is not installed: sudo apt install rpicam-apps-lite")
        mode = self._mode
        command = [
            program, "--camera", str(self._number), "--nopreview", "--timeout", "0", "--codec", "mjpeg",
            "--width", str(mode.width), "--height", str(mode.height), "--flush", "--output", "-",
            "--verbose", "0",  # errors only: else a line for every frame
        ]  # fmt: skip
        if mode.fps:
            command += ["--framerate", f"{mode.fps:g}"]
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        try:
            child = self._child = subprocess.Popen(  # noqa: S603 - no shell, and the program's own path
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._said, bufsize=0,
                start_new_session=True,  # a Ctrl-C in the terminal is for us
            )  # fmt: skip
        except OSError as error:
            self._said.close()
            raise CameraError(f"{source}: {program} can't be started: {error.strerror}") from error
        assert child.stdout is not None  # noqa: S101 - it is a pipe
        self._pipe = child.stdout
        self._buffer = b""
        self._captured_ns = 0
        self._least: int | None = None
        # Without a camera the program starts, and ends.
        self._wait_for_first()
        self._granted += f" MJPEG, by {os.path.basename(program)}"  # noqa: PTH119

    def need(self, side: int | None, *, whole: bool = False) -> None:
        """Decode frames no larger than needed."""
        self._least = None if whole else side

    def interrupt(self) -> None:
        """End the program, and with it a wait for its next frame."""
        self._child.terminate()

    def close(self) -> None:
        """End the program; may be called twice."""
        if self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(2)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        self._pipe.close()
        self._said.close()

    def _next(self, patience: float) -> Frame:
        deadline = time.monotonic() + patience
        while True:
            jpeg, captured = self._take(deadline, patience)
            index, self._index = self._index, self._index + 1
            with contextlib.suppress(ImageError):
                image, encoded = decode_reduced(jpeg, self.name, self._least, quiet=False)
                return Frame(image, captured, index, self.name, encoded=encoded)

    def _take(self, deadline: float, patience: float) -> tuple[bytes, int]:
        """Return the newest whole JPEG file of the pipe and when its last bytes were read."""
        while (end := jpeg_end(self._buffer)) is None:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._pipe], [], [], left)[0]:
                raise CameraError(f"{self.name} gave no frame for {patience:g} s{self._last_words()}")
            chunk = self._pipe.read(1 << 20)
            self._captured_ns = time.monotonic_ns()
            if not chunk:
                self._child.wait()
                raise CameraError(f"{self.name} ended{self._last_words()}")
            # An image begins with its marker; bytes before it are the rest of a truncated one.
            self._buffer = self._buffer + chunk
            self._buffer = self._buffer[max(0, self._buffer.find(b"\xff\xd8")) :]
            if len(self._buffer) > _MOST_BYTES:
                raise CameraError(f"{self.name} writes something else than JPEG images")
        jpeg, self._buffer = self._buffer[:end], self._buffer[end:]
        while (end := jpeg_end(self._buffer)) is not None:
            jpeg, self._buffer = self._buffer[:end], self._buffer[end:]
            self._index += 1  # one frame was skipped
        return jpeg, self._captured_ns

    def _last_words(self) -> str:
        """Return the last line that the program wrote to stderr, as the end of a message."""
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - 4096))
        lines = self._said.read().decode("utf-8", "replace").split("\n")
        words = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f": {words}" if words else ""
