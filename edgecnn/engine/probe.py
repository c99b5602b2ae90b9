"""Tries a model in a child process first, so that a crash or a hang there is an error message here."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.engine.child import Process
from edgecnn.errors import EngineError, EngineLost, ModelError
from edgecnn.io.cache import Cache
from edgecnn.io.printable import printable

if TYPE_CHECKING:
    from edgecnn.engine import ModelData

# For opening a model and running it once, which takes well below a second where it can be used live.
PROBE_S = 8.0
MEMORY_BYTES = 1 << 30
LONGEST_REASON = 500


def try_in_child(model: ModelData, spec: str, threads: int) -> None:
    """Open a model in a child process, which may allocate a gigabyte, and run it once on zeros.

    Raises
    ------
    EngineLost
        Where the child crashed, or took longer than eight seconds.
    EdgeCnnError
        An error of the engine about the model.
    """
    began = time.monotonic()
    try:
        child = Process(spec, quiet=True)
    except OSError as error:
        raise EngineError(f"the engine's process can't be started: {error.strerror}") from error
    try:
        child.open(spec, model, threads, PROBE_S, MEMORY_BYTES)
        zeros = np.zeros(model.inputs[0].shape, model.inputs[0].dtype)
        child.invoke(zeros, max(1.0, PROBE_S - (time.monotonic() - began)))
    finally:
        child.end()


def require_sound(model: ModelData, spec: str, threads: int) -> None:
    """Try a bare model file in a child process, the first time that this machine sees it.

    The result is cached by the file's hash and the engine.

    Raises
    ------
    ModelError
        Where the engine crashed or hung; it is not tried again.
    EdgeCnnError
        An error of the engine about the model.
    """
    from edgecnn.engine import engine_version

    cache = Cache("verdicts")
    name = spec.partition(":")[0]
    key = f"{hashlib.sha256(model.data).hexdigest()} {name} {engine_version(name)}"
    verdict = _remembered(cache.get(key))
    if verdict is None:
        try:
            try_in_child(model, spec, threads)
            verdict = {"sound": True}
        except EngineLost as error:
            verdict = {"sound": False, "reason": str(error)}
        cache.put(key, verdict)
    if not verdict["sound"]:
        kept = f" (remembered in {cache.path})" if cache.path else ""
        raise ModelError(
            f"{model.name} is not opened here, since it was tried in a child process and {verdict['reason']}"
            f"{kept}: download or convert it again"
        )


def _remembered(kept: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a cached result as this program writes it; None for anything else, which is tried again."""
    match kept:
        case {"sound": True}:
            return {"sound": True}
        case {"sound": False, "reason": str(reason)}:
            return {"sound": False, "reason": printable(reason[:LONGEST_REASON])}
    return None
