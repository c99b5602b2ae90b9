"""What `edgecnn models compare` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.io.printable import open_console, printable

if TYPE_CHECKING:
    from rich.table import Table

    from edgecnn.bench.compare import Row

# Wide enough for the table where no terminal says how wide it is.
_WIDTH = 120


def print_rows(rows: list[Row], board: str) -> None:
    """Print the table, and below it what the numbers were measured on.

    Names are never broken: if they leave no room for the numbers, each stands above its variants.
    """
    from rich.measure import Measurement

    console = open_console()
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    table = _Table(rows)
    whole = table.of(rows, names=True)
    unlimited = console.options.update_width(10_000)
    if Measurement.get(console, unlimited, whole).maximum <= console.width:
        console.print(whole)
    else:
        for k, name in enumerate(dict.fromkeys(row.model for row in rows)):
            console.print(printable(name), soft_wrap=True, markup=False)
            of_model = [row for row in rows if row.model == name]
            console.print(table.of(of_model, head=k == 0))
    for line in _notes(rows):
        console.print(line, soft_wrap=True)
    threads = rows[0].threads
    console.print(
        f"{board}; {threads} thread{'s' * (threads > 1)}, interleaved, on the same 640×480 frames",
        soft_wrap=True,
    )


class _Table:
    """The cells of the table, as wide as all rows need them."""

    def __init__(self, rows: list[Row]) -> None:
        self._robust = any(row.accuracy.robustness is not None for row in rows)
        self._heads = [
            "", "top-1", *(["under cor-\nruptions"] if self._robust else []), "file\nKiB", "million\nMACs",
            "memory\nKiB", "inference, ms\np50 / p99", "to labels, ms\np50 / p99",
        ]  # fmt: skip
        columns = zip(self._heads, *map(self._cells, rows), strict=True)
        self._widths = [max(len(line) for cell in column for line in cell.split("\n")) for column in columns]

    def of(self, rows: list[Row], *, names: bool = False, head: bool = True) -> Table:
        """Return a table of these rows, optionally with a column of names and a head."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0), show_header=head)
        if names:
            table.add_column("model", no_wrap=True, vertical="bottom")
        for k, (text, width) in enumerate(zip(self._heads, self._widths, strict=True)):
            table.add_column(
                text, justify="right" if k else "left", no_wrap=True, min_width=width, vertical="bottom"
            )
        for row, after in zip(rows, [*rows[1:], None], strict=True):
            name = [Text(printable(row.model))] if names else []
            table.add_row(*name, *self._cells(row), end_section=after is None or after.model != row.model)
        return table

    def _cells(self, row: Row) -> list[str]:
        known = row.accuracy
        return [
            row.variant,
            _share(known.top1, 2),
            *([_share(known.robustness, 1)] if self._robust else []),
            f"{row.file_bytes / 1024:.1f}",
            f"{row.macs / 1e6:.2f}",
            f"{row.arena_bytes / 1024:.1f}",
            *(f"{s.p50_ms:.3f} / {s.p99_ms:.3f}" for s in (row.latency["inference"], row.latency["total"])),
        ]


def _notes(rows: list[Row]) -> list[str]:
    """Return lines on where the accuracies come from, and whether they can be compared."""
    from edgecnn.bench.compare import differ_in_data

    known = {row.model: row.accuracy for row in rows if row.accuracy.top1 is not None}
    missing = [name for name in dict.fromkeys(row.model for row in rows) if name not in known]
    lines = []
    for name, a in known.items():
        where = f"on {a.data or 'data without a name'}, {a.pictures:,} images"
        lines.append(f"{name}: top-1 {where}, {'measured here' if a.here else 'as its bundle reports'}")
    if differ_in_data(rows):
        lines.append("these are different images: --data D measures all models on the same ones")
    if missing:
        lines.append(f"no accuracy is known of {', '.join(missing)}: --data D measures it")
    return lines


def _share(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}%}"
