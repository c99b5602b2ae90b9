"""A run as one HTML page: plots and tables, without scripts or external files, for light and dark mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.bench.figures import draw_figures
from edgecnn.bench.summary import costs, machine, notes, shared_settings, summarize_ratios
from edgecnn.defaults import VERSION
from edgecnn.io.markup import Html, fill, joined, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.bench.report import BenchResult

_MOST_VERDICTS = 2
# The policy lets a browser load nothing, in case anything gets past the escaping.
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root { --ink: #1c2128; --soft: #5b6470; --paper: #fff; --line: #d8dde3; --warn: #fff4d6 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dfe4ea; --soft: #98a2ae; --paper: #14181d; --line: #333b45; --warn: #3d3213 }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
body { max-width: 64rem; margin: 1.5rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem }
h2 { font-size: 1.15rem; margin-top: 2rem; border-bottom: 1px solid var(--line) }
.soft, figcaption { color: var(--soft) }
.verdict { font-size: 1.1rem }
.warn { background: var(--warn); padding: .6rem .9rem; border-radius: .4rem }
div { overflow-x: auto }
table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--line); text-align: right }
th { vertical-align: bottom; font-weight: 600 }
.left { text-align: left }
section.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)) }
section.plots { gap: 1.2rem; align-items: start }
figure { margin: 0 }
figure svg { width: 100%; height: auto }
</style>
</head>
<body>
<h1>$title</h1>
<p class="soft">$about</p>
$doubts
$verdict
<section class="plots">
$plots
</section>
$sections
<h2>Machine</h2>
$machine
</body>
</html>
"""


def draw_page(report: BenchResult) -> str:
    """Return the page's HTML. Raises MissingExtra without matplotlib."""
    variants = list(dict.fromkeys(c.variant for c in report.candidates))
    about = (
        f"{report.runs:,} runs each, interleaved, on the same {report.frames}; "
        f"{report.when:%Y-%m-%d %H:%M} UTC, edgecnn {VERSION}, seed {report.seed}"
    )
    return fill(
        _PAGE,
        title=f"{report.model}: {variants[0]} against {', '.join(variants[1:])}"
        if variants[1:]
        else report.model,
        about=about,
        doubts=_doubts(report),
        verdict=joined(fill('<p class="verdict">$line</p>', line=line) for line in _short(report)),
        plots=joined(
            fill("<figure><figcaption>$title</figcaption>$svg</figure>", title=title, svg=svg)
            for title, svg in draw_figures(report)
        ),
        sections=joined(_sections(report)),
        machine=_lines([*machine(report), *notes(report)]),
    )


def _short(report: BenchResult) -> list[str]:
    """Return the ratios in words, of the variants alone where there are many; the table has all."""
    if len(report.comparisons) <= _MOST_VERDICTS:
        return summarize_ratios(report)
    return summarize_ratios(report, lambda c: c.by == "variant")


def _doubts(report: BenchResult) -> Html:
    if not report.doubts:
        return Html("")
    items = joined(fill("<li>$doubt</li>", doubt=doubt) for doubt in report.doubts)
    return fill('<div class="warn">This was not a quiet run:<ul>$items</ul></div>', items=items)


def _lines(lines: list[str]) -> Html:
    return joined(fill("<p>$line</p>", line=line) for line in lines)


def _sections(report: BenchResult) -> Iterator[Html]:
    yield _section("Latency, ms", _latencies(report))
    if report.comparisons:
        quiet = ", with the 95 % interval" if not report.doubts else ""
        yield _section(f"Speed ratio{quiet}", _ratios(report))
    yield _section("Other costs", _costs(report))
    if report.changes:
        yield _section("Changes since an older run", _changes(report))
    if report.operators:
        yield _section(f"Operators of {report.operators.variant}", _operators(report))


def _section(title: str, content: Html) -> Html:
    return fill("<h2>$title</h2>\n$content", title=title, content=content)


def _latencies(report: BenchResult) -> Html:
    stages = report.candidates[0].stages
    rows = [
        (name if row == "min" else "", row, *(f"{getattr(s, f'{row}_ms'):.4f}" for s in spreads))
        for name, c in report.names.items()
        for spreads in [[c.spread(stage) for stage in stages]]
        for row in ("min", "p50", "p90", "p99")
    ]
    return table(("", "", *stages), rows, left=2)


def _ratios(report: BenchResult) -> Html:
    heads = tuple(report.comparisons[0].ratios)
    rows = [
        (
            shared_settings(report, c),
            " : ".join(c.names),
            *(r.in_short for r in c.ratios.values()),
        )
        for c in report.comparisons
    ]
    return table(("", "", *heads), rows, left=2)


def _costs(report: BenchResult) -> Html:
    columns = [costs(report, c) for c in report.candidates]
    heads = dict.fromkeys(head for column in columns for head in column)
    return table(
        ("", *report.names),
        [(head.replace("  ", "– ", 1), *(c.get(head, "") for c in columns)) for head in heads],
    )


def _changes(report: BenchResult) -> Html:
    found = report.changes
    if found is None:
        return Html("")
    rows = [
        (
            c.candidate, c.stage, f"{c.before_ms:.4f}", f"{c.now_ms:.4f}",
            found.times(c), c.outcome,
        )
        for c in found.rows
    ]  # fmt: skip
    heads = ("", "stage", "then", "now", "now / then", "")
    return joined([_lines([*found.differences, found.summary]), table(heads, rows, left=2)])


def _operators(report: BenchResult) -> Html:
    found = report.operators
    if found is None:
        return Html("")
    rows = [
        (
            f"{c.index + 1} {c.operator}", "×".join(map(str, c.shape[1:])), f"{c.macs:,}",
            f"{c.macs / found.macs:.1%}" if c.macs else "", f"{c.weight_bytes / 1024:.1f}",
            f"{c.activation_bytes / 1024:.1f}", "" if c.ms is None else f"{c.ms:.4f}",
        )
        for c in found.costs
    ]  # fmt: skip
    heads = ("", "writes", "MACs", "share", "weights, KiB", "activations, KiB", "ms")
    parts = [table(heads, rows)]
    if found.untimed:
        parts.append(_lines([f"times of operators: {found.untimed}"]))
    if found.others:
        kernels = [(t.kind, str(t.calls), f"{t.ms:.4f}") for t in found.others]
        parts.append(table(("by benchmark_model", "calls", "ms"), kernels))
    return joined(parts)
