"""Packages: which engines are installed, and which packages conflict."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from edgecnn.defaults import AUTO, DEFAULT_MODEL
from edgecnn.doctor.diagnosis import Status, failure, ok, warning
from edgecnn.machine.program import run_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.doctor.diagnosis import Diagnosis, System

_PIP = f"{sys.executable} -m pip"
_OPENCVS = tuple(
    f"opencv-{kind}" for kind in ("python", "python-headless", "contrib-python", "contrib-python-headless")
)
# The module to import, and the package to install.
_NEEDED = {
    "numpy": ("numpy", "numpy"),
    "opencv": ("cv2", "opencv-python-headless"),
    "litert": ("ai_edge_litert.interpreter", "ai-edge-litert"),
}
_IMPORT_S = 120.0


def examine(system: System) -> Iterator[Diagnosis]:
    """Report what is installed, whether it can be imported, and whether a model runs."""
    there = [name for name in _OPENCVS if name in system.packages]
    broken = False
    for name, (module, package) in _NEEDED.items():
        found = _import(system, name, module, package)
        broken = broken or found.fix != ""
        yield found
    if len(there) > 1:
        yield failure(
            "opencv",
            f"{' and '.join(there)} overwrite each other's files",
            f"{_PIP} uninstall -y {' '.join(there)} && {_PIP} install opencv-python-headless",
        )
    yield from _openvino(system)
    yield from _legacy(system)
    if not broken:
        runs = _runs()
        yield runs
        if runs.status is Status.ok:
            yield from _fastest()


def _import(system: System, name: str, module: str, package: str) -> Diagnosis:
    """Import a module in another process, which may crash."""
    names = _OPENCVS if name == "opencv" else (package,)
    version = next((system.packages[n] for n in names if n in system.packages), None)
    code, _, said = run_program([sys.executable, "-c", f"import {module}"], _IMPORT_S)
    if code == 0:
        return ok(name, version or "installed, from the system's packages")
    last = (said.strip().splitlines() or ["it printed nothing"])[-1]
    how = f"crashes (signal {-code})" if code < 0 else "can't be imported"
    again = "--force-reinstall " if version else ""
    return failure(name, f"{version or 'not installed'}: {how}: {last}", f"{_PIP} install {again}{package}")


def _legacy(system: System) -> Iterator[Diagnosis]:
    """Report packages that tflite-runtime, where it is installed, does not work with."""
    version = system.packages.get("tflite-runtime")
    if version is None:
        return
    numpy = system.packages.get("numpy", "")
    if numpy.partition(".")[0].isdigit() and int(numpy.partition(".")[0]) > 1:
        yield warning(
            "tflite-runtime",
            f"{version} fails with numpy {numpy}: it was built for numpy 1; edgecnn does not need it",
            f"{_PIP} uninstall -y tflite-runtime",
        )
    else:
        yield ok("tflite-runtime", f"{version}; edgecnn uses LiteRT, which is faster")


def _runs() -> Diagnosis:
    """Run the default model on its golden inputs."""
    verify = [sys.executable, "-m", "edgecnn", "models", "verify", DEFAULT_MODEL]
    code, _, said = run_program(verify, _IMPORT_S)
    if code == 0:
        return ok("model", f"{DEFAULT_MODEL} runs, with the same answers as where it was trained")
    last = (said.strip().splitlines() or [f"it ended with {code} and printed nothing"])[-1]
    return failure(
        "model",
        f"{DEFAULT_MODEL} does not run correctly: {last.removeprefix('edgecnn: ')}",
        f"{_PIP} install --force-reinstall edgecnn",
    )


def _openvino(system: System) -> Iterator[Diagnosis]:
    """Report OpenVINO where it is installed."""
    if version := system.packages.get("openvino"):
        yield ok("openvino", version)


def _fastest() -> Iterator[Diagnosis]:
    """Report which way to run the default model is fastest here, where there are several."""
    from edgecnn.classify.fastest import find_fastest

    if found := find_fastest(DEFAULT_MODEL, AUTO, AUTO, 1):
        yield ok("fastest", f"{DEFAULT_MODEL}: {str(found).removeprefix('auto: ')}")
