"""Engines run a model. The table names them; a module is imported when its engine is chosen."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from edgecnn.errors import EngineError, EngineLost, ModelError, OptionError
from edgecnn.io.closing import Closing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.bundle.bundle import Model

__all__ = [
    "ENGINES",
    "MAX_THREADS",
    "Engine",
    "choice",
    "edgetpu",
    "interpreter",
    "open_engine",
    "probe",
    "threads",
]


class Engine(Closing, Protocol):
    """Runs one model in one thread at a time; whoever opened it closes it.

    Attributes
    ----------
    name, version
        What it is called, and the version of what it runs on; "" where it has none.
    risky
        What to do where opening it crashed or hung; "" for one that never does.
    warning
        What whoever uses it here should know; "" for nothing.
    passed_over
        For one that was chosen by `auto`: the other engines, each with the reason why it was not.
    """

    name: str
    version: str = ""
    risky: str = ""
    warning: str = ""
    passed_over: tuple[str, ...] = ()

    def invoke(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """Run the model.

        Takes the input tensor in exactly the model's shape and dtype and returns the raw output tensor,
        which the next call may overwrite. Raises EngineError.
        """
        ...

    def close(self) -> None:
        """Release the model; may be called twice."""
        return


class Entry(NamedTuple):
    """Where an engine lives and how to install what it needs."""

    module: str
    factory: str
    install: str


ENGINES = {
    "edgetpu": Entry("edgecnn.engine.edgetpu", "EdgeTpuEngine", "pip install ai-edge-litert"),
    "litert": Entry("edgecnn.engine.litert", "LitertEngine", "pip install ai-edge-litert"),
    "tflite-runtime": Entry(
        "edgecnn.engine.tflite_runtime",
        "TfliteRuntimeEngine",
        "python3.11 -m pip install 'edgecnn[tflite-runtime]'",
    ),
    "fake": Entry("edgecnn.engine.fake", "FakeEngine", ""),
}
# LiteRT starts as many as it is told, and crashes where the system has no more.
MAX_THREADS = 256
# In this order; each but the last says why it would be passed over although it works.
AUTO = {"edgetpu": "", "litert": "", "tflite-runtime": "older and slower"}


def open_engine(
    spec: str, model: Model, threads: int = 1, deadline_ms: float | None = None, *, probed: bool = False
) -> Engine:
    """Open an engine for a model.

    Parameters
    ----------
    spec
        `auto`, or an engine's name with its options, such as `fake:delay_ms=5`. A named engine never falls
        back to another one.
    deadline_ms
        How long an invoke may take: the engine then runs in a child process, which is killed and started
        again when it takes longer. None for no limit, in this process.
    probed
        Whether a crash is no harm, or ruled out: else a risky engine is tried in a child process first.

    Raises
    ------
    OptionError
        For a name that is not in the table, or a number of threads out of range.
    EngineError
        Where no engine can be opened, with each one's reason.
    ModelError
        Where the engine rejects the model.
    """
    if not 1 <= threads <= MAX_THREADS:
        raise OptionError(f"--threads is {threads}, expected a number from 1 to {MAX_THREADS}")
    if deadline_ms is not None:
        from edgecnn.engine.child import ChildEngine

        return ChildEngine(model, spec, threads, deadline_ms)
    name = spec.partition(":")[0]
    if name == "auto":
        return _first(model, threads, probed=probed)
    if name not in ENGINES:
        raise OptionError(f"no engine {name!r}: choose auto, {', '.join(ENGINES)}")
    return _open(name, spec, model, threads, probed=probed)


def engine_class(name: str) -> type[Any]:
    """Import an engine. Raises EngineError where what it needs is not there."""
    entry = ENGINES[name]
    try:
        module = importlib.import_module(entry.module)
    except ImportError as error:
        raise EngineError(f"{name} can't be imported ({error}): {entry.install}") from error
    found: type[Any] = getattr(module, entry.factory)
    return found


def engine_version(spec: str) -> str:
    """Return the version of what would run, "" where there is none."""
    name = spec.partition(":")[0]
    try:
        return str(engine_class("litert" if name == "auto" else name).version)
    except (EngineError, KeyError):
        return ""


def _first(model: Model, threads: int, *, probed: bool) -> Engine:
    reasons: list[str] = []
    if model.file.edge_tpu:
        try:
            return _open("edgetpu", "edgetpu", model, threads, probed=probed)
        except EngineError as error:
            raise ModelError(
                f"{model.name} was compiled for the Edge TPU and can't run on a CPU, and "
                f"{_reason('edgetpu', error)}; or use the file that it was compiled from"
            ) from error
    for name in AUTO:
        try:
            engine = _open(name, name, model, threads, probed=probed)
        except EngineError as error:
            reasons.append(_reason(name, error))
            continue
        later = list(AUTO)[len(reasons) + 1 :]
        engine.passed_over = (*reasons, *(f"{other}: {AUTO[other]}" for other in later if AUTO[other]))
        return engine
    raise EngineError("; ".join(reasons))


def _reason(name: str, error: EngineError) -> str:
    text = str(error)
    return text if text.startswith(name) else f"{name}: {text}"


def _open(name: str, spec: str, model: Model, threads: int, *, probed: bool) -> Engine:
    kind = engine_class(name)
    if kind.risky and not probed:
        kind.check(model, spec)
        from edgecnn.engine.probe import try_in_child  # behind the check, which ends most tries

        try:
            try_in_child(model, spec, threads)
        except EngineLost as error:
            raise EngineLost(f"{name}: {error}; {kind.risky}") from error
    engine: Engine = kind(model, spec, threads)
    return engine
