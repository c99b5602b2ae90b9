"""An engine in a child process, which is killed when an invoke takes too long, and may crash on its own.

Run as `python -m edgecnn.engine.child FD ENGINE` this module is that process. A tensor goes through a pipe
and all outputs come back in one reply, which costs about a tenth of a millisecond for small images.
"""

from __future__ import annotations

import resource
import sys
import time
from collections import deque
from contextlib import suppress
from itertools import accumulate
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from edgecnn.engine import Engine, engine_version, open_engine
from edgecnn.errors import EdgeCnnError, EngineError, EngineLost, EngineRestarted
from edgecnn.machine.child_process import ChildProcess, end_with_parent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.engine import ModelData

# An interpreter that starts from a Raspberry Pi's cold SD card takes its time.
START_S = OPEN_S = 60.0
MOST_RESTARTS, WITHIN_S = 5, 60.0
# In front of every reply; eight bytes keep the output behind them aligned.
_FINE, _FAILED = b"output: ", b"failed: "


class Process(ChildProcess):
    """The child and the pipe to it; it imports the engine of `spec`. A `quiet` one's stderr goes nowhere."""

    def __init__(self, spec: str, *, quiet: bool = False) -> None:
        self.pipe, theirs = Pipe()
        try:
            super().__init__("edgecnn.engine.child", theirs.fileno(), spec, quiet=quiet)
        except BaseException:
            self.pipe.close()
            raise
        finally:
            theirs.close()

    def end(self) -> None:
        """Kill it, and close the pipe."""
        super().end()
        self.pipe.close()

    def open(
        self, spec: str, model: ModelData, threads: int, limit_s: float, most_bytes: int = 0
    ) -> tuple[str, bool]:
        """Have it open an engine, once it has started itself; return the engine's `name`, and its `reads`.

        Parameters
        ----------
        limit_s
            How long opening may take.
        most_bytes
            What it may allocate; 0 for no limit.

        Raises
        ------
        EngineLost
            Where it takes longer, or ends.
        EdgeCnnError
            What the engine says of the model.
        """
        try:
            if not self.pipe.poll(START_S):
                raise EngineError(f"the engine's process did not start in {START_S:.0f} s")
            self.pipe.recv()
            self.pipe.send((spec, model, threads, most_bytes))
            if not self.pipe.poll(limit_s):
                raise EngineLost(f"the engine's process did not open the model in {limit_s:.0f} s")
            reply: tuple[str, bool] | EdgeCnnError = self.pipe.recv()
        except (EOFError, ConnectionError) as error:
            raise EngineLost(f"the engine's process {self.ended()} while it started") from error
        if isinstance(reply, EdgeCnnError):
            raise reply
        return reply

    def invoke(self, tensor: NDArray[Any], limit_s: float) -> bytes:
        """Have it run the model, and return its reply.

        Raises EngineLost where it takes longer than `limit_s`, or ends.
        """
        try:
            self.pipe.send_bytes(tensor.tobytes())
            if self.pipe.poll(limit_s):
                return self.pipe.recv_bytes()
        except (EOFError, OSError) as error:
            raise EngineLost(f"the engine's process {self.ended()} while it ran") from error
        raise EngineLost(f"inference took longer than {limit_s * 1e3:g} ms")


class ChildEngine(Engine):
    """Runs another engine in a child process, and starts it again when it overruns or crashes.

    Parameters
    ----------
    spec, threads
        As `open_engine` takes them.
    deadline_ms
        How long an invoke may take.
    """

    def __init__(self, model: ModelData, spec: str, threads: int, deadline_ms: float) -> None:
        self._asked = spec, model, threads
        self._deadline_ms = deadline_ms
        self._input, self._outputs = model.inputs[0], model.outputs
        sizes = [np.dtype(t.dtype).itemsize * t.size for t in model.outputs]
        # Where each output begins in a reply.
        self._starts = [len(_FINE), *(len(_FINE) + end for end in accumulate(sizes))]
        self._reply: bytes | None = None
        self._restarts: deque[float] = deque(maxlen=MOST_RESTARTS)
        self._process: Process | None = None
        name, self._reads = self._start()
        self.name = f"{name} in a child process"

    def invoke(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """Run the model once; see `Engine.invoke`.

        Raises
        ------
        EngineRestarted
            Where it took too long or crashed; the next call has a new process.
        EngineError
            Where that happened more than five times within a minute.
        """
        if self._process is None:
            raise EngineError("the engine is closed: load the model again")
        if tensor.shape != tuple(self._input.shape) or tensor.dtype != self._input.dtype:
            raise EngineError(
                f"the tensor is {tensor.dtype} {tensor.shape}, "
                f"expected {self._input.dtype} {tuple(self._input.shape)}"
            )
        self._reply = None
        try:
            reply = self._process.invoke(tensor, self._deadline_ms / 1e3)
        except EngineLost as error:
            self._restart(str(error))
        except BaseException:
            self.close()  # interrupted: the answer would be taken for that of the next image
            raise
        if reply.startswith(_FAILED):
            raise EngineError(reply.removeprefix(_FAILED).decode())
        self._reply = reply
        return self.read(0)

    def read(self, place: int) -> NDArray[Any]:
        """Return one of the outputs of the last `invoke`; see `Engine.read`."""
        if self._reply is None:
            raise EngineError("the model has not run yet, or its last run failed: there is no output to read")
        if place and not self._reads:
            return super().read(place)
        tensor = self._outputs[place]
        values = np.frombuffer(self._reply, tensor.dtype, tensor.size, self._starts[place])
        return values.reshape(tensor.shape)

    @property
    def reads(self) -> bool:
        """Whether the engine in the process gives outputs besides the first one."""
        return self._reads

    def close(self) -> None:
        """End the process; may be called twice."""
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def _start(self) -> tuple[str, bool]:
        """Start the process, and return the engine's `name` and `reads` once it is open."""
        try:
            process = self._process = Process(self._asked[0])
        except OSError as error:
            raise EngineError(f"the engine's process can't be started: {error.strerror}") from error
        try:
            return process.open(*self._asked, OPEN_S)
        except BaseException:
            self.close()
            raise

    def _restart(self, reason: str) -> NoReturn:
        now = time.monotonic()
        spent = len(self._restarts) == MOST_RESTARTS and now - self._restarts[0] < WITHIN_S
        self._restarts.append(now)
        self.close()
        if spent:
            raise EngineError(
                f"{reason}, for the {MOST_RESTARTS + 1}th time within a minute: set a longer --deadline, "
                "or take a smaller model"
            )
        self._start()
        raise EngineRestarted(f"{reason}; it was started again, and the frame is left out")


def _serve(pipe: Connection, engine_spec: str) -> None:
    """Be the child process: open the engine that is asked for, and answer until the other end closes."""
    engine_version(engine_spec)  # imports it: a cold SD card is not the model's fault
    pipe.send("started")
    spec, model, threads, most_bytes = pipe.recv()
    if most_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (most_bytes, most_bytes))
    try:
        engine = open_engine(spec, model, threads, probed=True)
    except EdgeCnnError as error:
        pipe.send(error)
        return
    pipe.send((engine.name, engine.reads))
    image = model.inputs[0]
    others = range(1, len(model.outputs)) if engine.reads else ()
    with engine:
        while True:
            tensor = np.frombuffer(pipe.recv_bytes(), image.dtype).reshape(image.shape)
            try:
                first = engine.invoke(tensor).tobytes()
                reply = b"".join([_FINE, first, *(engine.read(k).tobytes() for k in others)])
            except EngineError as error:
                reply = _FAILED + str(error).encode()
            pipe.send_bytes(reply)


if __name__ == "__main__":
    end_with_parent()
    with suppress(EOFError, OSError):
        _serve(Connection(int(sys.argv[1])), sys.argv[2])
