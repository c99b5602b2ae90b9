"""The card, plots and report page of a trained model.

`measure` measures what needs the finished bundle; `write` adds plots and the card to the bundle, and returns
the page. The page has photos of the dataset, so it is written next to the bundle and not in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.evaluation.heatmap import draw_heatmap
from edgecnn_train.report.documents import card, page
from edgecnn_train.report.figures import confusion_matrix, reliability_diagram, training_curves
from edgecnn_train.report.measured import Measured, measure
from edgecnn_train.report.verdict import headlines, verdict

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn_train.judge import Judged
    from edgecnn_train.quantize.tensors import QuantizationReport
    from edgecnn_train.record import TrainedModel

__all__ = [
    "Measured",
    "card",
    "confusion_matrix",
    "headlines",
    "measure",
    "page",
    "reliability_diagram",
    "training_curves",
    "verdict",
    "write",
]


def write(
    folder: Path,
    model: TrainedModel,
    judged: Judged,
    measured: Measured,
    quantization: QuantizationReport | None = None,
) -> str:
    """Write a bundle's images and its card, none with a photo in it; return the page."""
    result = judged.result
    images = {
        "training.png": training_curves(judged.fitted, [fold.fitted for fold in judged.folds]),
        "confusion.png": confusion_matrix(result, tuple(model.manifest.labels)),
        "reliability.png": reliability_diagram(judged.calibrated.variants["int8"]),
    }
    if measured.robustness:
        images["robustness.png"] = draw_heatmap(measured.robustness)
    for name, png in images.items():
        (folder / name).write_bytes(png)
    (folder / "CARD.md").write_text(card(model, result), "utf-8")
    return page(model, result, images, judged.offenders, quantization)
