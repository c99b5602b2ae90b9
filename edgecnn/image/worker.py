"""Decodes untrusted images in a child process, with limits of time and memory.

Run as `python -m edgecnn.image.worker FD BYTES` this module is that process. A request is the file's bytes,
the answer the pixels: for 640×480 that takes about a millisecond more than decoding here. The answer is not
trusted more than the file: it is a size and that many bytes.
"""

from __future__ import annotations

import json
import math
import resource
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.errors import DecoderClosed, ImageError
from edgecnn.image.header import check_claim, read_claim
from edgecnn.io.closing import Closing
from edgecnn.machine.child_process import ChildProcess, end_with_parent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgecnn.bundle.input_spec import Background

# Importing Python and OpenCV from a Raspberry Pi's cold SD card is slow.
START_S = 60.0
LIMIT_S = 2.0
# Memory of the process in addition to the image, after it has started.
_OWN_MEMORY = 64 << 20
_LENGTH = 4
_MOST_HEAD = 1 << 16


class ImageWorker(Closing):
    """Decodes in a child process, which is started at the first image and kept; a context manager.

    A process that exceeds a limit or crashes is replaced. Threads may share a worker: it decodes one image at
    a time.

    Parameters
    ----------
    megapixels, memory
        The most megapixels of an image, and the most bytes of memory for decoding it.
    background
        The default background of transparent images.
    """

    def __init__(self, megapixels: float, memory: int, background: Background = "white") -> None:
        self._background = background
        self._limits = {"megapixels": megapixels, "memory": memory}
        self._memory = memory
        self._turn = threading.Lock()
        self._process: _Process | None = None
        self._closed = False

    def decode(
        self,
        data: bytes | bytearray,
        source: str,
        *,
        reduce: int = 1,
        background: Background | None = None,
        limit_s: float = LIMIT_S,
        processor_s: float = LIMIT_S,
    ) -> NDArray[np.uint8]:
        """Decode an image, uint8 H×W×3 BGR; see `edgecnn.image.file.decode_image`.

        Parameters
        ----------
        limit_s, processor_s
            The time limit by the clock, and that of processor time, which other programs do not affect.

        Raises
        ------
        ImageError
            Where it is damaged, too large, or exceeds a limit.
        """
        asked = {**self._limits, "bytes": len(data), "source": source[:1000], "reduce": reduce}
        asked |= {"processor_s": processor_s, "background": background or self._background}
        with self._turn:
            process = self._running(source)
            try:
                return process.ask(asked, data, limit_s)
            except ImageError:
                raise
            except TimeoutError:
                self._replace()
                raise _too_slow(source, limit_s) from None
            except (OSError, ValueError) as error:
                how = process.ended()
                self._replace()
                if self._closed:
                    raise DecoderClosed(f"{source} was not fully decoded: the decoder is closed") from error
                if how.endswith(signal.SIGXCPU.name):
                    raise _too_slow(source, processor_s) from None
                raise ImageError(f"{source} can't be decoded: the process that tried to {how}") from error
            except BaseException:
                self._replace()  # interrupted: its answer would be read as that of the next image
                raise

    def _running(self, source: str) -> _Process:
        """Return a process that is ready for an image."""
        try:
            if self._closed:
                raise DecoderClosed(f"{source} can't be decoded: this decoder is closed")
            if self._process is None:
                self._process = _Process(self._memory)
            self._process.wait_until_ready()
        except OSError as error:
            process, self._process = self._process, None
            if process is not None:
                process.end()
            reason = error.strerror or error
            raise ImageError(
                f"{source} can't be decoded: no process can be started to decode it: {reason}"
            ) from error
        return self._process

    def _replace(self) -> None:
        """End the process and start another one, so that the next image waits less."""
        process, self._process = self._process, None
        if process is not None:
            process.end()
        if not self._closed:
            with suppress(OSError):  # the next image reports it
                self._process = _Process(self._memory)

    def close(self) -> None:
        """End the process, also while it decodes; may be called twice."""
        self._closed = True
        if process := self._process:
            process.kill()
        with self._turn:
            if self._process is not None:
                self._process.end()
            self._process = None


def _too_slow(source: str, limit_s: float) -> ImageError:
    return ImageError(
        f"{source} took longer than {limit_s:.3g} s to decode: make it smaller, or save it as a baseline JPEG"
    )


class _Process(ChildProcess):
    """The child and the socket to it."""

    def __init__(self, memory: int) -> None:
        self._socket, theirs = socket.socketpair()
        # A thread of OpenBLAS reserves more memory than most images take.
        environment = {"OPENBLAS_NUM_THREADS": "1"}
        try:
            super().__init__(
                "edgecnn.image.worker", theirs.fileno(), str(int(memory)), environment=environment, quiet=True
            )
        except BaseException:
            self._socket.close()
            raise
        finally:
            theirs.close()
        self._ready = False

    def wait_until_ready(self) -> None:
        """Wait until it accepts images. Raises OSError."""
        if not self._ready:
            self._socket.settimeout(START_S)
            if not self._socket.recv(1):
                raise OSError(f"it {self.ended()}")
            self._ready = True

    def ask(self, asked: dict[str, Any], data: bytes | bytearray, limit_s: float) -> NDArray[np.uint8]:
        """Decode an image. Raises TimeoutError, OSError or ValueError where it does not answer."""
        import numpy as np

        deadline = time.monotonic() + limit_s
        self._socket.settimeout(limit_s)
        _send(self._socket, asked, data)
        answer = _receive_head(self._socket, deadline)
        if "error" in answer:
            raise ImageError(str(answer["error"]))
        height, width = (int(n) for n in answer["shape"])
        if not (height > 0 and width > 0 and height * width <= asked["megapixels"] * 1_000_000):
            raise ValueError(f"an image of {width}×{height}")
        pixels = np.empty((height, width, 3), np.uint8)
        _receive_into(self._socket, pixels.data.cast("B"), deadline)
        return pixels

    def end(self) -> None:
        """Kill it, and close the socket."""
        super().end()
        self._socket.close()


def _send(channel: socket.socket, head: dict[str, Any], body: Any = b"") -> None:
    """Send JSON with its length, then the body."""
    text = json.dumps(head).encode()
    channel.sendall(len(text).to_bytes(_LENGTH, "big") + text)
    channel.sendall(body)


def _receive_head(channel: socket.socket, deadline: float | None) -> dict[str, Any]:
    """Receive the JSON of `_send`. Raises OSError at the end, ValueError for anything else."""
    length = bytearray(_LENGTH)
    _receive_into(channel, memoryview(length), deadline)
    text = bytearray(min(int.from_bytes(length, "big"), _MOST_HEAD))
    _receive_into(channel, memoryview(text), deadline)
    head = json.loads(text)
    if not isinstance(head, dict):
        raise ValueError(f"{type(head).__name__}, expected an object")
    return head


def _receive_into(channel: socket.socket, view: memoryview, deadline: float | None) -> None:
    """Fill the bytes. Raises TimeoutError at the deadline, EOFError at the end."""
    while view:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            channel.settimeout(left)
        count = channel.recv_into(view)
        if not count:
            raise ConnectionResetError("it ended")
        view = view[count:]


def _serve(channel: socket.socket, memory: int) -> None:
    """In the child process: answer requests until the other end closes."""
    import cv2
    import numpy as np

    from edgecnn.image.decode import decode_checked

    cv2.setNumThreads(1)
    cv2.imdecode(np.zeros(1, np.uint8), cv2.IMREAD_COLOR)
    _limit(memory)
    channel.sendall(b"!")
    while True:
        asked = _receive_head(channel, None)
        data = bytearray(asked["bytes"])
        _receive_into(channel, memoryview(data), None)
        source, reduce = asked["source"], asked["reduce"]
        try:
            claim = read_claim(data, source, reduce)
            check_claim(claim, len(data), source, asked["megapixels"], asked["memory"])
            _limit_processor(asked["processor_s"])
            pixels = decode_checked(
                data, source, claim.alpha, quiet=False, reduce=reduce, background=asked["background"]
            )
        except ImageError as error:
            _send(channel, {"error": str(error)})
            continue
        _send(channel, {"shape": pixels.shape[:2]}, pixels.data.cast("B"))
        del data, pixels


def _limit_processor(seconds: float) -> None:
    """Set the processor time after which the system ends this process, in whole seconds from now."""
    used = time.process_time()
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    most = math.ceil(used + seconds)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_CPU, (most, hard))


def _limit(memory: int) -> None:
    """Limit this process to the memory of an image, and let the system kill it first without memory."""
    with suppress(OSError, ValueError):
        status = Path("/proc/self/status").read_text("utf-8")
        held = int(status.partition("VmData:")[2].split()[0]) << 10
        most = held + memory + _OWN_MEMORY
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", "utf-8")


if __name__ == "__main__":
    end_with_parent()
    with suppress(EOFError, OSError):
        _serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
