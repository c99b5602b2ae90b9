"""The pictures and the card of a bundle: how training went, what is confused with what, what it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np

from edgecnn_train.accounting import privacy_section
from edgecnn_train.calibrate import MANY_REJECTED

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn_train.calibrate import CalibratedVariant
    from edgecnn_train.fit import Fitted
    from edgecnn_train.verify import Verified

mpl.use("Agg")


def training_curves(fitted: Fitted, path: Path) -> None:
    """Write loss and accuracy over the epochs, training and validation, as a PNG."""
    from matplotlib.figure import Figure

    epochs = range(1, len(fitted.history) + 1)
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, key, title in zip(
        figure.subplots(1, 2), ("loss", "accuracy"), ("Loss", "Accuracy"), strict=True
    ):
        if key in fitted.history[0]:  # a private run does not tell
            axes.plot(epochs, [e[key] for e in fitted.history], label="training", color="#4c78a8")
        axes.plot(epochs, [e[f"val_{key}"] for e in fitted.history], label="validation", color="#f58518")
        axes.axvline(fitted.best_epoch, color="grey", linewidth=0.8, linestyle=":", label="the epoch kept")
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.25)
    figure.axes[0].legend()
    figure.savefig(path, dpi=110, metadata={"Software": None})


def confusion_matrix(result: Verified, labels: tuple[str, ...], path: Path) -> None:
    """Write int8's answers on the test split, true classes down, named classes across, as a PNG."""
    from matplotlib.figure import Figure

    shares = result.confusion / result.confusion.sum(axis=1, keepdims=True).clip(1)
    side = min(30.0, max(4.0, 0.5 * len(labels) + 1.5))
    names = [label.replace("$", r"\$") for label in labels]  # a pair of them would be read as mathematics
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(
        xticks=range(len(labels)), yticks=range(len(labels)), yticklabels=names,
        xlabel="named by int8", ylabel="true", title=f"{result.int8_top1:.2%} of {result.pictures:,}",
    )  # fmt: skip
    axes.set_xticklabels(names, rotation=45 if max(map(len, labels)) > 3 else 0, ha="center")
    if len(labels) <= 30:
        for (row, column), count in _cells(result):
            color = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", fontsize=8, color=color)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def reliability_diagram(variant: CalibratedVariant, path: Path) -> None:
    """Write how often answers were right by their score, on the test split, before and after, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    for axes, bins, title in zip(
        figure.subplots(1, 2), variant.test, ("the model's own scores", "at the temperature"), strict=True
    ):
        filled = bins.count > 0
        lefts = np.arange(len(bins.count))[filled] / len(bins.count)
        width = 1 / len(bins.count)
        axes.bar(lefts, bins.accuracy[filled], width, align="edge", color="#4c78a8", edgecolor="white")
        axes.plot(bins.score[filled], bins.accuracy[filled], "o", color="#f58518", markersize=4)
        axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8, linestyle=":")
        for left, accuracy, count in zip(lefts, bins.accuracy[filled], bins.count[filled], strict=True):
            axes.text(left + width / 2, accuracy + 0.01, f"{count}", ha="center", fontsize=6, color="grey")
        axes.set(
            title=f"{title}: error {bins.error:.2%}", xlabel="score of the answer",
            ylabel="share that is right", xlim=(0, 1), ylim=(0, 1.06),
        )  # fmt: skip
    figure.savefig(path, dpi=110, metadata={"Software": None})


def card(manifest: dict[str, Any], result: Verified) -> str:
    """Return the bundle's CARD.md."""
    spec, training, variants = manifest["input"], manifest["training"], manifest["variants"]
    private = training.get("private")
    sizes = {name: v["bytes"] for name, v in variants.items()}
    weakest = sorted(_recalls(result, manifest["labels"]), key=lambda r: r[1])[:3]
    lines = [
        f"# {manifest['title']}",
        "",
        f"`edgecnn classify PICTURE --model {manifest['name']}`",
        "",
        "| | int8 | float32 |",
        "|---|---|---|",
        f"| top-1 on {result.pictures:,} test pictures | {result.int8_top1:.2%} | {result.float_top1:.2%} |",
        f"| file | {sizes['int8']:,} bytes | {sizes['float32']:,} bytes |",
        "",
        f"- The two agree on {result.agreement:.2%} of the test pictures; int8 "
        f"{'loses' if result.drop >= 0 else 'gains'} {abs(result.drop):.2f} points.",
        *_folds(manifest["accuracy"].get("folds")),
        f"- Tensors of the int8 model that are float: {len(result.float_tensors)}.",
        f"- Input: {spec['width']}×{spec['height']} {spec['color']}, {spec['fit']}; "
        f"{variants['int8']['macs']:,} multiplications a picture.",
        f"- Classes: {', '.join(manifest['labels'])}.",
    ]
    if result.synthetic is not None:
        frames = manifest["accuracy"]["synthetic_frames"]
        lines.append(
            f"- In front of the built-in synthetic camera ({frames:,} frames, each with another digit): "
            f"{result.synthetic:.2%}. It was trained on no frame of that camera."
        )
    lines += [
        "",
        "## Data",
        "",
        f"{manifest['data']['name']}, licence: {manifest['data']['licence']}. "
        f"{training['pictures']['train']:,} pictures for training, "
        f"{training['pictures']['validation']:,} for validation, "
        f"{training['pictures']['test']:,} for the test; "
        f"{training['calibration']['count']:,} of the {'validation' if private else 'training'} pictures set "
        "the int8 ranges.",
        "",
        "## Training",
        "",
        f"Recipe `{manifest['recipe']['name']}`, seed {training['seed']}, every setting in `bundle.json`: "
        f"the weights of epoch {training['best_epoch']} of {training['epochs']}, "
        f"best on the validation pictures; {_duration(training['seconds'])} on {training['machine']}. "
        + ", ".join(f"{k} {v}" for k, v in training["versions"].items())
        + ".",
        "",
        "![training curves](training.png)",
        "",
        *(privacy_section(private, manifest["recipe"]["train"]["start"]) if private else []),
        *_confidence(manifest, result),
        "## Where it fails",
        "",
        "Weakest: " + ", ".join(f"{label} ({share:.1%} found)" for label, share in weakest) + ".",
        "",
        "![confusion matrix](confusion.png)",
        "",
    ]
    return "\n".join(lines)


def _confidence(manifest: dict[str, Any], result: Verified) -> list[str]:
    """Return the card's part about scores and about what the model does not know."""
    variants, unknown = manifest["confidence"]["variants"], manifest["confidence"]["unknown"]
    rows = [
        ("temperature", [f"{v['temperature']:.2f}" for v in variants.values()]),
        *(
            (
                f"calibration error, {split} split, before → after",
                [
                    f"{v['ece'][split]['before']:.2%} → {v['ece'][split]['after']:.2%}"
                    for v in variants.values()
                ],
            )
            for split in ("validation", "test")
        ),
        (
            "unknown below a score of",
            [f"{v['threshold']:.3f}" if v["threshold"] else "no threshold" for v in variants.values()],
        ),
        ("negatives named all the same", [f"{v['false_accept']:.1%}" for v in variants.values()]),
        ("test pictures called unknown", [f"{v['false_reject']:.1%}" for v in variants.values()]),
    ]
    lines = [
        "## How sure it is",
        "",
        "Scores are the model's probabilities at the temperature that fits the validation pictures best; the "
        "error is the expected calibration error in 15 bins. The answer is `unknown` where the best score is "
        "below the threshold"
        + (f", or where the best class is `{unknown['background']}`." if unknown["background"] else "."),
        "",
        "| | " + " | ".join(variants) + " |",
        "|---|" + "---|" * len(variants),
        *(f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows),
        "",
        f"The threshold was chosen so that {unknown['false_accept']:.1%} of the negatives may be named, on "
        f"others than the {unknown['count']:,} that measure it here. The negatives: "
        f"{unknown['negatives']}. Things that look more like its classes than these are named more often.",
    ]
    for name, v in variants.items():
        if v["capped"]:
            lines.append(
                f"For {name} the threshold stays below what that asks for, {v['asked']['threshold']:.3f}: "
                f"that one would call {v['asked']['validation_false_reject']:.1%} of the validation pictures "
                f"unknown, and {unknown['max_false_reject']:.1%} are allowed."
            )
        if v["false_reject"] > MANY_REJECTED:
            lines.append(
                f"**{name} calls {v['false_reject']:.1%} of the test pictures unknown, which is many.**"
            )
    if made := unknown["generated_test_pictures"]:
        real = np.array([label != unknown["background"] for label in manifest["labels"]])
        right = result.confusion.diagonal()[real].sum() / result.confusion[real].sum()
        lines.append(
            f"{made:,} of the test pictures, and as large a share of the other splits, are background that "
            f"was made like the generated negatives; int8's top-1 on the other test pictures is {right:.2%}."
        )
    return [*lines, "", "![reliability diagram](reliability.png)", ""]


def _folds(found: dict[str, Any] | None) -> list[str]:
    if not found:
        return []
    return [
        f"- Trained {len(found['top1'])} times more, each time with another part left out for the test: int8 "
        f"{found['mean']:.1%} ± {found['deviation']:.1%} over {found['pictures']:,} pictures. With so few "
        "pictures this says more than the one test above."
    ]


def _recalls(result: Verified, labels: list[str]) -> list[tuple[str, float]]:
    totals = result.confusion.sum(axis=1).clip(1)
    return [(label, float(result.confusion[i, i] / totals[i])) for i, label in enumerate(labels)]


def _cells(result: Verified) -> list[tuple[tuple[int, int], int]]:
    rows, columns = result.confusion.nonzero()
    return [((int(r), int(c)), int(result.confusion[r, c])) for r, c in zip(rows, columns, strict=True)]


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
