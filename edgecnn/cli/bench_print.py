"""What `edgecnn bench` says on the screen, and as CSV."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from edgecnn.cli.options import choice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.table import Table

    from edgecnn.bench import Comparison, Contestant, Report

# What fits on a screen: contestants with all percentiles, ratios in words, doubts.
_MOST_WITH_ALL = 4
_MOST_VERDICTS = 2
_MOST_DOUBTS = 4
_MOST_COLUMNS = 4


def print_report(result: Report, console: Console) -> None:
    """Print the tables, the ratios and the machine."""
    for doubt in _doubts(result):
        console.print(doubt, style="yellow", soft_wrap=True, markup=False)
    for part in (*_speed(result), *_costs(result), *_notes(result), *machine(result), *_operators(result)):
        console.print(part, soft_wrap=isinstance(part, str), markup=False)


def _doubts(result: Report) -> Iterator[str]:
    doubts = result.doubts
    for doubt in doubts[:_MOST_DOUBTS]:
        yield f"not a quiet run: {doubt}"
    if len(doubts) > _MOST_DOUBTS:
        yield f"not a quiet run: {len(doubts) - _MOST_DOUBTS} more reasons are in the JSON"


def _speed(result: Report) -> Iterator[Table | str]:
    """Give the latencies and their ratios: a few in words, more as a table."""
    yield f"{result.model}: {result.runs:,} runs each, in turn, on the same {result.frames}"
    yield _latencies(result)
    yield from dict.fromkeys(filter(None, (choice(c.classifier.engine) for c in result.contestants)))
    if len(result.comparisons) > _MOST_VERDICTS:
        yield "how many times as fast, with the 95 % interval"
        yield _ratios(result)
    else:
        yield from verdict(result)


def _latencies(result: Report) -> Table:
    """Return the percentiles of each stage, a row each; of many contestants without the least ones."""
    from rich.markup import escape

    lead = result.contestants[0]
    rows = ["min", "p50", "p90", "p99"][len(result.contestants) > _MOST_WITH_ALL :]
    table = _table("", "ms", *lead.stages)
    for name, contestant in result.names.items():
        spreads = [contestant.spread(stage) for stage in lead.stages]
        for row, called in zip_longest(rows, name.split(", ")):
            values = [f"{getattr(spread, f'{row}_ms'):.4f}" for spread in spreads]
            table.add_row(
                escape(called or ""), row, *values,
                style="bold" if row == "p50" else "", end_section=row == rows[-1],
            )  # fmt: skip
    return table


def _ratios(result: Report) -> Table:
    """Return all ratios, a row each."""
    from rich.markup import escape

    table = _table("", "", "inference", "total")
    for column in table.columns[:2]:
        column.no_wrap, column.overflow, column.justify = False, "fold", "left"
    for c in result.comparisons:
        cells = [f"{r.value:.2f} ({r.low:.2f}–{r.high:.2f})" for r in (c.inference, c.total)]
        table.add_row(escape(_same(result, c)), escape(" : ".join(c.names)), *cells)
    return table


def _costs(result: Report) -> Iterator[Table]:
    """Give tables of what contestants cost beside time in the steady state, a column each."""
    from rich.markup import escape

    columns = {name: costs(result, c) for name, c in result.names.items()}
    names = list(columns)
    for first in range(0, len(names), _MOST_COLUMNS):
        some = names[first : first + _MOST_COLUMNS]
        table = _table("", *(escape(name.replace(", ", "\n")) for name in some))
        for head in dict.fromkeys(head for name in some for head in columns[name]):
            table.add_row(head, *(columns[name].get(head, "") for name in some))
        yield table


def costs(result: Report, c: Contestant) -> dict[str, str]:
    """Return what is known of a contestant beside its latencies, as it is shown."""
    from edgecnn.arena import arena_bytes

    found = {
        "file, KiB": f"{c.file_bytes / 1024:.1f}",
        "activations (planned), KiB": f"{arena_bytes(c.classifier.model.file) / 1024:.1f}",
    }
    if cold := c.cold_start:
        found["a process of its own, at most, MiB"] = f"{cold.peak_memory_mib:.0f}"
        found["cold start to the first label, ms"] = f"{cold.total_ms:.0f}"
        found["  Python and imports, ms"] = f"{cold.python_ms + cold.import_ms:.0f}"
        found["  load, ms"] = f"{cold.load_ms:.1f}"
        found["  first picture, ms"] = f"{cold.first_ms:.2f}"
    if c.warm_up:
        found["runs until steady"] = f"{c.warm_up.runs:,}"
    if (achieved := c.macs_per_second()) is not None:
        found["GMAC a second"] = f"{achieved / 1e9:.1f}"
    if (share := result.share_of_peak(c)) is not None:
        found["  of the int8 peak"] = f"{share:.0%}"
    if c.energy:
        found["energy of a run, mJ"] = f"{c.energy.mj_per_run:.3f}"
        found["  above the idle machine, mJ"] = f"{c.energy.mj_above_idle:.3f}"
    if known := result.accuracy(c):
        found["top-1"] = f"{known.top1:.2%}"
        if known.agreement is not None:
            found["agreement with float"] = f"{known.agreement:.2%}"
    return found


def _operators(result: Report) -> Iterator[Table | str]:
    """Give the table of operators, and what is known of their times."""
    from rich.markup import escape

    found = result.operators
    if found is None:
        return
    timed = any(cost.ms is not None for cost in found.costs)
    yield f"\n{found.variant}, operator by operator: {found.macs / 1e6:.2f} million MACs"
    table = _table(
        "", "writes", "MACs", "share", "weights\nKiB", "activations\nKiB", *(["ms"] if timed else [])
    )
    for c in found.costs:
        table.add_row(
            f"{c.index + 1} {escape(c.operator)}",
            "×".join(map(str, c.shape[1:])),
            f"{c.macs:,}",
            f"{c.macs / found.macs:.1%}" if c.macs else "",
            f"{c.weight_bytes / 1024:.1f}",
            f"{c.activation_bytes / 1024:.1f}",
            *([] if not timed else [f"{c.ms:.4f}" if c.ms is not None else ""]),
        )
    yield table
    if found.untimed:
        yield f"times of operators: {found.untimed}"
    if found.others:
        kernels = _table("by benchmark_model", "calls", "ms")
        for row in found.others:
            kernels.add_row(escape(row.kind), str(row.calls), f"{row.ms:.4f}")
        yield kernels


def verdict(result: Report) -> list[str]:
    """Say in words what the ratios mean."""
    lines = []
    for c in result.comparisons:
        one, other = c.names
        if c.is_faster:
            words = f"{one} is {c.inference} as fast as {other}"
        elif c.is_slower:
            words = f"{one} is {c.outcome} here: {c.inference} as fast as {other}"
        else:
            words = f"{one} is {c.outcome} here: {c.inference}; a busy machine widens the interval"
        whole = f"whole path {c.total.value:.2f}× ({c.total.low:.2f}–{c.total.high:.2f})"
        if camera := c.ratios.get("camera"):
            whole += f", from a webcam's frame {camera.value:.2f}× ({camera.low:.2f}–{camera.high:.2f})"
        lines.append(f"{_same(result, c)}: {words}; {whole}")
    return lines


def _same(result: Report, c: Comparison) -> str:
    """Return what both of a comparison are; the engine where there are several."""
    from edgecnn.bench.ratios import threads

    same = {"variant": c.one.variant, "engine": c.one.engine, "threads": threads(c.one.threads)}
    if len({each.engine for each in result.contestants}) == 1:
        del same["engine"]
    same.pop(c.by, None)
    return ", ".join(same.values())


def _notes(result: Report) -> Iterator[str]:
    """Say what the shares in the table are of."""
    from edgecnn.bench.ratios import threads

    for peak in result.peaks.values():
        yield (
            f"int8 peak, {threads(peak.threads)}: {peak.macs_per_second / 1e9:.0f} GMAC a second, the most that "
            f"LiteRT reached here on products of matrices ({peak.product}); one inference is "
            f"{result.contestants[0].macs / 1e6:.2f} million MACs"
        )
    if energy := result.energy:
        told = f"energy by {energy.meter}: idle {energy.idle_w:.2f} W" if energy.meter else ""
        yield told or f"energy: not measured, {energy.unknown}"
    if known := result.knowledge:
        agreed = f"; agreement with {known.reference}" if known.reference else ""
        yield f"top-1 on {known.data}, {known.pictures:,} pictures{agreed}"
    yield f"peak memory of this process, with all of them, {result.peak_memory_mib:.0f} MiB"


def machine(result: Report) -> list[str]:
    """Say what it ran on, and how that did."""
    from edgecnn.condition import throttle_words

    board, before, after = result.board, result.before, result.after
    state = []
    if board.governor:
        state.append(f"governor {board.governor}")
    if before.clock_mhz and after.clock_mhz:
        state.append(f"{before.clock_mhz:.0f} MHz before, {after.clock_mhz:.0f} after")
    if before.temperature_c is not None and after.temperature_c is not None:
        state.append(f"{before.temperature_c:.0f} °C before, {after.temperature_c:.0f} after")
    if after.throttled is not None:
        now, since = throttle_words(after.throttled)
        state.append(f"throttled: {', '.join(now) or 'no'}; since it started: {', '.join(since) or 'no'}")
    return [board.summary, *(["; ".join(state)] if state else [])]


def _table(*heads: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(heads[0], no_wrap=True, vertical="bottom")
    for head in heads[1:]:
        table.add_column(head, justify="right", no_wrap=True, vertical="bottom")
    return table
