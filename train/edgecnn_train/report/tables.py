"""The tables of a card and of a page that are about training, as plain text in rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.report.blocks import Table
from edgecnn.report.tables import share

if TYPE_CHECKING:
    from edgecnn_train.quantize.tensors import QuantizationReport
    from edgecnn_train.record import CostRecord, RobustnessRecord, TrainedModel


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
