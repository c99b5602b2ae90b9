"""The predecessor of LiteRT: 2.14 of 2023 is its last version, for Python up to 3.11."""

from __future__ import annotations

import importlib.metadata
import platform
from typing import TYPE_CHECKING

import numpy as np
from tflite_runtime.interpreter import Interpreter

from edgecnn.engine.interpreter import InterpreterEngine, refuse_compiled
from edgecnn.errors import EngineError

if TYPE_CHECKING:
    from edgecnn.engine import ModelData

if int(np.__version__.partition(".")[0]) > 1:
    # It would fail with a SystemError when the first model is opened.
    raise ImportError(f"it was built for numpy 1, and numpy {np.__version__} is installed")

_X86 = ("x86_64", "amd64", "i686", "i386")


class TfliteRuntimeEngine(InterpreterEngine):
    """One interpreter of tflite-runtime."""

    name = "tflite-runtime"
    version = importlib.metadata.version("tflite-runtime")
    forks = True  # with one thread

    def __init__(self, model: ModelData, spec: str, threads: int) -> None:  # noqa: ARG002 - it has no options
        refuse_compiled(model)
        try:
            super().__init__(Interpreter, self.name, model, threads)
        except SystemError as error:
            raise EngineError(f"{self.name} {self.version} does not work here: {error}") from error
        self.warning = f"{self.name} {self.version} is old and gets no repairs: --engine litert succeeds it"
        if model.inputs[0].dtype != "float32" and platform.machine().lower() in _X86:
            self.warning = (
                f"{self.name} {self.version} runs int8 on this processor without its fast kernels: 4 to 18 "
                "times slower than --engine litert, and slower than its own float32"
            )
