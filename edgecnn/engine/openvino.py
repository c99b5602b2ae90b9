"""Intel's OpenVINO, which reads the same `.tflite` files: on x86-64, 64-bit Arm, and Intel's GPUs and NPUs.

https://docs.openvino.ai
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.engine import Engine
from edgecnn.engine.compiled import CompiledModels
from edgecnn.engine.interpreter import refuse_compiled
from edgecnn.errors import EngineError, ModelError, OptionError
from edgecnn.io.quiet import quiet_stderr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.engine import ModelData

# Its conversion tools send an event to Google Analytics when they are imported, and the package imports them.
# Nothing here needs them, and it does without where they are missing.
_TOOLS = "openvino.tools"
_blocked = sys.modules.setdefault(_TOOLS, None) is None  # type: ignore[arg-type]
try:
    import openvino
finally:
    if _blocked:
        del sys.modules[_TOOLS]

_DEVICE = re.compile(r"(cpu|(gpu|npu)(\.\d+)?)?")
# On a CPU: answers as soon as possible, in as many threads as were asked for, which may run on any core.
# Without the precision it computes float32 models in bfloat16 where the processor can.
_ON_CPU = {
    "PERFORMANCE_HINT": "LATENCY",
    "NUM_STREAMS": 1,
    "INFERENCE_PRECISION_HINT": "f32",
    "ENABLE_CPU_PINNING": False,
}
_DRIVERS = "a GPU or NPU needs Intel's driver for it: https://docs.openvino.ai"


class OpenVinoEngine(Engine):
    """One compiled model with one request.

    `openvino`, `openvino:cpu`, `openvino:gpu`, `openvino:gpu.1` and `openvino:npu` choose the device.
    """

    name = "openvino"
    version = importlib.metadata.version("openvino")

    def __init__(self, model: ModelData, spec: str, threads: int) -> None:
        refuse_compiled(model)
        try:
            with quiet_stderr():
                device = _device(spec.partition(":")[2])
                options = {**_ON_CPU, "INFERENCE_NUM_THREADS": threads} if device == "CPU" else {}
                compiled = _compile(model, device, options)
                self._request: Any = compiled.create_infer_request()
            self._places = model.places
            self._input = self._request.get_input_tensor(0)
            sizes = [self._request.get_output_tensor(place).size for place in self._places]
        except EngineError:
            raise
        except RuntimeError as error:
            raise ModelError(f"{model.name} was rejected by OpenVINO: {_reason(error)}") from error
        expected = [tensor.size for tensor in model.outputs]
        if sizes != expected:
            raise ModelError(
                f"{model.name} was rejected by OpenVINO: it gives {sizes} values, expected {expected}"
            )

    def invoke(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """Run the model once; see `Engine.invoke`."""
        if self._request is None:
            raise EngineError("the engine is closed: load the model again")
        image = self._input.data
        if tensor.shape != image.shape or tensor.dtype != image.dtype:
            raise EngineError(
                f"the tensor is {tensor.dtype} {tensor.shape}, expected {image.dtype} {image.shape}"
            )
        np.copyto(image, tensor)
        try:
            self._request.infer()
        except RuntimeError as error:
            raise EngineError(f"OpenVINO failed while it ran: {_reason(error)}") from error
        return self.read(0)

    def read(self, place: int) -> NDArray[Any]:
        """Return one of the outputs of the last `invoke`; see `Engine.read`."""
        if self._request is None:
            raise EngineError("the engine is closed: load the model again")
        output: NDArray[Any] = self._request.get_output_tensor(self._places[place]).data
        return output

    def close(self) -> None:
        """Release the model."""
        self._request = self._input = None


@cache
def _core() -> Any:
    """Return the library's one entry point, which loads what a device needs once."""
    return openvino.Core()


def _device(asked: str) -> str:
    """Return a device as OpenVINO names it.

    Raises OptionError for a name that is none, EngineError for one that is not here.
    """
    if not _DEVICE.fullmatch(asked):
        raise OptionError(f"openvino has no device {asked!r}; choose cpu, gpu, npu, or one by number: gpu.1")
    device = asked.upper() or "CPU"
    there = _core().available_devices
    if device not in there and not any(name.startswith(f"{device}.") for name in there):
        names = ", ".join(name.lower() for name in there)
        raise EngineError(f"openvino: there is no device {asked!r} here, only {names}; {_DRIVERS}")
    return device


def _compile(model: ModelData, device: str, options: dict[str, Any]) -> Any:
    """Compile a model for a device, or take what this machine compiled before."""
    core = _core()
    kept = CompiledModels("openvino")
    settings = sorted({**options, "device": core.get_property(device, "FULL_DEVICE_NAME")}.items())
    key = kept.key(model, OpenVinoEngine.version, device, *map(str, settings))
    if (blob := kept.get(key)) is not None:
        with suppress(RuntimeError):  # one that an update or another driver made useless
            return core.import_model(blob, device, options)
    compiled = core.compile_model(_read(core, model), device, options)
    with suppress(RuntimeError):  # a device that can't: it compiles each time
        kept.put(key, compiled.export_model().getvalue())
    return compiled


def _read(core: Any, model: ModelData) -> Any:
    """Return the graph of a model, with the shape that its first input was given."""
    # It takes no bytes, and no path that ends in anything else.
    try:
        with tempfile.TemporaryDirectory(prefix="edgecnn-") as folder:
            path = Path(folder) / "model.tflite"
            path.write_bytes(model.data)
            graph = core.read_model(path)
    except OSError as error:
        where = tempfile.gettempdir()
        raise EngineError(f"openvino: {where} can't be written ({error.strerror}): set TMPDIR") from error
    image = model.inputs[0]
    if graph.inputs[0].partial_shape != openvino.PartialShape(list(image.shape)):
        graph.reshape({graph.inputs[0]: openvino.PartialShape(list(image.shape))})
    return graph


def _reason(error: RuntimeError) -> str:
    """Return the last line of a message, which has the reason; those before it name source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else "it gives no reason"
