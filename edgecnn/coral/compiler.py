"""Runs Google's `edgetpu_compiler` and reads its output.

The output says how much of a model is mapped, what stays on the CPU, and why it failed. Options and limits:
https://coral.ai/docs/edgetpu/compiler/
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from edgecnn.errors import CompileError, OutputError

PROGRAM = "edgetpu_compiler"
COLAB = (
    "https://colab.research.google.com/github/google-coral/tutorials/blob/master/compile_for_edgetpu.ipynb"
)
_MOST_LOG_BYTES = 1 << 20
_VERSION = re.compile(r"^Edge TPU Compiler version (\S+)", re.MULTILINE)
_HEADER = re.compile(r"^Operator +Count +Status *$", re.MULTILINE)
_ROW = re.compile(r"(\S+) +(\d{1,9}) +(\S.*)")
_MAPPED = "Mapped to Edge TPU"
_COUNT = r"^{} *: *(\d{{1,9}})\b"
_MEMORY = r"^{} *: *(\d{{1,9}}(?:\.\d{{1,9}})?) *([KMG]i)?B\b"
_UNITS = {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
_FAILURE = re.compile(r"invalid|not quantized|fail|error|abort|compilation timeout\.", re.IGNORECASE)
_FAILED = "Compilation failed!"  # which names no reason
_MOST_REASON = 400


@dataclass(frozen=True, slots=True)
class Placement:
    """The number of operators of one kind, and where they run, in the compiler's words."""

    operator: str
    count: int
    status: str

    @property
    def mapped(self) -> bool:
        """Whether they run on the Edge TPU."""
        return self.status == _MAPPED


@dataclass(frozen=True, slots=True)
class CompilerLog:
    """The output of the compiler; None for a value that it did not print.

    `mapped` and `operations` count operators. On-chip memory holds parameters; those that do not fit are
    streamed from the host for every image (`off_chip_bytes`). `failure` is the reason, if a line has one.
    """

    version: str | None
    mapped: int | None
    operations: int | None
    subgraphs: int | None
    on_chip_bytes: int | None
    on_chip_left_bytes: int | None
    off_chip_bytes: int | None
    placements: tuple[Placement, ...]
    failure: str


def run_compiler(model: bytes, stem: str, name: str, timeout_s: float) -> tuple[bytes, CompilerLog]:
    """Run `edgetpu_compiler` on a model; return the compiled file and the log.

    Parameters
    ----------
    model
        The bytes of a `.tflite`; its name for the compiler is `stem`.tflite.
    name
        Its name in messages, as the user typed it.

    Raises
    ------
    CompileError
        If the compiler is missing, fails, or takes longer than `timeout_s` seconds.
    OutputError
        If no temporary file can be written.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise CompileError(
            f"{PROGRAM} is not installed. It exists for 64-bit x86 Debian and Ubuntu only: "
            "sudo apt install edgetpu-compiler, from `deb https://packages.cloud.google.com/apt "
            f"coral-edgetpu-stable main`; or compile {stem}.tflite in a browser ({COLAB}) and add that: "
            f"edgecnn compile {name} --compiled FILE. `edgecnn inspect {name}` shows which operators map"
        )
    try:
        with tempfile.TemporaryDirectory(prefix="edgecnn-") as folder:
            source = Path(folder, f"{stem}.tflite")
            source.write_bytes(model)
            status, said = _run([program, "-s", "-o", folder, str(source)], timeout_s)
            said = said.replace(f"{folder}/", "")
            log = read_log(said, _text(source.with_name(f"{stem}_edgetpu.log")))
            output = source.with_name(f"{stem}_edgetpu.tflite")
            if status == 0 and output.is_file():
                return output.read_bytes(), log
    except OSError as error:
        raise OutputError(f"a temporary file can't be written: {error.strerror or error}") from error
    words = [line.strip() for line in said.splitlines() if line.strip()]
    reason = log.failure or (words[-1] if words else "it said nothing")
    raise CompileError(
        f"{PROGRAM} did not compile {name}: {reason} ({_ended(status, output.name)}); "
        f"`edgecnn inspect {name}` names what an Edge TPU does not take"
    )


def _run(command: list[str], timeout_s: float) -> tuple[int, str]:
    """Run a program in its own process group; return its exit status and its output."""
    # A file, since a pipe would stay open until the last process that the program started ends.
    with tempfile.TemporaryFile() as said:
        try:
            child = subprocess.Popen(  # noqa: S603 - no shell, and the program's own path
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C in the terminal is for us
            )  # fmt: skip
        except OSError as error:
            raise CompileError(
                f"{command[0]} can't be started: {error.strerror}; it is for 64-bit x86 only"
            ) from error
        try:
            status = child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise CompileError(
                f"{PROGRAM} took longer than {timeout_s:g} s and was stopped: allow more by --timeout SECONDS"
            ) from None
        finally:
            if child.poll() is None:
                # The program is a script that starts the compiler, and that starts another process.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        said.seek(0)
        return status, said.read(_MOST_LOG_BYTES).decode("utf-8", "replace")


def _text(path: Path) -> str:
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(_MOST_LOG_BYTES).decode("utf-8", "replace")


def _ended(status: int, output: str) -> str:
    """Return how a program ended; a shell adds 128 to the number of a signal."""
    number = -status if status < 0 else status - 128
    if number in set(signal.Signals):
        return f"ended by {signal.Signals(number).name}"
    return f"exit code {status}" if status else f"it wrote no {output}"


def read_log(said: str, operation_log: str = "") -> CompilerLog:
    """Read the compiler's output.

    Parameters
    ----------
    said
        Its stdout and stderr.
    operation_log
        The content of its log file, which has the table of operators if the output lacks it.
    """
    placements = _table(said) or _table(operation_log)
    version = _VERSION.search(said) or _VERSION.search(operation_log)
    mapped = _count(said, "Number of operations that will run on Edge TPU")
    on_cpu = _count(said, "Number of operations that will run on CPU")
    operations = _count(said, "Total number of operations")
    # These lines may be missing if everything is mapped.
    if mapped is None and placements:
        mapped = sum(p.count for p in placements if p.mapped)
    if mapped is not None and on_cpu is not None:
        operations = mapped + on_cpu
    elif operations is None and placements:
        operations = sum(p.count for p in placements)
    if mapped is not None and (not operations or mapped > operations):
        mapped = None
    return CompilerLog(
        version[1] if version else None,
        mapped,
        operations,
        _count(said, "Number of Edge TPU subgraphs"),
        _memory(said, "On-chip memory used for caching model parameters"),
        _memory(said, "On-chip memory remaining for caching model parameters"),
        _memory(said, "Off-chip memory used for streaming uncached model parameters"),
        placements,
        _failure(said),
    )


def _count(text: str, name: str) -> int | None:
    found = re.search(_COUNT.format(re.escape(name)), text, re.MULTILINE)
    return int(found[1]) if found else None


def _memory(text: str, name: str) -> int | None:
    found = re.search(_MEMORY.format(re.escape(name)), text, re.MULTILINE)
    return round(float(found[1]) * _UNITS[found[2] or ""]) if found else None


def _table(text: str) -> tuple[Placement, ...]:
    """Return the rows below the first header; rows with the same operator and status are summed."""
    header = _HEADER.search(text)
    if not header:
        return ()
    rows: Counter[tuple[str, str]] = Counter()
    for line in filter(None, map(str.strip, text[header.end() :].splitlines())):
        row = _ROW.fullmatch(line)
        if not row:
            break
        rows[row[1], row[3]] += int(row[2])
    return tuple(Placement(operator, count, status) for (operator, status), count in rows.items())


def _failure(text: str) -> str:
    """Return the lines with the reason of a failure, joined in one line."""
    lines = list(dict.fromkeys(line.strip() for line in text.splitlines() if _FAILURE.search(line)))
    reasons = [line for line in lines if line != _FAILED] or lines
    return "; ".join(line.rstrip(".!") for line in reasons)[:_MOST_REASON]
