"""What `edgecnn bench` says on the screen, and as CSV."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

from edgecnn.engine.choice import choice

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console
    from rich.table import Table

    from edgecnn.bench import BenchResult

# What fits on a screen: candidates with all percentiles, ratios in words, doubts.
_MOST_WITH_ALL = 4
_MOST_VERDICTS = 2
_MOST_DOUBTS = 4
_MOST_COLUMNS = 4
_WIDEST = 1000


def print_report(result: BenchResult, console: Console) -> None:
    """Print the tables, the ratios and the machine to a console that takes no markup: names hold any text."""
    for doubt in _doubts(result):
        console.print(doubt, style="yellow", soft_wrap=True)
    from edgecnn.bench.summary import machine, notes

    tables = (list(_costs(result, columns)) for columns in range(_MOST_COLUMNS, 0, -1))
    fitting = (some for some in tables if all(_width(table, console) <= console.width for table in some))
    costs = next(fitting, None) or list(_costs(result, 1))
    about: tuple[Table | str, ...] = (*costs, *notes(result), *machine(result))
    for part in (*_speed(result), *about, *_operators(result), *_changes(result)):
        if isinstance(part, str):
            console.print(part, soft_wrap=True)
        else:
            _print_table(part, console)


def _print_table(table: Table, console: Console) -> None:
    """Print a table, wider than the screen rather than with a number cut off."""
    screen = console.width
    console.width = max(screen, _width(table, console))
    console.print(table)
    console.width = screen


def _width(table: Table, console: Console) -> int:
    """Return how wide a table is at least."""
    from rich.measure import Measurement

    return Measurement.get(console, console.options.update(max_width=_WIDEST), table).minimum


def _doubts(result: BenchResult) -> Iterator[str]:
    doubts = result.doubts
    for doubt in doubts[:_MOST_DOUBTS]:
        yield f"not a quiet run: {doubt}"
    if len(doubts) > _MOST_DOUBTS:
        yield f"not a quiet run: and {len(doubts) - _MOST_DOUBTS} more, which --json FILE has"


def _speed(result: BenchResult) -> Iterator[Table | str]:
    """Give the latencies and their ratios: a few in words, more as a table."""
    from edgecnn.bench.summary import summarize_ratios

    yield f"{result.model}: {result.runs:,} runs each, interleaved, on the same {result.frames}"
    yield _latencies(result)
    yield from dict.fromkeys(filter(None, (choice(c.classifier.engine) for c in result.candidates)))
    if len(result.comparisons) > _MOST_VERDICTS:
        quiet = not result.doubts
        interval = ", with the 95 % interval" if quiet else " (not a quiet run: no intervals)"
        yield f"how many times as fast{interval}"
        yield _ratios(result)
        # A result that no one would guess is printed in words too.
        yield from summarize_ratios(result, lambda c: c.by == "variant" and c.is_slower)
    else:
        yield from summarize_ratios(result)


def _latencies(result: BenchResult) -> Table:
    """Return the percentiles of each stage, a row each; of many candidates without the least ones."""
    from rich.text import Text

    lead = result.candidates[0]
    rows = ["min", "p50", "p90", "p99"][len(result.candidates) > _MOST_WITH_ALL :]
    table = _table("", "ms", *lead.stages)
    for name, candidate in result.names.items():
        spreads = [candidate.spread(stage) for stage in lead.stages]
        for row, called in zip_longest(rows, name.split(", ")):
            style = "bold" if row == "p50" else ""
            values = [Text(f"{getattr(spread, f'{row}_ms'):.4f}", style) for spread in spreads]
            table.add_row(called or "", row, *values, end_section=row == rows[-1])
    return table


def _ratios(result: BenchResult) -> Table:
    """Return all ratios, a row each."""
    from edgecnn.bench.summary import shared_settings

    table = _table("", "", "inference", "total")
    table.columns[1].justify = "left"
    for c in result.comparisons:
        cells = [r.in_short for r in (c.inference, c.total)]
        table.add_row(shared_settings(result, c), " : ".join(c.names), *cells)
    return table


def _costs(result: BenchResult, most: int) -> Iterator[Table]:
    """Yield tables of the costs besides steady-state latency, a column each, `most` columns in one."""
    from edgecnn.bench.summary import costs

    columns = {name: costs(result, c) for name, c in result.names.items()}
    names = list(columns)
    for first in range(0, len(names), most):
        some = names[first : first + most]
        table = _table("", *(name.replace(", ", "\n") for name in some))
        for head in dict.fromkeys(head for name in some for head in columns[name]):
            table.add_row(head, *(columns[name].get(head, "") for name in some))
        yield table


def _operators(result: BenchResult) -> Iterator[Table | str]:
    """Give the table of operators, and what is known of their times."""
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
            f"{c.index + 1} {c.operator}",
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
            kernels.add_row(row.kind, str(row.calls), f"{row.ms:.4f}")
        yield kernels


def _changes(result: BenchResult) -> Iterator[Table | str]:
    """Give what is other than in an older run."""
    found = result.changes
    if found is None:
        return
    yield ""
    # First of all, since another machine may be all that has changed.
    yield from (f"not the same: {difference}" for difference in found.differences)
    yield found.summary
    table = _table("", "stage", "then ms", "now ms", "now / then", "")
    table.columns[1].justify = "left"
    last = ""
    for row in found.rows:
        name, last = ("" if row.candidate == last else row.candidate), row.candidate
        word = "" if row.outcome == "same" else row.outcome
        times = f"{row.before_ms:.4f}", f"{row.now_ms:.4f}"
        cells = name, row.stage, *times, found.times(row), word
        table.add_row(*cells, style="bold" if word else "")
    yield table


def _table(*heads: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(heads[0], overflow="fold", vertical="bottom")
    for head in heads[1:]:
        table.add_column(head, justify="right", overflow="fold", vertical="bottom")
    return table
