"""Compiles a bundle's int8 variant for Coral's Edge TPU, and adds the result to the bundle.

It runs Google's `edgetpu_compiler`: https://coral.ai/docs/edgetpu/compiler/
"""

from __future__ import annotations

import math
import os
import shutil
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.bundle.bundle import COMPILED, MANIFEST, Bundle, Variant, find, read_bundle, read_file
from edgecnn.bundle.output_folder import find_target, hold, recover, require_replaceable
from edgecnn.bundle.owned_files import names_of_parts
from edgecnn.bundle.writer import add_variant
from edgecnn.coral.compiler import PROGRAM, CompilerLog, Placement, run_compiler
from edgecnn.coral.model_file import min_runtime_version
from edgecnn.coral.operators import check_edge_tpu
from edgecnn.coral.twin import BASE, require_twin
from edgecnn.errors import CompileError, OptionError, OutputError
from edgecnn.tflite.file import EDGE_TPU_OP, read_tflite

if TYPE_CHECKING:
    from edgecnn.tflite.file import TfliteFile

MIN_MAPPED = 0.9
TIMEOUT_S = 600.0
_LONGEST_S = 86_400.0
_MOST_NAMED = 5
_ANOTHER = "choose another --out"


@dataclass(frozen=True, slots=True)
class Compiled:
    """A bundle with a new compiled variant.

    Of `operations` operators `mapped` run on the Edge TPU and `on_cpu` do not. `log` is None for a file that
    was compiled elsewhere. `notes` are lines for the user.
    """

    bundle: Bundle
    variant: Variant
    mapped: int
    operations: int
    on_cpu: tuple[Placement, ...]
    log: CompilerLog | None
    min_runtime_version: int | None
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return all of it for JSON; sizes in bytes."""
        log = asdict(self.log) if self.log else {}
        return {
            "bundle": self.bundle.name,
            "folder": str(self.bundle.folder),
            "variant": self.variant.name,
            "file": self.variant.file,
            "sha256": self.variant.sha256,
            "bytes": self.variant.bytes,
            "compiler": log.get("version"),
            "min_runtime_version": self.min_runtime_version,
            "mapped": self.mapped,
            "operations": self.operations,
            "share": round(self.mapped / self.operations, 6),
            "on_cpu": [asdict(p) for p in self.on_cpu],
            "placements": [asdict(p) for p in self.log.placements] if self.log else None,
            **{
                key: log.get(key)
                for key in ("subgraphs", "on_chip_bytes", "on_chip_left_bytes", "off_chip_bytes")
            },
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class _Placed:
    """How much of a model is mapped to the Edge TPU, by the compiler's log or else by the compiled file."""

    mapped: int
    operations: int
    on_cpu: tuple[Placement, ...]

    @property
    def on_cpu_text(self) -> str:
        """The operators that stay on the CPU, with reasons, as part of a line."""
        named = [
            f"{p.count} {p.operator}" + (f" ({p.status})" if p.status else "")
            for p in self.on_cpu[:_MOST_NAMED]
        ]
        more = ["and more"] if len(self.on_cpu) > _MOST_NAMED else []
        return ", ".join([*named, *more]) or f"{self.operations - self.mapped} operators"


def compile_bundle(
    name_or_path: str | os.PathLike[str],
    *,
    compiled: str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    min_mapped: float = MIN_MAPPED,
    timeout_s: float = TIMEOUT_S,
) -> Compiled:
    """Compile a bundle's int8 variant, and add it to the bundle as `int8_edgetpu`, or replace that.

    Parameters
    ----------
    compiled
        A file that was compiled elsewhere from that variant, to check and add instead.
    out
        The folder of a new bundle, a copy with the added variant; the bundle itself does not change.
    min_mapped
        The share of operators, 0 to 1, that must run on the Edge TPU; at least one must.
    timeout_s
        After so many seconds the compiler and all processes that it started are killed.

    Raises
    ------
    CompileError
        If the compiler is missing, fails or takes too long, or maps too few operators.
    OptionError
        If an argument is out of range.
    ModelError
        If there is no such bundle, or if one of its files or the compiled file is damaged.
    OutputError
        If the bundle can't be written.
    """
    if not 0 <= min_mapped <= 1:
        raise OptionError(f"--min-mapped is {min_mapped:g}, expected a share from 0 to 1, such as 0.9")
    if not 0 < timeout_s <= _LONGEST_S:
        raise OptionError(f"--timeout is {timeout_s:g} s, expected more than 0, and {_LONGEST_S:g} at most")
    path = find(name_or_path)
    if not path.is_dir():
        raise CompileError(
            f"{path} is a single file, and only bundles are compiled: "
            f"import it first: edgecnn models import {path} --name NAME"
        )
    bundle = read_bundle(path)
    if BASE not in bundle.variants:
        names = ", ".join(bundle.variants)
        raise CompileError(
            f"{bundle.name} has no {BASE} variant, and an Edge TPU runs no other: it has {names}"
        )
    base = bundle.read(BASE)
    before = read_tflite(base, str(path / bundle.variants[BASE].file))
    if before.edge_tpu:
        raise CompileError(f"{bundle.name}'s {BASE} variant is compiled already")
    _target(bundle, out)
    if compiled is None:
        source = f"what {PROGRAM} wrote"
        data, log = run_compiler(base, BASE, os.fspath(name_or_path), timeout_s)
    else:
        source = str(compiled)
        data, log = read_file(Path(compiled)), None
    after = read_tflite(data, source)
    require_twin(bundle, before, after, source, unmapped=log is not None and log.mapped == 0)
    placed, notes = _place(before, after, log)
    _require_share(placed, bundle.name, min_mapped)
    version = min_runtime_version(data)
    says = {
        "compiler": log.version if log else None,
        "mapped": placed.mapped,
        "operations": placed.operations,
    }
    if version is not None:
        says["min_runtime_version"] = version
    grown = _add(bundle, out, data, says)
    return Compiled(
        grown, grown.variants[BASE + COMPILED], placed.mapped, placed.operations, placed.on_cpu, log, version,
        (*notes, *_compare(base, placed)),
    )  # fmt: skip


def _place(before: TfliteFile, after: TfliteFile, log: CompilerLog | None) -> tuple[_Placed, tuple[str, ...]]:
    """Return how much is mapped, and a note if there is a log that does not say it."""
    if log and log.mapped is not None and log.operations is not None:
        return _Placed(log.mapped, log.operations, tuple(p for p in log.placements if not p.mapped)), ()
    on_cpu = Counter(name for name in after.operators if name != EDGE_TPU_OP)
    operations = len(before.operators)
    mapped = max(0, operations - on_cpu.total()) if after.edge_tpu else 0
    notes = (f"{PROGRAM} did not say how much it mapped: counted in the file",) if log else ()
    return _Placed(mapped, operations, tuple(Placement(name, n, "") for name, n in on_cpu.items())), notes


def _require_share(placed: _Placed, name: str, least: float) -> None:
    share = placed.mapped / placed.operations
    rest = f"on the CPU stay {placed.on_cpu_text}; nothing was added"
    if not placed.mapped:
        raise CompileError(
            f"none of {name}'s {placed.operations} operators would run on the Edge TPU; {rest}: "
            "train another family, or use the CPU"
        )
    if share < least:
        rounded = math.floor(share * 100) / 100
        raise CompileError(
            f"only {placed.mapped} of {name}'s {placed.operations} operators ({share:.1%}) would run on the "
            f"Edge TPU, expected {100 * least:g}%; {rest}: accept it by --min-mapped {rounded:g}"
        )


def _compare(base: bytes, placed: _Placed) -> tuple[str, ...]:
    """Return a note if the compiler and our table of operators disagree."""
    fit = check_edge_tpu(base)
    on_cpu = placed.operations - placed.mapped
    if fit.on_cpu == on_cpu:
        return ()
    expected = "".join(f"; {o.operator}: {o.reason}" for o in fit.leaving[:_MOST_NAMED])
    found = f": {placed.on_cpu_text}" if on_cpu else ""
    return (
        f"`edgecnn inspect` expected {fit.on_cpu} operators on the CPU{expected}; the compiler left {on_cpu} "
        f"there{found}",
    )


def _target(bundle: Bundle, out: str | os.PathLike[str] | None) -> Path:
    """Return the folder to write. Raises OutputError, before the work starts, if it can't be written."""
    if out is None:
        target = find_target(bundle.folder, _give_out(bundle))
        for folder in (target, target.parent):
            if not os.access(folder, os.W_OK | os.X_OK):
                raise OutputError(f"{folder} can't be written to: {_give_out(bundle)}")
        require_replaceable(target, _give_out(bundle))
        return target
    target = find_target(out, _ANOTHER)
    if os.path.lexists(target):
        recover(target)
        raise _taken(out)
    if target.is_relative_to(bundle.folder.resolve()):
        raise OptionError(f"--out {out} is inside the bundle: choose another folder")
    return target


def _give_out(bundle: Bundle) -> str:
    return f"--out FOLDER writes a copy of {bundle.name} with the compiled variant"


def _taken(out: str | os.PathLike[str]) -> OutputError:
    return OutputError(f"{Path(out).absolute()} already exists: {_ANOTHER}, or move it away")


def _add(bundle: Bundle, out: str | os.PathLike[str] | None, data: bytes, says: dict[str, Any]) -> Bundle:
    """Write the bundle with the variant, in its own place or as a copy; return the new bundle."""
    _require_unchanged(bundle)
    target = _target(bundle, out)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{target.parent} can't be made: {error.strerror}: {_ANOTHER}") from error
    hint = _ANOTHER if out else _give_out(bundle)
    with hold(target, hint) as held, held.fill() as draft:
        now = _require_unchanged(bundle)
        for name in names_of_parts(bundle.folder):
            if name not in (MANIFEST, f"{BASE}{COMPILED}.tflite"):
                _bring(bundle.folder / name, draft.folder / name, copy=out is not None)
        macs = bundle.variants[BASE].macs
        draft.manifest = add_variant(draft.folder, now.manifest, BASE + COMPILED, data, macs, edgetpu=says)
        reason = draft.publish(replace=out is None)
        if reason and out:
            raise _taken(out)
        if reason:
            raise OutputError(f"{bundle.folder} {reason}: {hint}")
    return read_bundle(Path(out) if out else bundle.folder)


def _require_unchanged(bundle: Bundle) -> Bundle:
    """Return the bundle as it is now. Raises CompileError if its base was changed since it was read."""
    now = read_bundle(bundle.folder)
    if BASE not in now.variants or now.variants[BASE].sha256 != bundle.variants[BASE].sha256:
        raise CompileError(f"{bundle.folder} was changed while it was compiled: compile it again")
    return now


def _bring(source: Path, target: Path, *, copy: bool) -> None:
    """Copy a file without its permissions, which may forbid writing; or make a hard link."""
    if not copy:
        try:
            os.link(source, target)
            return
        except OSError:
            pass  # a file system without links, or a file of another user's
    shutil.copyfile(source, target)
    if not copy:
        shutil.copystat(source, target)
