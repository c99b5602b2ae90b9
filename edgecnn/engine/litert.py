"""Google's LiteRT, the living successor of tflite-runtime; XNNPACK runs its int8 and float kernels."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

from ai_edge_litert.interpreter import Interpreter

from edgecnn.engine import Engine
from edgecnn.errors import EngineError, ModelError
from edgecnn.quiet import quiet_stderr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.bundle import Model


class LitertEngine(Engine):
    """One LiteRT interpreter, built once and used for every picture."""

    name = "litert"

    def __init__(self, model: Model, spec: str, threads: int) -> None:  # noqa: ARG002 - it has no options
        if model.file.edge_tpu:
            raise ModelError(
                f"{model.name} was compiled for the Edge TPU and can't run on a CPU: "
                "use the file that it was compiled from"
            )
        try:
            # The bytes, not the path: a mapped file that is replaced kills the process.
            with quiet_stderr():
                self._interpreter: Any = Interpreter(model_content=model.data, num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())
            raise ModelError(f"{model.name} was rejected by LiteRT: {reason}") from error
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def invoke(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """Run the model once; see `Engine.invoke`."""
        if self._interpreter is None:
            raise EngineError("the engine is closed: load the model again")
        try:
            self._interpreter.set_tensor(self._input, tensor)
            self._interpreter.invoke()
            output: NDArray[Any] = self._interpreter.get_tensor(self._output)
        except (ValueError, RuntimeError) as error:
            raise EngineError(f"LiteRT failed while it ran: {' '.join(str(error).split())}") from error
        return output

    def close(self) -> None:
        """Release the interpreter and its threads."""
        if self._interpreter is not None:
            self._interpreter = None
            gc.collect()
