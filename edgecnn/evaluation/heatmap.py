"""A heatmap of robustness: accuracy by corruption and strength, variants side by side."""

from __future__ import annotations

import importlib.util
import io
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.errors import MissingExtra
from edgecnn.evaluation.corruption import CAPTURE, NAMES, SCENES, STANDARD, STRENGTHS
from edgecnn.image.figure_text import figure_texts

if TYPE_CHECKING:
    from edgecnn.evaluation.result import Evaluation


def require_matplotlib() -> None:
    """Raise MissingExtra where the extra `report` is not installed; call it before a long run."""
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtra(
            "a plot of the result needs matplotlib: pip install 'edgecnn[report]' "
            "(in a clone of the project: pip install '.[report]')"
        )


def draw_heatmap(result: Evaluation) -> bytes:
    """Return a PNG: corruptions down, strengths across, a panel for each variant, top-1 in percent.

    `result` must have corruptions. Raises MissingExtra.
    """
    require_matplotlib()
    title = f"{result.model} on {result.data}, {result.pictures:,} images"
    with figure_texts([title]) as write:
        return _heatmap(result, write(title))


def _heatmap(result: Evaluation, title: str) -> bytes:
    from matplotlib.figure import Figure

    names = [name for name in NAMES if name in result.corrupted]
    figure = Figure(figsize=(3.2 + 2.6 * len(result.variants), 1.2 + 0.27 * len(names)), layout="constrained")
    panels = figure.subplots(1, len(result.variants), sharey=True, squeeze=False)[0]
    for axes, (variant, score) in zip(panels, result.variants.items(), strict=True):
        shares = np.array([result.corrupted[name][variant] for name in names]) * 100
        image = axes.imshow(shares, cmap="RdYlBu", vmin=0, vmax=100, aspect="auto")
        mean = result.mean_under(variant)
        under = "" if mean is None else f"\nmean of the {len(STANDARD)} standard ones {mean:.1%}"
        axes.set_title(f"{variant}: clean {score.top1:.1%}{under}", fontsize=9)
        axes.set_xticks(range(len(STRENGTHS)), [str(s) for s in STRENGTHS])
        axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
        axes.set_xlabel("strength")
        for (row, column), share in np.ndenumerate(shares):
            color = "white" if abs(share - 50) > 38 else "black"
            axes.text(column, row, f"{share:.0f}", ha="center", va="center", fontsize=7, color=color)
        for family in (CAPTURE, SCENES):
            first = next((i for i, name in enumerate(names) if name in family), 0)
            if first:
                axes.axhline(first - 0.5, color="black", linewidth=1.5)
    figure.colorbar(image, ax=panels.tolist(), label="top-1, %")
    figure.suptitle(title, fontsize=10)
    file = io.BytesIO()
    figure.savefig(file, dpi=110, format="png", metadata={"Software": None})
    return file.getvalue()
