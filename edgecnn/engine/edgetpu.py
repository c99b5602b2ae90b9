"""Coral's Edge TPU, through its library as a delegate of LiteRT; pycoral is not needed.

Run as `python -m edgecnn.engine.edgetpu LIBRARY` it opens the device and prints the library's version.
https://github.com/google-coral/libedgetpu
"""

from __future__ import annotations

import ctypes
import re
import sys
from typing import TYPE_CHECKING, Any

from ai_edge_litert import interpreter

from edgecnn.bundle.bundle import COMPILED, Model
from edgecnn.coral.devices import GET_LIBRARY, LIBRARY, OTHER_BUILDS, find_library, why_no_device
from edgecnn.coral.model_file import min_runtime_version
from edgecnn.coral.twin import same_kinds
from edgecnn.engine import EDGE_TPU
from edgecnn.engine.interpreter import InterpreterEngine
from edgecnn.engine.litert import LitertEngine
from edgecnn.errors import EdgeCnnError, EngineError, OptionError
from edgecnn.io.quiet import quiet_stderr
from edgecnn.tflite.file import read_tflite

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.engine import ModelData

_DEVICE = re.compile(r"((usb|pci)?(:\d+)?)?")


class EdgeTpuEngine(InterpreterEngine):
    """One LiteRT interpreter whose custom operator runs on the device.

    `edgetpu`, `edgetpu:usb`, `edgetpu:pci` and `edgetpu:usb:1` choose among several devices.
    """

    name = "edgetpu"
    version = LitertEngine.version
    risky = f"LiteRT {version} and {LIBRARY} do not get along: {OTHER_BUILDS}"

    def __init__(self, model: ModelData, spec: str, threads: int) -> None:
        compiled = self.check(model, spec)
        library = find_library()
        if library is None:
            raise EngineError(f"edgetpu: {LIBRARY} is not installed: {GET_LIBRARY}")
        _check_version(model.name, compiled.data, runtime_version(library))
        self._delegate: Any = load_delegate(library, spec.partition(":")[2])
        super().__init__(
            interpreter.Interpreter, "LiteRT with libedgetpu", compiled, threads, [self._delegate]
        )

    @classmethod
    def check(cls, model: ModelData, spec: str) -> ModelData:
        """Return the compiled form of a model, if nothing is missing as far as that shows without opening it.

        Raises
        ------
        OptionError
            For a device that can't be named so.
        EngineError
            Where there is no device, no library, or nothing compiled.
        """
        device = spec.partition(":")[2]
        if not _DEVICE.fullmatch(device):
            raise OptionError(
                f"edgetpu has no device {device!r}; choose usb, pci, or one by its number: usb:1"
            )
        if reason := why_no_device():
            raise EngineError(f"edgetpu: {reason}")
        return compiled_form(model)

    def close(self) -> None:
        """Release the interpreter, and then the device."""
        super().close()
        self._delegate = None


def compiled_form(model: ModelData) -> ModelData:
    """Return a model as it was compiled for the Edge TPU: itself, or the variant next to it in its bundle.

    Raises EngineError where there is none, or one that takes or gives something else.
    """
    if model.compiled_for == EDGE_TPU:
        return model
    variant = model.variant if isinstance(model, Model) else ""
    name = variant + COMPILED
    if not isinstance(model, Model) or model.bundle is None or name not in model.bundle.variants:
        raise EngineError(
            f"edgetpu: {model.name} {variant} was not compiled for the Edge TPU: edgecnn compile {model.name}"
        )
    data = model.bundle.read(name)
    file = read_tflite(data, f"{model.name} {name}")
    if len(file.outputs) > max(model.places):
        file = file.with_outputs(model.places)
    for ours, theirs in ((model.file.inputs, file.inputs), (model.file.outputs, file.outputs)):
        if not same_kinds(ours, theirs):
            raise EngineError(
                f"edgetpu: {model.name} {name} does not take and give what {model.variant} does: "
                f"edgecnn compile {model.name}"
            )
    return model._replace(data=data, file=file)


def runtime_version(library: Path) -> int | None:
    """Return the version that the library's runtime has, such as 14; None where it does not say.

    Raises EngineError for a library that can't be loaded.
    """
    text = version_text(library)
    found = re.search(r"RuntimeVersion\((\d+)\)", text)
    return int(found[1]) if found else None


def version_text(library: Path) -> str:
    """Return the library's version as it reports it. Raises EngineError where it can't be loaded."""
    try:
        # As load_delegate does it, which also prints a traceback for one that can't be loaded.
        version = ctypes.PyDLL(str(library)).edgetpu_version
    except OSError as error:
        raise EngineError(f"edgetpu: {library} can't be loaded: {error}; {GET_LIBRARY}") from error
    except AttributeError:
        return ""
    version.restype = ctypes.c_char_p
    return (version() or b"").decode("utf-8", "replace")


def load_delegate(library: Path, device: str = "") -> Any:
    """Open a device: any, or one by its kind and number. Raises EngineError where there is none."""
    try:
        with quiet_stderr():
            return interpreter.load_delegate(str(library), {"device": device} if device else {})
    except (ValueError, OSError, AttributeError) as error:
        reason = " ".join(str(error).replace(f"Failed to load delegate from {library}", "").split())
        named = f" as {device!r}" if device else ""
        raise EngineError(
            f"edgetpu: {library} opened no device{named}{f' ({reason})' if reason else ''}: "
            "plug it in again, and close what else uses it"
        ) from error


def _check_version(name: str, compiled: bytes, version: int | None) -> None:
    needed = min_runtime_version(compiled)
    if version is not None and needed is not None and version < needed:
        raise EngineError(
            f"edgetpu: {name} was compiled for runtime version {needed}, and {LIBRARY} has {version}: update "
            f"the library, or compile with --min_runtime_version {version}"
        )


def _main(library: Path) -> str:
    """Open the device, close it, and return the library's version."""
    text = version_text(library)
    load_delegate(library)
    version = runtime_version(library)
    return f"runtime version {version}, opens the device" if version else f"opens the device; {text}"


if __name__ == "__main__":
    from pathlib import Path

    try:
        sys.stdout.write(_main(Path(sys.argv[1])) + "\n")
    except EdgeCnnError as problem:
        sys.exit(str(problem))
