"""The fastest way to run a model on this machine: its variants on the installed engines, measured once."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from edgecnn.bundle.bundle import find, open_model, read_bundle
from edgecnn.bundle.input_spec import Given
from edgecnn.coral.devices import why_no_device
from edgecnn.defaults import ALLOWED_DROP, AUTO
from edgecnn.engine import can_fork, measured_engines
from edgecnn.io.cache import Cache
from edgecnn.io.json_text import to_json
from edgecnn.io.printable import printable
from edgecnn.machine.board import describe_board
from edgecnn.machine.processor import describe_processor
from edgecnn.machine.program import run_program

if TYPE_CHECKING:
    from edgecnn.bundle.bundle import Bundle

# For the process that measures: most of it is for starts from a cold SD card.
_PATIENCE_S = 60.0
# Another way has to be worth it: figures of the same way differ by some percent.
WORTH = 0.95
_LONGEST_MS = 1e6
LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Way:
    """A variant on an engine."""

    variant: str
    engine: str

    def __str__(self) -> str:
        return f"{self.variant} on {self.engine}"


@dataclass(frozen=True, slots=True)
class Fastest:
    """What was measured.

    Attributes
    ----------
    way
        The fastest one, or the usual one where no other is faster by 5 %.
    medians_ms
        The median of a frame in ms from its pixels to its label, for each way that runs; the usual one first.
    refused
        Why other ways do not run.
    remembered
        Whether it was measured before.
    """

    way: Way
    medians_ms: dict[Way, float]
    refused: tuple[str, ...]
    remembered: bool

    def engine_for(self, variant: str | None, asked: str) -> str:
        """Return the fastest engine of a variant; the one that was asked for where it was not measured."""
        ways = {way: ms for way, ms in self.medians_ms.items() if way.variant == variant}
        return _choose(ways).engine if ways else asked

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it: the chosen way, the figures of all, and why others do not run."""
        ms = {str(way): round(median, 4) for way, median in self.medians_ms.items()}
        return {"way": str(self.way), "ms": ms, "refused": list(self.refused)}

    def __str__(self) -> str:
        others = "; ".join(f"{way} {ms:.3g} ms" for way, ms in self.medians_ms.items() if way != self.way)
        how = "measured before" if self.remembered else "measured now"
        found = f"auto: {self.way}, {self.medians_ms[self.way]:.3g} ms a frame from a camera"
        return "; ".join([f"{found} ({others}; {how})" if others else f"{found} ({how})", *self.refused])


def find_fastest(
    model: str,
    variant: str | None,
    engine: str,
    threads: int | Literal["auto"],
    given: Given | None = None,
    *,
    side_by_side: bool = False,
) -> Fastest | None:
    """Measure the ways to run a model, interleaved, with frames of 640×480, for about a second.

    The result is cached by the files, versions, threads and processor, unless a way failed for a reason that
    may pass, such as a full disk.

    Parameters
    ----------
    model, given
        As `load` takes them.
    variant
        `auto` or None for all whose recorded accuracy is within a point of the best; else the one.
    engine
        `auto` for all that are installed; else the one.
    side_by_side
        Whether several processes will classify, for which `auto` takes an engine whose copies work.

    Returns
    -------
    None where there is nothing to choose: one way, an Edge TPU, or an engine that is never measured.

    Also where none could be measured: opening the usual one says why.

    Raises
    ------
    EdgeCnnError
        For a model that is missing or can't be read.
    """
    given = given or Given()
    path = find(model)
    bundle = read_bundle(path) if path.is_dir() else None
    opened = None if bundle else open_model(model, None, given)
    names = _variants(bundle, variant) if bundle else [opened.variant] if opened else []
    engines = measured_engines()
    if engine != AUTO:
        version = engines.get(engine.partition(":")[0])
        engines = {} if version is None else {engine: version}
    elif why_no_device() is None:  # which computes while the processor does other work
        return None
    if side_by_side and engine == AUTO:
        engines = {name: version for name, version in engines.items() if can_fork(name)}
    ways = [Way(name, each) for name in names for each in engines]
    if len(ways) < 2:
        return None
    files = [bundle.variants[name].sha256 for name in names] if bundle else [repr(given)]
    files += [hashlib.sha256(opened.data).hexdigest()] if opened else []
    board = describe_board()
    parts = [*files, *map(str, ways), *engines.values(), str(threads), str(describe_processor())]
    key = hashlib.sha256("\n".join([*parts, f"{board.cores} cores"]).encode()).hexdigest()
    cache = Cache("fastest")
    if (known := _remembered(cache.get(key), ways)) is not None:
        return known
    measured = measure_apart(model, ways, threads, given)
    if not measured.medians_ms:
        return None
    found = Fastest(_choose(measured.medians_ms), measured.medians_ms, measured.refused, remembered=False)
    if measured.lasts:
        cache.put(key, {"model": printable(model), **found.as_dict()})
    return found


def _variants(bundle: Bundle, variant: str | None) -> list[str]:
    """Return the variants to choose from, the usual one first; none for one that an accelerator runs."""
    if variant is not None and variant != AUTO:
        return [variant] if variant in bundle.portable else []
    usual = bundle.default_variant()
    right = {name: bundle.variants[name].accuracy for name in bundle.portable}
    known = [accuracy for accuracy in right.values() if accuracy is not None]
    good = [
        name
        for name, accuracy in right.items()
        if accuracy is not None and (max(known) - accuracy) * 100 <= ALLOWED_DROP + 1e-9
    ]
    return [usual, *(name for name in good if name != usual)] if usual in good else [usual]


class RaceResult(NamedTuple):
    """The median in ms of each way that runs, why others do not, and whether those never will."""

    medians_ms: dict[Way, float]
    refused: tuple[str, ...]
    lasts: bool


def measure_apart(model: str, ways: list[Way], threads: int | Literal["auto"], given: Given) -> RaceResult:
    """Measure in a child process, with which ends what the engines take; no medians where that failed."""
    described = given._replace(labels=None if given.labels is None else os.fspath(given.labels))
    request = [model, [[way.variant, way.engine] for way in ways], threads, described]
    # -P: never import a numpy.py from the current folder.
    command = [sys.executable, "-P", "-m", "edgecnn.classify.race", to_json(request)]
    code, answer, _ = run_program(command, _PATIENCE_S)
    failed = RaceResult({}, (), lasts=False)
    if code:
        return failed
    try:
        found, refused, lasts = json.loads(answer)
    except ValueError:  # a library that prints on stdout
        return failed
    return RaceResult({Way(name, engine): median for name, engine, median in found}, tuple(refused), lasts)


def _choose(medians: dict[Way, float]) -> Way:
    """Return the fastest way, or the first one where that is hardly slower."""
    usual = next(iter(medians))
    best = min(medians, key=medians.__getitem__)
    return best if medians[best] < medians[usual] * WORTH else usual


def _remembered(kept: dict[str, Any] | None, ways: list[Way]) -> Fastest | None:
    """Return what is cached; None where measuring these ways can't have found it."""
    match kept:
        case {"ms": dict(ms), "refused": [*reasons]}:
            medians = {way: ms[str(way)] for way in ways if str(way) in ms}
            numbers = all(type(value) in (int, float) and 0 <= value < _LONGEST_MS for value in ms.values())
            if medians and len(medians) == len(ms) and numbers and all(type(r) is str for r in reasons):
                texts = tuple(printable(reason[:LONGEST_REASON]) for reason in reasons)
                return Fastest(_choose(medians), medians, texts, remembered=True)
    return None
