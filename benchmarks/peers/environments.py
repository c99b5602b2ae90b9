"""Makes each peer's own environment, once."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.avx2 import hide
from benchmarks.peers.child import WorkerFailed

if TYPE_CHECKING:
    from benchmarks.peers.table import Peer

REQUIREMENTS = Path(__file__).parent / "requirements"
# What makes float32.onnx of a network, in addition to the trainer's own packages.
CONVERTER = "converter"


def python_of(peer: Peer, cache: Path, *, avx2: bool = False) -> Path:
    """Return the Python that runs a peer; its environment is made where there is none.

    For `avx2` its libraries do not find out about AVX-512 and VNNI. Raises WorkerFailed with pip's own last
    words, or for one that has no environment of its own to change.
    """
    if not requirements(peer.module).exists():
        if avx2:
            raise WorkerFailed("it runs in the trainer's environment, whose libraries stay as they are")
        return Path(sys.executable)
    folder = _folder(peer.module, cache)
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        _run([_interpreter(peer.python), "-m", "venv", str(folder)])
        options = ["--no-deps"] if peer.only_listed else []
        _pip(str(folder / "bin" / "python"), peer.module, options)
        if avx2:
            hide(folder, [f"lib/python*/site-packages/{pattern}" for pattern in peer.native])
        (folder / "made").touch()
    return folder / "bin" / "python"


def converter(cache: Path) -> Path:
    """Return the folder with the packages that the trainer's Python converts to ONNX with.

    They go next to the trainer's packages rather than into its environment, which does not change.
    """
    folder = _folder(CONVERTER, cache)
    if not (folder / "made").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _pip(sys.executable, CONVERTER, ["--no-deps", "--target", str(folder)])
        (folder / "made").touch()
    return folder


def requirements(module: str) -> Path:
    """Return where a peer's packages are listed."""
    return REQUIREMENTS / f"{module}.txt"


def _folder(module: str, cache: Path) -> Path:
    digest = hashlib.sha256(requirements(module).read_bytes()).hexdigest()[:12]
    return cache / "environments" / f"{module}-{digest}"


def _interpreter(wanted: str | None) -> str:
    if wanted is None or wanted == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = shutil.which(f"python{wanted}")
    if found is None:
        raise WorkerFailed(f"its wheels need Python {wanted}, and there is no python{wanted} here")
    return found


def _pip(python: str, module: str, options: list[str]) -> None:
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--prefer-binary"]
    _run([*command, *options, "--requirement", str(requirements(module))])


def _run(command: list[str]) -> None:
    ran = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if ran.returncode:
        errors = [line for line in ran.stderr.splitlines() if line.startswith("ERROR")]
        last = (errors or ran.stderr.strip().splitlines() or ["no message"])[-1]
        raise WorkerFailed(f"its environment can't be made: {last}")
