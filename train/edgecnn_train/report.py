"""The pictures and the card of a bundle: how training went, what is confused with what, what it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl

if TYPE_CHECKING:
    from pathlib import Path

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


def card(manifest: dict[str, Any], result: Verified) -> str:
    """Return the bundle's CARD.md."""
    spec, training, variants = manifest["input"], manifest["training"], manifest["variants"]
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
        f"{training['calibration']['count']:,} of the training pictures set the int8 ranges.",
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
        "## Where it fails",
        "",
        "It names one of its classes whatever it sees, with a score that is no measure of doubt. Weakest: "
        + ", ".join(f"{label} ({share:.1%} found)" for label, share in weakest)
        + ".",
        "",
        "![confusion matrix](confusion.png)",
        "",
    ]
    return "\n".join(lines)


def _recalls(result: Verified, labels: list[str]) -> list[tuple[str, float]]:
    totals = result.confusion.sum(axis=1).clip(1)
    return [(label, float(result.confusion[i, i] / totals[i])) for i, label in enumerate(labels)]


def _cells(result: Verified) -> list[tuple[tuple[int, int], int]]:
    rows, columns = result.confusion.nonzero()
    return [((int(r), int(c)), int(result.confusion[r, c])) for r, c in zip(rows, columns, strict=True)]


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
