"""Engines run a model. The table names them; a module is imported when its engine is chosen."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from edgecnn.errors import EngineError, OptionError

if TYPE_CHECKING:
    from types import TracebackType

    from numpy.typing import NDArray

    from edgecnn.bundle import Model


class Engine(Protocol):
    """Runs one model in one thread at a time; whoever opened it closes it."""

    name: str

    def invoke(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """Run the model.

        Takes the input tensor in exactly the model's shape and dtype and returns the raw output tensor,
        which the next call may overwrite. Raises EngineError.
        """
        ...

    def close(self) -> None:
        """Release the model; may be called twice."""
        return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Entry:
    """Where an engine lives and how to install what it needs."""

    module: str
    factory: str
    install: str


ENGINES = {
    "litert": Entry("edgecnn.engine.litert", "LitertEngine", "pip install ai-edge-litert"),
    "fake": Entry("edgecnn.engine.fake", "FakeEngine", ""),
}
AUTO = ("litert",)


def open_engine(spec: str, model: Model, threads: int = 1, deadline_ms: float | None = None) -> Engine:
    """Open an engine for a model.

    Parameters
    ----------
    spec
        `auto`, or an engine's name with its options, such as `fake:delay_ms=5`. A named engine never falls
        back to another one.
    deadline_ms
        How long an invoke may take: the engine then runs in a child process, which is killed and started
        again when it takes longer. None for no limit, in this process.

    Raises
    ------
    OptionError
        For a name that is not in the table, or fewer than one thread.
    EngineError
        Where no engine can be opened, with each one's reason.
    ModelError
        Where the engine rejects the model.
    """
    if threads < 1:
        raise OptionError(f"--threads must be 1 or more, got {threads}")
    if deadline_ms is not None:
        from edgecnn.engine.child import ChildEngine

        return ChildEngine(model, spec, threads, deadline_ms)
    name = spec.partition(":")[0]
    if name == "auto":
        return _first(model, threads)
    if name not in ENGINES:
        raise OptionError(f"no engine {name!r}: choose auto, {', '.join(ENGINES)}")
    return _open(name, spec, model, threads)


def _first(model: Model, threads: int) -> Engine:
    reasons = []
    for name in AUTO:
        try:
            return _open(name, name, model, threads)
        except EngineError as error:
            reasons.append(str(error))
    raise EngineError("; ".join(reasons))


def _open(name: str, spec: str, model: Model, threads: int) -> Engine:
    entry = ENGINES[name]
    try:
        module = importlib.import_module(entry.module)
    except ImportError as error:
        raise EngineError(f"{name} can't be imported ({error}): {entry.install}") from error
    engine: Engine = getattr(module, entry.factory)(model, spec, threads)
    return engine
