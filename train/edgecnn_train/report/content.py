"""The content of a trained bundle's card, in sections; the page has the same, and more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.report import tables as shared
from edgecnn.report.blocks import ReportImage, ReportSection
from edgecnn.report.sentences import model_facts
from edgecnn.report.tables import ConfidenceColumn
from edgecnn_train.accounting import privacy
from edgecnn_train.confidence import MANY_REJECTED
from edgecnn_train.report import tables
from edgecnn_train.report.verdict import headlines, verdict

if TYPE_CHECKING:
    from edgecnn.evaluation.verified import Verified
    from edgecnn.report.blocks import Block, Table
    from edgecnn_train.record import CostRecord, TrainedModel


def sections(model: TrainedModel, result: Verified) -> list[ReportSection]:
    """Return everything but photos; rarely needed sections are collapsed on a page."""
    matrix = ReportImage("confusion.png", "confusion matrix")
    found = [
        ReportSection("In short", _verdict(model, result)),
        ReportSection("Classes", (shared.classes(result, model.manifest.labels), matrix)),
        ReportSection("Accuracy", (_accuracy(model, result), _facts(model, result))),
        ReportSection("Confidence", _confidence(model, result)),
        ReportSection("Data", (_data(model),)),
        ReportSection("Training", (_training(model), ReportImage("training.png", "training curves"))),
    ]
    if cost := model.record.cost:
        found.append(ReportSection("Cost", (tables.cost(cost), _cost(model, cost)), folded=True))
    if private := model.record.training.private:
        found.insert(6, ReportSection("Privacy", privacy(private, model.record.recipe["train"]["start"])))
    if measured := model.record.robustness:
        images = measured.pictures
        text = (
            f"Top-1 on {images:,} of the test images, each under the 15 corruptions of Hendrycks & "
            "Dietterich 2019 at five strengths, and under poor cameras and complex scenes. "
            + ("The network of the first fold. " if model.record.accuracy.folds else "")
            + _relatives(model.record.recipe["augment"])
        )
        heat_map = ReportImage("robustness.png", "accuracy by corruption and strength")
        found.append(ReportSection("Poor images", (text, tables.robustness(measured), heat_map)))
    return found


def _verdict(model: TrainedModel, result: Verified) -> tuple[Block, ...]:
    warnings = tuple(f"**{line}**" for line in headlines(model, result))
    return (*warnings, verdict(model, result))


# Augmentations, and the corruptions that are of their kind.
_RELATIVES = {
    "noise": "noise", "speckle": "noise", "blur": "blur", "light": "brightness",
    "color": "brightness and contrast", "cutout": "occlusion",
    "randaugment": "brightness and contrast", "scale": "small subjects",
}  # fmt: skip


def _relatives(augment: dict[str, Any]) -> str:
    """Return which of the corruptions training has seen in another form."""
    seen = dict.fromkeys(kind for key, kind in _RELATIVES.items() if augment.get(key))
    if not seen:
        return "Training used none of them."
    return f"Training used augmentations similar to some of them: {', '.join(seen)}."


def _accuracy(model: TrainedModel, result: Verified) -> Table:
    sizes = {name: v.bytes for name, v in model.manifest.variants.items()}
    folds = model.record.accuracy.folds
    what = f"top-1 by {len(folds.top1)} folds, {result.pictures:,} images" if folds else ""
    return shared.accuracy(result, sizes, what)


def _facts(model: TrainedModel, result: Verified) -> tuple[str, ...]:
    facts = [*model_facts(result, model.manifest.input, model.manifest.labels)]
    if folds := model.record.accuracy.folds:
        facts.append(
            f"All accuracies here are of {len(folds.top1)} networks of the same recipe, each "
            "trained on another part of the images and tested on the remaining ones: int8 "
            f"{folds.mean:.1%} ± {folds.deviation:.1%} (mean and deviation). The network that is "
            f"published has learned from all {folds.pictures:,} images, so none is left to test it on."
        )
    if result.synthetic is not None:
        frames = model.record.accuracy.synthetic_frames
        facts.append(
            f"In front of the built-in synthetic camera ({frames:,} frames, each with another digit): "
            f"{result.synthetic:.2%}. It was trained on no frame of that camera."
        )
    return tuple(facts)


def _data(model: TrainedModel) -> str:
    images, training = model.record.training.pictures, model.record.training
    source = f"{model.record.data.name}, licence: {model.record.data.licence}. "
    if model.record.accuracy.folds:
        return source + (
            f"All {images.train:,} images are for training; "
            f"{training.calibration.count:,} of them set the int8 ranges."
        )
    return source + (
        f"{images.train:,} images for training, {images.validation:,} for validation, "
        f"{images.test:,} for the test; "
        f"{training.calibration.count:,} of the "
        f"{'validation' if training.private else 'training'} images set the int8 ranges."
    )


def _training(model: TrainedModel) -> str:
    training = model.record.training
    epoch = f"epoch {training.best_epoch} of {training.epochs}"
    kept = f"the weights of {epoch}, best on the validation images"
    if folds := model.record.accuracy.folds:
        epochs = ", ".join(str(epoch) for epoch in folds.epochs)
        kept = (
            f"{training.epochs} epochs, the median of those that were best on each fold's validation "
            f"images ({epochs})"
        )
    return (
        f"Recipe `{model.record.recipe['name']}`, seed {training.seed}, every setting in `bundle.json`: "
        f"{kept}; {_duration(training.seconds)} on {training.machine}. "
        + ", ".join(f"{k} {v}" for k, v in training.versions.items())
        + "."
    )


def _cost(model: TrainedModel, cost: CostRecord) -> str:
    return (
        f"Times on {cost.machine}, one thread, int8 and float32 interleaved. "
        f"On your machine: `edgecnn bench --model {model.manifest.name}`."
    )


def _confidence(model: TrainedModel, result: Verified) -> tuple[Block, ...]:
    """Return the section about scores, and about things that the model does not know."""
    variants, unknown = model.record.confidence.variants, model.record.confidence.unknown
    background = f", or where the best class is `{unknown.background}`" if unknown.background else ""
    known = "the images" if model.record.accuracy.folds else "the validation images"
    lines = [
        f"The threshold was chosen so that {unknown.false_accept:.1%} of the negatives may be classified, "
        f"on different ones than the {unknown.count:,} that measure it here. The negatives: "
        f"{unknown.negatives}. Things that look more like its classes than these are classified more "
        "often."
    ]
    for name, v in variants.items():
        if v.capped:
            lines.append(
                f"For {name} the threshold stays below what that asks for, {v.asked.threshold:.3f}: "
                f"that one would call {v.asked.validation_false_reject:.1%} of {known} "
                f"unknown, and {unknown.max_false_reject:.1%} are allowed."
            )
        if v.false_reject > MANY_REJECTED:
            lines.append(f"**{name} calls {v.false_reject:.1%} of the test images unknown, which is many.**")
    if made := unknown.generated_test_pictures:
        real = np.array([label != unknown.background for label in model.manifest.labels])
        right = result.confusion.diagonal()[real].sum() / result.confusion[real].sum()
        lines.append(
            f"{made:,} of the test images, and as large a share of the other splits, are background that "
            f"was made like the generated negatives; int8's top-1 on the other test images is {right:.2%}."
        )
    fits = "the validation images"
    if model.record.accuracy.folds:
        fits = "the test images of all folds"
        lines.append(
            "The calibration errors and the share of test images called unknown are of the folds' networks, "
            "each with the temperature and threshold that its own validation images chose."
        )
    return (
        f"Scores are the model's probabilities at the temperature that fits {fits} best; the "
        "error is the expected calibration error in 15 bins. The answer is `unknown` where the best score is "
        f"below the threshold{background}.",
        shared.confidence(
            {
                name: ConfidenceColumn(
                    v.temperature,
                    v.threshold,
                    {split: (v.ece[split].before, v.ece[split].after) for split in ("validation", "test")},
                    v.false_accept,
                    v.false_reject,
                )
                for name, v in variants.items()
            }
        ),
        " ".join(lines),
        ReportImage("reliability.png", "reliability diagram"),
    )


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
