"""The tables of a card and of a page, as plain text in rows; they are escaped when they are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.evaluation.result import class_scores

if TYPE_CHECKING:
    from edgecnn.evaluation.verified import Verified
    from edgecnn_train.quantize.tensors import QuantizationReport
    from edgecnn_train.record import CostRecord, RobustnessRecord, TrainedModel


@dataclass(frozen=True, slots=True)
class Table:
    """A head and rows of the same length; the first `left` columns are text, the others numbers."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1

    def markdown(self) -> list[str]:
        """Return it as lines of Markdown."""
        rule = "|" + "---|" * self.left + "---:|" * (len(self.head) - self.left)
        return [_line(self.head), rule, *map(_line, self.rows)]


def accuracy(model: TrainedModel, result: Verified) -> Table:
    """Return top-1 and size."""
    sizes = {name: v.bytes for name, v in model.manifest.variants.items()}
    what = f"top-1 on {result.pictures:,} test images"
    if folds := model.record.accuracy.folds:
        what = f"top-1 by {len(folds.top1)} folds, {result.pictures:,} images"
    return Table(
        ("", "int8", "float32"),
        (
            (
                what,
                f"{result.int8_top1:.2%}",
                f"{result.float_top1:.2%}",
            ),
            ("file", f"{sizes['int8']:,} bytes", f"{sizes['float32']:,} bytes"),
        ),
    )


def classes(model: TrainedModel, result: Verified) -> Table:
    """Return what int8 makes of each class."""
    scores = class_scores(result.confusion, tuple(model.manifest.labels))
    return Table(
        ("class", "images", "found (recall)", "right where it is predicted (precision)"),
        tuple((label, f"{s.pictures:,}", share(s.recall), share(s.precision)) for label, s in scores.items()),
    )


def recalls(model: TrainedModel, result: Verified) -> dict[str, float]:
    """Return the share of each class that int8 finds, where it has test images."""
    scores = class_scores(result.confusion, tuple(model.manifest.labels))
    return {label: s.recall for label, s in scores.items() if s.recall is not None}


def cost(measured: CostRecord) -> Table:
    """Return size, work, memory and time."""
    variants = ("int8", "float32")
    latencies = [
        (f"{what}, {key}", *(f"{measured.latency_ms[v][stage][key]:.3f} ms" for v in variants))
        for stage, what in (("inference", "inference"), ("total", "640×480 frame to labels"))
        for key in ("p50", "p99")
    ]
    return Table(
        ("", *variants),
        (
            ("parameters", *[f"{measured.parameters:,}"] * 2),
            ("multiplications an image", *[f"{measured.macs:,}"] * 2),
            ("memory for activations", *(f"{measured.arena_bytes[v] / 1024:.1f} KiB" for v in variants)),
            *latencies,
        ),
    )


def confidence(model: TrainedModel) -> Table:
    """Return temperature, calibration error and what the threshold does."""
    variants = model.record.confidence.variants
    rows: list[tuple[str, list[str]]] = [("temperature", [f"{v.temperature:.2f}" for v in variants.values()])]
    for split in ("validation", "test"):
        errors = [v.ece[split] for v in variants.values()]
        rows.append(
            (
                f"calibration error, {split} split, before → after",
                [f"{e.before:.2%} → {e.after:.2%}" for e in errors],
            )
        )
    rows += [
        (
            "unknown below a score of",
            [f"{v.threshold:.3f}" if v.threshold else "no threshold" for v in variants.values()],
        ),
        ("negatives that are classified", [f"{v.false_accept:.1%}" for v in variants.values()]),
        ("test images called unknown", [f"{v.false_reject:.1%}" for v in variants.values()]),
    ]
    return Table(("", *variants), tuple((name, *cells) for name, cells in rows))


def robustness(measured: RobustnessRecord) -> Table:
    """Return top-1 under each corruption: int8 by strength, and the means of both variants."""
    variants = tuple(measured.mean)
    rows = [
        (
            name.replace("_", " "),
            *(share(s, 1) for s in shares["int8"]),
            *(share(sum(shares[v]) / len(shares[v]), 1) for v in variants),
        )
        for family in ("standard", "extra")
        for name, shares in getattr(measured, family).items()
    ]
    mean = ("mean of the standard ones", *[""] * 5, *(share(measured.mean[v], 1) for v in variants))
    strengths = (f"int8 at strength {k}" if k == 1 else str(k) for k in range(1, 6))
    return Table(("corruption", *strengths, *(f"{v}, mean" for v in variants)), (mean, *rows))


def quantization(report: QuantizationReport) -> Table:
    """Return what the rounding costs by layer, the worst one first."""
    return Table(
        (
            "layer", "operator", "own SNR, dB", "SNR, dB", "float range", "int8 range", "saturated",
            "steps off",
        ),
        tuple(
            (
                t.name, t.operator, f"{t.own_snr_db:.1f}", f"{t.snr_db:.1f}", f"{t.low:.3g} … {t.high:.3g}",
                f"{t.int8_low:.3g} … {t.int8_high:.3g}", f"{t.saturation:.2%}", f"{t.mean_steps:.2f}",
            )
            for t in report.layers
        ),
        left=2,
    )  # fmt: skip


def recipe(model: TrainedModel) -> Table:
    """Return every setting of the recipe."""
    return Table(
        ("setting", "value"),
        tuple(
            (f"{section}.{key}", str(value))
            for section, keys in model.record.recipe.items()
            if isinstance(keys, dict)
            for key, value in keys.items()
        ),
        left=2,
    )


def share(value: float | None, digits: int = 2) -> str:
    """Return a share in percent; nothing for None."""
    return "" if value is None else f"{value:.{digits}%}"


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(c.replace("\\", "\\\\").replace("|", "\\|") for c in cells) + " |"
