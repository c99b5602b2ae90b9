"""Google's LiteRT, the successor of tflite-runtime; XNNPACK runs its int8 and float kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ai_edge_litert
from ai_edge_litert.interpreter import Interpreter

from edgecnn.engine.interpreter import InterpreterEngine, refuse_compiled

if TYPE_CHECKING:
    from edgecnn.engine import ModelData


class LitertEngine(InterpreterEngine):
    """One LiteRT interpreter."""

    name = "litert"
    version = ai_edge_litert.__version__
    forks = True  # with one thread

    def __init__(self, model: ModelData, spec: str, threads: int) -> None:  # noqa: ARG002 - it has no options
        refuse_compiled(model)
        super().__init__(Interpreter, "LiteRT", model, threads)
