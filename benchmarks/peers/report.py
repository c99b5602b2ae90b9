"""What came out: rows, as JSON and as the table in docs/benchmarks.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.peers.table import OURS, PEERS
from edgecnn.errors import OutputError
from edgecnn.latency import Ratio, Spread, ratio_of_medians
from edgecnn.machine.processor import lacks_for_int8

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.peers.measure import Measured, PeerCandidate
    from edgecnn.machine.board import Board
    from edgecnn.machine.processor import Processor

# A page has a table for each kind of core, named by its int8 instructions or the lack of them.
BEGIN, END = "<!-- peers {}:begin -->", "<!-- peers {}:end -->"
AVX2 = "avx2"
_KINDS = {"VNNI": AVX2, "dotprod": "neon"}
# A waiting worker that computes for a larger share of the time has disturbed the others.
MOST_IDLE = 0.01


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate's line: `ratio` is its p50 over edgecnn's in the same blocks; above 1 it is slower."""

    candidate: PeerCandidate
    spread: Spread
    ratio: Ratio

    @property
    def wins(self) -> bool:
        """Whether it is not proven to be slower than edgecnn."""
        return self.candidate.peer != OURS and self.ratio.low <= 1

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        c = self.candidate
        return {
            "peer": c.peer,
            "preprocessing": c.way,
            "precision": c.precision,
            "latency_ms": self.spread.as_dict(),
            "ratio": {k: round(getattr(self.ratio, k), 4) for k in ("value", "low", "high")},
            "agreement": round(c.agreement, 4),
            "score_difference": {
                "median": round(median(c.differences), 6),
                "max": round(max(c.differences), 6),
            },
            "warm_up": c.warm_up,
            "blocks": len(c.blocks),
            "runs_per_block": c.runs,
        }


def kind_of(processor: Processor) -> str:
    """Return the kind of core: `vnni`, `avx2`, `dotprod` or `neon`."""
    lacks = lacks_for_int8(processor.instructions)
    return _KINDS.get(lacks, "dotprod" if "NEON" in processor.instructions else "vnni")


def rows(measured: Measured) -> list[Row]:
    """Return a line for each candidate, edgecnn's own first; none where edgecnn itself has failed."""
    ours = next((c for c in measured.candidates if c.peer == OURS), None)
    if ours is None or not ours.blocks:
        return []
    return [
        Row(c, Spread.of([ms for block in c.blocks for ms in block]), ratio_of_medians(c.blocks, ours.blocks))
        for c in measured.candidates
    ]


def as_dict(results: Sequence[Measured], board: Board, settings: dict[str, Any]) -> dict[str, Any]:
    """Return everything for JSON."""
    return {
        "board": board.as_dict(),
        "settings": settings,
        "versions": versions(results),
        "networks": [
            {
                "name": m.network.name,
                "macs": m.network.macs,
                "calibrated_on": m.network.calibrated_on,
                "compared_on": m.network.compared_on,
                "results": [row.as_dict() for row in rows(m)],
                "failures": m.failures,
                "notes": m.notes,
                "idle": {peer: round(share, 5) for peer, share in m.idle.items()},
                "doubts": m.doubts,
                "order": m.order,
                "spans": m.spans,
            }
            for m in results
        ],
    }


def versions(results: Sequence[Measured]) -> dict[str, dict[str, str]]:
    """Return each peer's packages."""
    return {peer: found for m in results for peer, found in m.versions.items()}


def markdown(results: Sequence[Measured], board: Board, settings: dict[str, Any]) -> str:
    """Return the section that goes between the markers of docs/benchmarks.md."""
    told = ", ".join(
        f"{k} {v}"
        for k, v in sorted({k: v for p in versions(results).values() for k, v in p.items()}.items())
    )
    lines = [
        f"{board.summary}, {settings['date']}; {settings['blocks']} blocks of up to {settings['runs']} runs, "
        f"one thread each, {settings['core']}{settings['pause']}{settings['hidden']}. "
        "Whole path from a 640×480 BGR frame in memory to the best label and its score. *× ours* is the "
        "peer's p50 over edgecnn's in the same blocks, with its 95 % interval: above 1, edgecnn is faster.",
        "",
        f"Versions: {told}.",
    ]  # fmt: skip
    for m in results:
        lines += ["", f"#### {m.network.title}", "", *_network(m)]
    return "\n".join(lines) + "\n"


def _network(m: Measured) -> Iterator[str]:
    found = rows(m)
    yield (
        f"{m.network.macs / 1e6:.3g} million multiplications. Answers compared on {m.network.compared_on}; "
        f"peers calibrated on {m.network.calibrated_on}."
    )
    for doubt in m.doubts:
        yield f"\nNot a quiet run: {doubt}."
    yield ""
    yield (
        "| runtime | runs as | preprocessing | p50 µs | p99 µs | × ours | same label as float "
        "| scores off by, median (most) |"
    )
    yield "|---|---|---|---:|---:|---:|---:|---:|"
    for row in found:
        yield _line(row)
    yield ""
    yield _verdict(found)
    for peer, reason in m.failures.items():
        yield f"- {PEERS[peer].title} could not be run: {reason}"
    for peer, texts in m.notes.items():
        for text in texts:
            yield f"- {PEERS[peer].title}: {text}"
    for peer, share in m.idle.items():
        if share > MOST_IDLE:
            yield f"- {PEERS[peer].title} computed for {share:.0%} of the time while others were measured."


def _line(row: Row) -> str:
    c, spread, ratio = row.candidate, row.spread, row.ratio
    ours = c.peer == OURS
    way = "its own" if ours else "edgecnn's" if c.way == "ours" else PEERS[c.peer].resize
    times = "1" if ours else f"{_figure(ratio.value)} ({_figure(ratio.low)} to {_figure(ratio.high)})"
    if row.wins:
        times = f"**{times}**"
    return (
        f"| {PEERS[c.peer].title} | {c.precision} | {way} | {spread.p50_ms * 1e3:,.0f} "
        f"| {spread.p99_ms * 1e3:,.0f} | {times} | {c.agreement:.1%} "
        f"| {median(c.differences):.4f} ({max(c.differences):.3f}) |"
    )


def _verdict(found: list[Row]) -> str:
    if not found:
        return "edgecnn itself could not be run, so there is nothing to compare with."
    winners = [row for row in found if row.wins]
    if not winners:
        return "edgecnn is faster than each of them, with the whole interval above 1."
    with_whose = {"ours": "with edgecnn's preprocessing", "theirs": "with its own"}
    names = "; ".join(
        f"{PEERS[c.peer].title} ({c.precision}, {with_whose[c.way]}): {ratio.value:.3f}"
        for c, ratio in ((row.candidate, row.ratio) for row in winners)
    )
    return f"Not slower than edgecnn, or not provably: {names}."


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def between_markers(page: str, section: str, kind: str) -> str:
    """Return a page with the section between the markers of its kind. Raises OutputError without them."""
    begin, end = BEGIN.format(kind), END.format(kind)
    if begin not in page or end not in page:
        raise OutputError(f"the page has no {begin} … {end}: put both on lines of their own")
    return re.sub(
        f"{begin}.*?{end}", lambda _: f"{begin}\n{section.strip()}\n{end}", page, count=1, flags=re.DOTALL
    )
