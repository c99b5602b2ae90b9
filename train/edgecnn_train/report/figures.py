"""The plots of a bundle, as PNG: training curves, confusion matrix, reliability diagram."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from edgecnn.image.figure_text import figure_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.evaluation.verified import Verified
    from edgecnn_train.confidence import CalibratedVariant
    from edgecnn_train.fit import Fitted


def training_curves(fitted: Fitted, folds: Sequence[Fitted] = ()) -> bytes:
    """Draw loss and accuracy over the epochs, training and validation.

    Where the network has learned from all images, the validation is that of the folds' networks.
    """
    epochs = range(1, len(fitted.history) + 1)
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, key, title in zip(
        figure.subplots(1, 2), ("loss", "accuracy"), ("Loss", "Accuracy"), strict=True
    ):
        for k, fold in enumerate(folds):
            label = "validation, each fold" if k == 0 else None
            values = [e[f"val_{key}"] for e in fold.history]
            axes.plot(range(1, len(values) + 1), values, label=label, color="#f58518", alpha=0.5, linewidth=1)
        if key in fitted.history[0]:  # a private run has none
            axes.plot(epochs, [e[key] for e in fitted.history], label="training", color="#4c78a8")
        if f"val_{key}" in fitted.history[0]:
            values = [e[f"val_{key}"] for e in fitted.history]
            axes.plot(epochs, values, label="validation", color="#f58518")
        axes.axvline(fitted.best_epoch, color="gray", linewidth=0.8, linestyle=":", label="the epoch kept")
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.25)
    # Outside of both, where it hides no curve.
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return _png(figure)


def confusion_matrix(result: Verified, labels: tuple[str, ...]) -> bytes:
    """Draw int8's answers on the test split, true classes down, predicted classes across."""
    shares = result.confusion / result.confusion.sum(axis=1, keepdims=True).clip(1)
    side = min(30.0, max(4.0, 0.5 * len(labels) + 1.5))
    with figure_texts(labels) as write:
        names = [write(label) for label in labels]
        # Likenesses of two labels may be the same.
        names = [f"#{k} {name}" if names.count(name) > 1 else name for k, name in enumerate(names)]
        figure = Figure(figsize=(side, side), layout="constrained")
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set(
            xticks=range(len(labels)), yticks=range(len(labels)), yticklabels=names,
            xlabel="predicted by int8", ylabel="true", title=f"{result.int8_top1:.2%} of {result.pictures:,}",
        )  # fmt: skip
        axes.set_xticklabels(names, rotation=45 if max(map(len, names)) > 3 else 0, ha="center")
        if len(labels) <= 30:
            for (row, column), count in _cells(result):
                color = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=color)
        return _png(figure)


def reliability_diagram(variant: CalibratedVariant) -> bytes:
    """Draw how often answers were right by their score, on the test split, before and after."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    for axes, bins, title in zip(
        figure.subplots(1, 2), variant.test, ("the model's own scores", "at the temperature"), strict=True
    ):
        filled = bins.count > 0
        lefts = np.arange(len(bins.count))[filled] / len(bins.count)
        width = 1 / len(bins.count)
        axes.bar(lefts, bins.accuracy[filled], width, align="edge", color="#4c78a8", edgecolor="white")
        axes.plot(bins.score[filled], bins.accuracy[filled], "o", color="#f58518", markersize=4)
        axes.plot([0, 1], [0, 1], color="gray", linewidth=0.8, linestyle=":")
        for left, accuracy, count in zip(lefts, bins.accuracy[filled], bins.count[filled], strict=True):
            axes.text(left + width / 2, accuracy + 0.01, f"{count}", ha="center", fontsize=6, color="gray")
        axes.set(
            title=f"{title}: error {bins.error:.2%}", xlabel="score of the answer",
            ylabel="share that is right", xlim=(0, 1), ylim=(0, 1.06),
        )  # fmt: skip
    return _png(figure)


def _cells(result: Verified) -> list[tuple[tuple[int, int], int]]:
    rows, columns = result.confusion.nonzero()
    return [((int(r), int(c)), int(result.confusion[r, c])) for r, c in zip(rows, columns, strict=True)]


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, dpi=110, format="png", metadata={"Software": None})
    return file.getvalue()
