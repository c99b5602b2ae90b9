"""The common part of all TensorFlow Lite interpreters for Python."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from edgecnn.engine import EDGE_TPU, ETHOS_U, Engine
from edgecnn.errors import EngineError, ModelError
from edgecnn.io.quiet import quiet_stderr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from edgecnn.engine import ModelData


class InterpreterEngine(Engine):
    """One interpreter, built once and used for every image.

    Parameters
    ----------
    maker
        The package's `Interpreter`.
    called
        Its name in messages.
    delegates
        Libraries that run parts of the graph elsewhere.
    """

    def __init__(
        self, maker: Any, called: str, model: ModelData, threads: int, delegates: Sequence[Any] = ()
    ) -> None:
        self._called = called
        try:
            # The bytes, not the path: a mapped file that is replaced kills the process.
            with quiet_stderr():
                self._interpreter: Any = maker(
                    model_content=model.data, num_threads=threads, experimental_delegates=list(delegates)
                )
                place = self._interpreter.get_input_details()[0]["index"]
                shape = model.inputs[0].shape
                if tuple(self._interpreter.get_input_details()[0]["shape"].tolist()) != shape:
                    self._interpreter.resize_tensor_input(place, shape)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, UnicodeDecodeError, SystemError) as error:
            reason = " ".join(str(error).split())
            raise ModelError(f"{model.name} was rejected by {called}: {reason}") from error
        self._input = place
        details = self._interpreter.get_output_details()
        self._outputs = [details[place]["index"] for place in model.places]
        self._sizes = [math.prod(tensor.shape) for tensor in model.outputs]

    def invoke(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """Run the model once; see `Engine.invoke`."""
        if self._interpreter is None:
            raise EngineError("the engine is closed: load the model again")
        try:
            self._interpreter.set_tensor(self._input, tensor)
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise self._failed(error) from error
        return self.read(0)

    def read(self, place: int) -> NDArray[Any]:
        """Return one of the outputs of the last `invoke`; see `Engine.read`."""
        if self._interpreter is None:
            raise EngineError("the engine is closed: load the model again")
        try:
            output: NDArray[Any] = self._interpreter.get_tensor(self._outputs[place])
        except (ValueError, RuntimeError) as error:
            raise self._failed(error) from error
        # The interpreter computes the shapes again, whatever the file says.
        if output.size != self._sizes[place]:
            raise EngineError(
                f"the model gave {output.size:,} {'values' if place else 'scores'}, expected "
                f"{self._sizes[place]:,} as its file says: it can't be used here"
            )
        return output

    def _failed(self, error: Exception) -> EngineError:
        return EngineError(f"{self._called} failed while it ran: {' '.join(str(error).split())}")

    def close(self) -> None:
        """Release the interpreter and its threads."""
        self._interpreter = None


def refuse_compiled(model: ModelData) -> None:
    """Raise ModelError for a model that only an Edge TPU or an Ethos-U can run."""
    if model.compiled_for == ETHOS_U:
        raise ModelError(
            f"{model.name} was compiled for Arm's Ethos-U by Vela, and runs only there, in TensorFlow Lite "
            "Micro: use the file that it was compiled from; `edgecnn models export --c-array` takes this one"
        )
    if model.compiled_for == EDGE_TPU:
        raise ModelError(
            f"{model.name} was compiled for the Edge TPU and can't run on a CPU: "
            "use the file that it was compiled from"
        )
