"""Engines run a model. One table names them; a module is imported when its engine is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from edgecnn.engine.table import ENGINES as ENGINES
from edgecnn.engine.table import REFERENCE as REFERENCE
from edgecnn.engine.table import can_fork as can_fork
from edgecnn.engine.table import describe_engines as describe_engines
from edgecnn.engine.table import engine_class as engine_class
from edgecnn.engine.table import engine_version as engine_version
from edgecnn.engine.table import is_compared as is_compared
from edgecnn.engine.table import may_crash as may_crash
from edgecnn.engine.table import measured_engines as measured_engines
from edgecnn.engine.table import register_engine as register_engine
from edgecnn.errors import EngineError, EngineLost, ModelError, OptionError
from edgecnn.io.closing import Closing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgecnn.tflite.file import Tensor

__all__ = [
    "ENGINES",
    "MAX_THREADS",
    "REFERENCE",
    "Engine",
    "ModelData",
    "can_fork",
    "choice",
    "describe_engines",
    "edgetpu",
    "engine_class",
    "engine_version",
    "interpreter",
    "is_compared",
    "may_crash",
    "measured_engines",
    "open_engine",
    "probe",
    "register_engine",
    "threads",
]


# Accelerators that `ModelData.compiled_for` names.
EDGE_TPU, ETHOS_U = "Edge TPU", "Ethos-U"


class ModelData(Protocol):
    """A model as engines take it. One that runs in a child process is pickled."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    @property
    def data(self) -> bytes:
        """The whole file."""
        ...

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors that it takes; engines fill the first one."""
        ...

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The tensors that it gives; engines return the first one, and `read` the others."""
        ...

    @property
    def output(self) -> int:
        """The place of the first of `outputs` among all outputs of the file."""
        ...

    @property
    def places(self) -> tuple[int, ...]:
        """The places of `outputs` among all outputs of the file."""
        ...

    @property
    def value_range(self) -> tuple[float, float]:
        """The values of pixels 0 and 255 in a float input."""
        ...

    @property
    def compiled_for(self) -> str:
        """The accelerator that alone can run it, `EDGE_TPU` or `ETHOS_U`; "" for none."""
        ...


class Engine(Closing, Protocol):
    """Runs one model in one thread at a time. A class that inherits it needs `name` and `invoke` only.

    Attributes
    ----------
    name, version
        Its name, and the version of the library that it runs on; "" for none.
    risky
        What to do where opening it crashed or hung; "" for one that never does.
    warning
        What users of it should know; "" for nothing.
    passed_over
        For one that `auto` chose: the other engines, each with the reason why it was not.
    forks
        Whether a forked process may use its copy of the engine: not for one with a device, a connection or
        threads of its own.
    """

    name: str
    version: str = ""
    risky: str = ""
    warning: str = ""
    passed_over: tuple[str, ...] = ()
    forks: bool = False

    def invoke(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """Run the model.

        Takes the input tensor in exactly the model's shape and dtype and returns the raw output tensor,
        which the next call may overwrite. Raises EngineError.
        """
        ...

    def read(self, place: int) -> NDArray[Any]:
        """Return one of the outputs of the last `invoke`, raw, which the next one may overwrite.

        `place` counts the model's `outputs`. Raises EngineError, as does an engine that does not override it.
        """
        raise EngineError(
            f"{self.name} gives the first output alone, and output {place} of the model is asked for"
        )

    @property
    def reads(self) -> bool:
        """Whether `read` gives outputs: without it, the nearness of an image is not known."""
        return type(self).read is not Engine.read

    @classmethod
    def check(cls, model: ModelData, spec: str) -> object:  # noqa: ARG003 - for a risky one
        """Raise EngineError or OptionError where a risky engine need not be tried."""
        return None

    def close(self) -> None:
        """Release the model; may be called twice."""
        return


# LiteRT starts as many as it is told, and crashes where the system has no more.
MAX_THREADS = 256


def open_engine(
    spec: str, model: ModelData, threads: int = 1, deadline_ms: float | None = None, *, probed: bool = False
) -> Engine:
    """Open an engine for a model.

    Parameters
    ----------
    spec
        `auto`, or an engine's name with its options, such as `fake:delay_ms=5`. A named engine never falls
        back to another one.
    deadline_ms
        How long an invoke may take: the engine then runs in a child process, which is killed and started
        again when one takes longer. None for no limit, in this process.
    probed
        Whether a crash does no harm, or is ruled out; otherwise a risky engine is tried in a child process
        first.

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
    name = spec.partition(":")[0]
    entry = ENGINES.get(name)  # of those that ship
    if ":" in spec and (name == "auto" or (entry is not None and not entry.usage)):
        raise OptionError(f"the engine {name} takes no options, and {spec!r} has some: say --engine {name}")
    if deadline_ms is not None:
        from edgecnn.engine.child import ChildEngine

        if name in ENGINES.registered:
            raise OptionError(
                f"a deadline runs the engine in a child process, and {name!r} was registered in this one: "
                f"install it with an entry point of {ENGINES.group}"
            )
        return ChildEngine(model, spec, threads, deadline_ms)
    if name == "auto":
        return _first(model, threads, probed=probed)
    if ENGINES.find(name) is None:
        raise OptionError(f"no engine {name!r}: choose auto, {', '.join(ENGINES)}")
    return _open(name, spec, model, threads, probed=probed)


def _first(model: ModelData, threads: int, *, probed: bool) -> Engine:
    reasons: list[str] = []
    if model.compiled_for == EDGE_TPU:
        try:
            return _open("edgetpu", "edgetpu", model, threads, probed=probed)
        except EngineError as error:
            raise ModelError(
                f"{model.name} was compiled for the Edge TPU and can't run on a CPU, and "
                f"{_reason('edgetpu', error)}; or use the file that it was compiled from"
            ) from error
    tried = {name: entry.auto for name, entry in ENGINES.items() if entry.auto is not None}
    for name in tried:
        try:
            engine = _open(name, name, model, threads, probed=probed)
        except EngineError as error:
            reasons.append(_reason(name, error))
            continue
        later = list(tried)[len(reasons) + 1 :]
        engine.passed_over = (*reasons, *(f"{other}: {tried[other]}" for other in later if tried[other]))
        return engine
    raise EngineError("; ".join(reasons))


def _reason(name: str, error: EngineError) -> str:
    text = str(error)
    return text if text.startswith(name) else f"{name}: {text}"


def _open(name: str, spec: str, model: ModelData, threads: int, *, probed: bool) -> Engine:
    factory = engine_class(name)
    if (risky := getattr(factory, "risky", "")) and not probed:
        factory.check(model, spec)
        from edgecnn.engine.probe import try_in_child  # behind the check, which ends most tries

        try:
            try_in_child(model, spec, threads)
        except EngineLost as error:
            raise EngineLost(f"{name}: {error}; {risky}") from error
    engine: Engine = factory(model, spec, threads)
    return engine
