"""What `edgecnn data check` prints."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn_train.inspection.check import CheckReport

_WIDTH = 80
# How many examples of a finding, and how many classes, are printed.
_EXAMPLES = 5
_CLASSES_SHOWN = 24


def report_lines(report: CheckReport) -> Iterator[str]:
    """Yield the lines of a report: the dataset, then the findings, worst first."""
    seen = report.seen
    yield f"{report.path}: {len(seen):,} images in {len(seen.labels)} classes"
    yield ""
    yield from _table(report)
    yield ""
    low, middle, high = (report.sizes()[k] for k in ("min", "median", "max"))
    yield f"sizes   {low[0]}×{low[1]} pixels"
    if low != high:
        yield f"        to {high[0]}×{high[1]}, {middle[0]}×{middle[1]} in the median"
    colored = int(seen.colored.sum())
    yield f"color   {colored:,} in color, {len(seen) - colored:,} gray"
    yield ""
    if not report.findings:
        yield "Nothing was found that needs to be fixed."
    for finding in report.findings:
        yield from _wrap(f"{finding.level.upper():8}", finding.what[0].upper() + finding.what[1:])
        for example in finding.examples[:_EXAMPLES]:
            yield from _wrap(" " * 10, example)
        if (more := len(finding.examples) - _EXAMPLES) > 0:
            yield f"          and {more:,} more (--json has them all)"
        yield from _wrap("        → ", finding.todo)
        yield ""


def _wrap(first: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False
    )


def _table(report: CheckReport) -> Iterator[str]:
    """Yield a table of the images by class and split; of many classes, only the smallest."""
    rows = report.counts()
    columns = [k for k in rows[0] if k != "label"]
    left_out = max(0, len(rows) - _CLASSES_SHOWN)
    if left_out:
        rows = sorted(rows, key=lambda r: r["pictures"])[:_CLASSES_SHOWN]
    wide = min(36, max(5, *(len(r["label"]) for r in rows)))
    yield "class".ljust(wide) + "".join(f"{'images' if c == 'pictures' else c:>12}" for c in columns)
    for row in rows:
        yield row["label"][:wide].ljust(wide) + "".join(f"{row[c]:>12,}" for c in columns)
    if left_out:
        yield f"and {left_out} larger classes (--json has them all)"
