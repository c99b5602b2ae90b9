"""What there is to read and to see about a trained model.

`measure` takes the figures that need the finished bundle; `write` fills the bundle with pictures and its
card, and returns the page that has the photos too, which therefore lies beside the bundle and not in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.evaluation.heatmap import draw_heatmap
from edgecnn_train.offenders import Offender, worst_offenders
from edgecnn_train.publish import page_path, write_page
from edgecnn_train.report.card import card
from edgecnn_train.report.figures import confusion_matrix, reliability_diagram, training_curves
from edgecnn_train.report.measured import Measured, measure
from edgecnn_train.report.page import page
from edgecnn_train.report.verdict import headlines, verdict

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn_train.judge import Judged
    from edgecnn_train.quantize.tensors import QuantizationReport

__all__ = [
    "Measured",
    "Offender",
    "card",
    "confusion_matrix",
    "headlines",
    "measure",
    "page",
    "page_path",
    "reliability_diagram",
    "training_curves",
    "verdict",
    "worst_offenders",
    "write",
    "write_page",
]


def write(
    folder: Path,
    manifest: dict[str, Any],
    judged: Judged,
    measured: Measured,
    quantization: QuantizationReport | None = None,
) -> str:
    """Write a bundle's pictures and its card, none with a photo in it; return the page for `write_page`."""
    result = judged.result
    pictures = {
        "training.png": training_curves(judged.fitted, [fold.fitted for fold in judged.folds]),
        "confusion.png": confusion_matrix(result, tuple(manifest["labels"])),
        "reliability.png": reliability_diagram(judged.calibrated.variants["int8"]),
    }
    if measured.robustness:
        pictures["robustness.png"] = draw_heatmap(measured.robustness)
    for name, png in pictures.items():
        (folder / name).write_bytes(png)
    (folder / "CARD.md").write_text(card(manifest, result), "utf-8")
    return page(manifest, result, pictures, judged.offenders, quantization)
