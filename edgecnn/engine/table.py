"""The table of engines: where each one's code is, how it is installed, and which of them `auto` tries."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from edgecnn.errors import EngineError
from edgecnn.plugins import PluginTable, load_factory

if TYPE_CHECKING:
    from edgecnn.plugins import Factory


class EngineEntry(NamedTuple):
    """A row of the table of engines.

    Attributes
    ----------
    factory
        The class, or `module:name` of it: called with a `ModelData`, the engine's specification and a number
        of threads, it returns an open `Engine` or raises EngineError or ModelError.
    install
        The command that installs what it needs; "" for none.
    usage
        The engine with its options, as help shows it; "" for its name.
    auto
        Why `auto` passes it over though it works, where one above it works too; "" for no reason, None where
        `auto` never tries it.
    cpu
        Whether this machine's processor computes, so that `bench` reports multiplications a second.
    native
        Whether a damaged file may crash it: a bare file is then tried in a child process first.
    measured
        The distribution that brings it, where `live` measures it to find the fastest engine; "" where not.
    compared
        Whether its answers are compared with LiteRT's before they are used, since its kernels are its own.
    """

    factory: Factory
    install: str = ""
    usage: str = ""
    auto: str | None = None
    cpu: bool = False
    native: bool = True
    measured: str = ""
    compared: bool = False


# What golden vectors are of, and what an engine with kernels of its own is compared with.
REFERENCE = "litert"

# `auto` tries them in this order.
ENGINES = PluginTable(
    "engine",
    {
        "edgetpu": EngineEntry(
            "edgecnn.engine.edgetpu:EdgeTpuEngine",
            "pip install ai-edge-litert",
            "edgetpu[:usb|:pci]",
            auto="",
        ),
        "litert": EngineEntry(
            "edgecnn.engine.litert:LitertEngine",
            "pip install ai-edge-litert",
            auto="",
            cpu=True,
            measured="ai-edge-litert",
        ),
        "openvino": EngineEntry(
            "edgecnn.engine.openvino:OpenVinoEngine",
            "pip install 'edgecnn[openvino]'",
            "openvino[:cpu|:gpu|:npu]",
            cpu=True,
            measured="openvino",
            compared=True,
        ),
        "tflite-runtime": EngineEntry(
            "edgecnn.engine.tflite_runtime:TfliteRuntimeEngine",
            "python3.11 -m pip install 'edgecnn[tflite-runtime]'",
            auto="older and slower",
            cpu=True,
        ),
        "fake": EngineEntry(
            "edgecnn.engine.fake:FakeEngine", usage="fake[:delay_ms=5,jitter_ms=1]", native=False
        ),
    },
    lambda _, factory: EngineEntry(factory),
)


def register_engine(name: str, factory: Factory, *, install: str = "", usage: str = "") -> None:
    """Add an engine for this process; the entry points `edgecnn.engines` add them for every one.

    `auto` never tries it. A child process does not know it: a deadline takes an engine that is installed.

    Parameters
    ----------
    name
        What chooses it: `NAME`, or `NAME:…` with its options.
    factory
        The class, or `module:name` of it: called with a `ModelData`, the engine's specification and a number
        of threads, it returns an open `Engine` or raises EngineError or ModelError.
    install
        The command that installs what it needs, for the message where its module can't be imported.
    usage
        The engine with its options, as help shows it.

    Raises
    ------
    OptionError
        For the name of an engine that ships.
    """
    ENGINES.add(name, EngineEntry(factory, install, usage, native=False))


def describe_engines() -> str:
    """Return what `--engine` takes, in a line made of the table."""
    return ", ".join(["auto", *(entry.usage or name for name, entry in ENGINES.items())])


def may_crash(spec: str) -> bool:
    """Whether a damaged file may crash the engine, so that one that is new is tried in a child process."""
    name = spec.partition(":")[0]
    entry = None if name == "auto" else ENGINES.find(name)
    return entry is None or entry.native


def measured_engines() -> dict[str, str]:
    """Return the installed engines that `live` measures, with their versions; none is imported for it."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name, entry in ENGINES.items():
        with suppress(PackageNotFoundError):
            if entry.measured:
                found[name] = version(entry.measured)
    return found


def is_compared(spec: str) -> bool:
    """Whether an engine's answers are compared with LiteRT's before they are used."""
    entry = ENGINES.get(spec.partition(":")[0])  # of those that ship; `auto` opens none that is compared
    return entry is not None and entry.compared


def engine_class(name: str) -> Any:
    """Import an engine. Raises EngineError where what it needs is missing, KeyError for an unknown name."""
    entry = ENGINES.find(name) or ENGINES[name]
    try:
        return load_factory(entry.factory)
    except ImportError as error:
        install = f": {entry.install}" if entry.install else ""
        raise EngineError(f"{name} can't be imported ({error}){install}") from error


def can_fork(spec: str) -> bool:
    """Whether copies of a process can use an engine; not one that can't be imported."""
    return bool(_attribute(spec, "forks", default=False))


def engine_version(spec: str) -> str:
    """Return the version of an engine's library, "" for none."""
    return str(_attribute(spec, "version", default=""))


def _attribute(spec: str, attribute: str, *, default: object) -> object:
    """Return what an engine's class says; the default where it says nothing or can't be imported."""
    name = spec.partition(":")[0]
    try:
        return getattr(engine_class(REFERENCE if name == "auto" else name), attribute, default)
    except (EngineError, KeyError):
        return default
