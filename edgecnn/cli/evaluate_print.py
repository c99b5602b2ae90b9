"""What `edgecnn evaluate` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.io.printable import open_console, printable

if TYPE_CHECKING:
    from rich.table import Table

    from edgecnn.evaluation.result import Evaluation

# What fits on a screen: classes in the table, and across the confusion matrix.
_MOST_CLASSES = 30
_WIDEST_MATRIX = 12
_LEAST_HEAD = 4


def print_result(result: Evaluation) -> None:
    """Print the results: overall, by class, then by corruption."""
    from edgecnn.evaluation.corruption import STANDARD

    console = open_console()

    def say(line: str) -> None:
        console.print(line, soft_wrap=True)

    say(printable(f"{result.model} on {result.data}: {result.pictures:,} images"))
    for name, score in result.variants.items():
        say(f"{name}: top-1 {score.top1:.2%}")
    if result.agreement is not None:
        say(f"{' and '.join(result.variants)} agree on {result.agreement:.2%}")
    tables = [_classes(result), _confusion(result)]
    if result.corrupted:
        tables.append(_corruptions(result))
    for title, table in tables:
        say(f"\n{title}")
        console.print(table)
    if result.corrupted:
        means = ", ".join(f"{name} {_share(result.mean_under(name))}" for name in result.variants)
        say(f"mean accuracy under the {len(STANDARD)} standard corruptions: {means}")


def _table(first: str, *others: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column(first, no_wrap=True, vertical="bottom")
    for other in others:
        table.add_column(other, justify="right", no_wrap=True)
    return table


def _classes(result: Evaluation) -> tuple[str, Table]:
    """Return recall and precision of each class; of many classes, those with the lowest recall."""
    lead = next(iter(result.variants.values()))
    present = [(label, c) for label, c in lead.classes.items() if c.pictures]
    title = "by class"
    if len(present) > _MOST_CLASSES:
        present = sorted(present, key=lambda pair: pair[1].recall or 0)[:_MOST_CLASSES]
        title = f"the {_MOST_CLASSES} classes with the lowest recall"
    heads = [f"{what}\n{name}" for name in result.variants for what in ("recall", "precision")]
    table = _table("class", "images", *heads)
    for label, c in present:
        scores = [v.classes[label] for v in result.variants.values()]
        shares = [_share(share) for s in scores for share in (s.recall, s.precision)]
        table.add_row(printable(label), f"{c.pictures:,}", *shares)
    return title, table


def _confusion(result: Evaluation) -> tuple[str, Table]:
    """Return the first variant's confusion matrix; of many classes, the most frequent confusions."""
    name, score = next(iter(result.variants.items()))
    labels, counts = [printable(label) for label in result.labels], score.confusion
    if len(labels) <= _WIDEST_MATRIX:
        table = _table("", *_heads(labels, counts.max(initial=1)))
        for label, row in zip(labels, counts.tolist(), strict=True):
            table.add_row(label, *(str(n) if n else "·" for n in row))
        return f"{name}: true classes in rows, predicted ones in columns", table
    table = _table("true", "predicted", "images")
    wrong = [(int(counts[i, j]), i, j) for i, j in zip(*counts.nonzero(), strict=True) if i != j]
    for n, i, j in sorted(wrong, reverse=True)[:_WIDEST_MATRIX]:
        table.add_row(labels[i], labels[j], str(n))
    return f"most frequent confusions of {name}", table


def _heads(labels: list[str], most: int) -> list[str]:
    """Cut labels so that the matrix fits the screen, to four letters at least."""
    from rich.cells import cell_len, set_cell_size

    def wide(cut: int) -> int:
        columns = (max(min(cell_len(label), cut), len(str(most))) for label in labels)
        return max(map(cell_len, labels)) + sum(columns) + 2 * len(labels) + 2

    longest = max(map(cell_len, labels))
    width = open_console().width
    cut = next((n for n in range(longest, _LEAST_HEAD, -1) if wide(n) <= width), _LEAST_HEAD)
    return [label if cell_len(label) <= cut else set_cell_size(label, cut).rstrip() for label in labels]


def _corruptions(result: Evaluation) -> tuple[str, Table]:
    """Return top-1 by corruption: the first variant by strength, and every variant's mean."""
    from edgecnn.evaluation.corruption import STANDARD, STRENGTHS

    lead = next(iter(result.variants))
    table = _table("corruption", *map(str, STRENGTHS), *(f"mean\n{name}" for name in result.variants))
    for name, shares in result.corrupted.items():
        means = [_share(sum(s) / len(s)) for s in shares.values()]
        table.add_row(name, *map(_share, shares[lead]), *means, end_section=name == list(STANDARD)[-1])
    return f"top-1 of {lead} under corruptions of strength 1 to 5, and the means", table


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
