"""The tables of a card and of a page that need no training, as plain text in rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.evaluation.result import class_scores
from edgecnn.report.blocks import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgecnn.evaluation.verified import Verified


@dataclass(frozen=True, slots=True)
class ConfidenceColumn:
    """What a table says about one variant's scores. Shares are 0 to 1.

    `errors` has the expected calibration error before and after the temperature, by split; `false_accept` is
    the share of negatives that are classified, `false_reject` that of test images called unknown.
    """

    temperature: float
    threshold: float
    errors: Mapping[str, tuple[float, float]]
    false_accept: float
    false_reject: float


def accuracy(result: Verified, sizes: Mapping[str, int], what: str = "") -> Table:
    """Return top-1 and size.

    Parameters
    ----------
    sizes
        The bytes of each variant's file, int8 and float32 among them.
    what
        Names the row of top-1; by default the test images.
    """
    return Table(
        ("", "int8", "float32"),
        (
            (
                what or f"top-1 on {result.pictures:,} test images",
                f"{result.int8_top1:.2%}",
                f"{result.float_top1:.2%}",
            ),
            ("file", f"{sizes['int8']:,} bytes", f"{sizes['float32']:,} bytes"),
        ),
    )


def classes(result: Verified, labels: Sequence[str]) -> Table:
    """Return what int8 makes of each class."""
    scores = class_scores(result.confusion, tuple(labels))
    return Table(
        ("class", "images", "found (recall)", "right where it is predicted (precision)"),
        tuple((label, f"{s.pictures:,}", share(s.recall), share(s.precision)) for label, s in scores.items()),
    )


def confidence(variants: Mapping[str, ConfidenceColumn]) -> Table:
    """Return temperature, calibration error by split and what the threshold does, for each variant."""
    columns = list(variants.values())
    rows: list[tuple[str, list[str]]] = [("temperature", [f"{v.temperature:.2f}" for v in columns])]
    for split in columns[0].errors:
        errors = [v.errors[split] for v in columns]
        rows.append(
            (
                f"calibration error, {split} split, before → after",
                [f"{before:.2%} → {after:.2%}" for before, after in errors],
            )
        )
    rows += [
        (
            "unknown below a score of",
            [f"{v.threshold:.3f}" if v.threshold else "no threshold" for v in columns],
        ),
        ("negatives that are classified", [f"{v.false_accept:.1%}" for v in columns]),
        ("test images called unknown", [f"{v.false_reject:.1%}" for v in columns]),
    ]
    return Table(("", *variants), tuple((name, *cells) for name, cells in rows))


def share(value: float | None, digits: int = 2) -> str:
    """Return a share in percent; nothing for None."""
    return "" if value is None else f"{value:.{digits}%}"
