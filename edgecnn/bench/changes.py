"""Changes since an older run, beyond noise, from its JSON."""

from __future__ import annotations

import json
import reprlib
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

from edgecnn.errors import BenchError
from edgecnn.io.printable import printable
from edgecnn.io.regular import read_regular
from edgecnn.latency import BETWEEN_RUNS, Ratio, ratio_of_runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgecnn.bench.interleaved import Candidate
    from edgecnn.machine.board import Board

# The format of the JSON that `bench` writes.
FORMAT = 1
# A smaller change does not count, whatever its interval.
LEAST_CHANGE = BETWEEN_RUNS
# Limits of the file, and of the blocks of a stage: `bench` writes 50 KB, and 40 blocks by default.
_MOST_BYTES, _MOST_BLOCKS = 4 << 20, 10_000
# The most candidates that an error lists.
_NAMED = 5
# A day, longer than any latency.
_MOST_MS = 86_400_000
_WORDS = {str: "a text", int: "a whole number", list: "a list", dict: "an object"}
_COMMON = ("model", "cpu", "cpu_family", "instructions", "cores", "architecture", "governor")


@dataclass(frozen=True, slots=True)
class Older:
    """One candidate of an older run; its block medians in ms by stage."""

    engine_version: str | None
    sha256: str
    blocks: dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class OldRun:
    """The part of an older run's JSON that is compared; candidates by variant, engine and threads."""

    source: str
    when: str
    model: str
    edgecnn: str
    board: dict[str, Any]
    frames: str
    doubts: list[str]
    candidates: dict[tuple[str, str, int], Older]


class _Run(Protocol):
    """The part of the current run that is compared; `names` are the candidates by their names in reports."""

    @property
    def model(self) -> str: ...

    @property
    def board(self) -> Board: ...

    @property
    def frames(self) -> str: ...

    @property
    def names(self) -> Mapping[str, Candidate]: ...

    @property
    def doubts(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Change:
    """One stage of one candidate: the medians in ms, and the ratio of now to before."""

    candidate: str
    stage: str
    before_ms: float
    now_ms: float
    ratio: Ratio

    @property
    def outcome(self) -> str:
        """`slower` or `faster` where the interval excludes one and it is more than 3 %, else `same`."""
        if self.ratio.low > 1 and self.ratio.value > 1 + LEAST_CHANGE:
            return "slower"
        return "faster" if self.ratio.high < 1 and self.ratio.value < 1 - LEAST_CHANGE else "same"

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "contestant": self.candidate,
            "stage": self.stage,
            "before_ms": round(self.before_ms, 5),
            "now_ms": round(self.now_ms, 5),
            "ratio": self.ratio.as_dict(),
            "outcome": self.outcome,
        }


@dataclass(frozen=True, slots=True)
class Changes:
    """All changes, and other differences between the runs, which may have caused them.

    Unless both runs were `quiet`, intervals are not shown.
    """

    source: str
    when: str
    differences: tuple[str, ...]
    rows: tuple[Change, ...]
    quiet: bool = True

    @property
    def summary(self) -> str:
        """The result in one line of text."""
        changed = [row for row in self.rows if row.outcome != "same"]
        found = f"{len(changed)} of {len(self.rows)} changed" if changed else "nothing changed"
        return (
            f"since {self.source} ({self.when}): {found} beyond noise "
            f"(the interval excludes 1, and more than {LEAST_CHANGE:.0%})"
            f"{'' if self.quiet else '; not both runs were quiet, so this may be the machine'}"
        )

    def times(self, row: Change) -> str:
        """Return the ratio of now to before, as tables show it."""
        return row.ratio.in_short if self.quiet else row.ratio.without_interval().in_short

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "since": self.source,
            "when": self.when,
            "differences": list(self.differences),
            "stages": [row.as_dict() for row in self.rows],
        }


def read_run(path: str) -> OldRun:
    """Read the JSON that `bench --json` wrote. Raises BenchError."""
    try:
        raw = json.loads(read_regular(path, _MOST_BYTES))
    except OSError as error:
        raise BenchError(
            f"{path} can't be read: {error.strerror}; expected what `edgecnn bench --json` writes"
        ) from error
    except (ValueError, RecursionError) as error:
        raise BenchError(f"{path} is no JSON, expected what `edgecnn bench --json` writes") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        found = raw.get("format") if isinstance(raw, dict) else None
        raise BenchError(
            f"{path} is no report of `edgecnn bench --json` of format {FORMAT} "
            f"(its format is {_short(found)}): measure again with this version"
        )
    try:
        when, model, edgecnn = (_typed(raw, key, str) for key in ("when", "model", "edgecnn"))
        frames = _typed(raw, "frames", str)
        doubts = [_typed({"doubts": doubt}, "doubts", str) for doubt in _typed(raw, "doubts", list)]
        board = _typed(raw, "board", dict)
        common = {key: _typed(board, key, str, int, list, type(None)) for key in _COMMON if key in board}
        candidates = dict(map(_older, _typed(raw, "results", list)))
    except ValueError as error:
        raise BenchError(f"{path} is a damaged report: {error}; measure again") from error
    return OldRun(path, when, model, edgecnn, common, frames, doubts, candidates)


def _older(result: Any) -> tuple[tuple[str, str, int], Older]:
    stages = _typed(result, "block_medians_ms", dict)
    blocks = {stage: _medians(stages, stage) for stage in stages}
    key = _typed(result, "variant", str), _typed(result, "engine", str), _typed(result, "threads", int)
    return key, Older(
        _typed(result, "engine_version", str, type(None)), _typed(result, "sha256", str), blocks
    )


def _medians(stages: dict[str, Any], stage: str) -> list[float]:
    medians = _typed(stages, stage, list)
    if not 0 < len(medians) <= _MOST_BLOCKS:
        raise ValueError(f"{_short(stage)} has {len(medians):,} latencies, expected 1 to {_MOST_BLOCKS:,}")
    for ms in medians:
        if type(ms) not in (int, float) or not 0 < ms < _MOST_MS:
            raise ValueError(f"{_short(stage)} has the latency {_short(ms)}, expected milliseconds above 0")
    return [float(ms) for ms in medians]


def _typed(table: Any, key: str, *kinds: type) -> Any:
    """Return a value of one of these types; texts are made printable.

    Raises ValueError, which names the key.
    """
    if not isinstance(table, dict) or key not in table:
        raise ValueError(f"there is no {_short(key)}")
    value = table[key]
    if type(value) not in kinds:
        raise ValueError(f"{_short(key)} is {_short(value)}, expected {_WORDS[kinds[0]]}")
    return printable(value) if isinstance(value, str) else value


def _short(value: Any) -> str:
    return reprlib.repr(value)


def require_shared(old: OldRun, candidates: Sequence[Candidate]) -> None:
    """Raise BenchError where an older run has none of these candidates."""
    if not any((c.variant, c.engine, c.threads) in old.candidates for c in candidates):
        names = [f"{v} on {e} with {t} threads" for v, e, t in old.candidates]
        more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
        there = "; ".join([*names[:_NAMED], *more])
        raise BenchError(f"{old.source} has none of the candidates to measure; it has {there or 'nothing'}")


def find_changes(old: OldRun, new: _Run) -> Changes:
    """Compare a run with an older one, candidate by candidate."""
    rows: list[Change] = []
    differences = _differences(old, new)
    for name, c in new.names.items():
        before = old.candidates.get((c.variant, c.engine, c.threads))
        if before is None:
            differences.append(f"{name} was not in that run")
            continue
        if before.sha256 != c.sha256:
            differences.append(
                f"{name}: another model file, {before.sha256[:12]}… then, {c.sha256[:12]}… now"
            )
        if (before.engine_version or "") != c.engine_version:
            differences.append(f"{name}: {c.engine} {before.engine_version} then, {c.engine_version} now")
        rows += [
            _change(name, stage, before.blocks[stage], c) for stage in c.stages if stage in before.blocks
        ]
    quiet = not (old.doubts or new.doubts)
    return Changes(old.source, old.when, tuple(differences), tuple(rows), quiet)


def _change(name: str, stage: str, before: list[float], candidate: Candidate) -> Change:
    now = [median(block) for block in candidate.values(stage)]
    # A stage may be shorter than the clock's resolution, and 0 can't divide.
    least = 1e-6
    ratio = ratio_of_runs([max(v, least) for v in now], [max(v, least) for v in before])
    return Change(name, stage, median(before), median(now), ratio)


def _differences(old: OldRun, new: _Run) -> list[str]:
    board = new.board.as_dict()
    found = [
        f"another machine: {key.replace('_', ' ')} {_plain(old.board[key])} then, {_plain(board[key])} now"
        for key in _COMMON
        if key in old.board and _plain(old.board[key]) != _plain(board[key])
    ]
    if old.model != new.model:
        found.append(f"another model: {old.model} then, {new.model} now")
    if old.frames != new.frames:
        found.append(f"other frames: {old.frames} then, {new.frames} now")
    if old.doubts:
        found.append(f"that run was not quiet: {'; '.join(map(str, old.doubts))}")
    return found


def _plain(value: Any) -> str:
    """Return a machine's property as text; JSON turned tuples into lists."""
    return ", ".join(map(str, value)) or "none" if isinstance(value, list | tuple) else str(value)
