"""The card and the page of a trained bundle: the page has photos, layers and the recipe in addition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.report.blocks import ReportSection
from edgecnn.report.card import render_card
from edgecnn.report.offenders import worst_answers
from edgecnn.report.page import render_page
from edgecnn_train.report import tables
from edgecnn_train.report.content import sections

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgecnn.evaluation.verified import Verified
    from edgecnn.report.offenders import Offender
    from edgecnn_train.quantize.tensors import QuantizationReport
    from edgecnn_train.record import TrainedModel


def card(model: TrainedModel, result: Verified) -> str:
    """Return the bundle's CARD.md, which has no photo in it."""
    return render_card(model.manifest.title, model.manifest.name, sections(model, result))


def page(
    model: TrainedModel,
    result: Verified,
    images: Mapping[str, bytes],
    offenders: tuple[Offender, ...],
    quantization: QuantizationReport | None = None,
) -> str:
    """Return the page: all that the card has, with photos of the worst answers, layers and the recipe.

    Parameters
    ----------
    images
        The bundle's PNG files by name.
    quantization
        What the rounding costs by layer, where that was measured.
    """
    title, name = model.manifest.title, model.manifest.name
    first, *others = sections(model, result)
    found = [first, worst_answers(name, offenders), *others]
    if quantization:
        text = (
            f"int8 against float32 on {quantization.pictures:,} images, the layer with the lowest SNR of "
            "its own first; SNR includes the errors of the layers before."
        )
        table = tables.quantization(quantization)
        found.append(ReportSection("Quantization, layer by layer", (text, table), folded=True))
    found.append(ReportSection("Settings of the recipe", (tables.recipe(model),), folded=True))
    return render_page(title, name, found, images)
