"""Make a bundle of a trained network: quantize it, judge it, measure what it costs, and publish it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import keras

from edgecnn.bundle.bundle import bundle_in, read_bundle
from edgecnn.bundle.manifest.writing import with_accuracies, with_sections
from edgecnn.bundle.writer import write_models
from edgecnn.classify.golden import record
from edgecnn.classify.loader import load
from edgecnn.evaluation.verified import gate, lost
from edgecnn.machine.board import describe_board
from edgecnn.report.publication import put_in_place
from edgecnn_train import publish, report
from edgecnn_train.describe import describe
from edgecnn_train.progress import doing
from edgecnn_train.quantize import convert
from edgecnn_train.record import TrainedModel, TrainedRecord
from edgecnn_train.transfer import NETWORK
from edgecnn_train.verify import ADVICE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn.bundle.bundle import Bundle
    from edgecnn.bundle.output_folder import Target
    from edgecnn.classify.classifier import Classifier
    from edgecnn_train.fit import Fitted
    from edgecnn_train.folds import FoldEstimate
    from edgecnn_train.judge import Judged
    from edgecnn_train.plan import Plan
    from edgecnn_train.progress import Show
    from edgecnn_train.quantize import Converted
    from edgecnn_train.recipe import Recipe
    from edgecnn_train.splits import Dataset


@dataclass(frozen=True, slots=True)
class Run:
    """One call of `train`: what is asked for, where it goes, and how it is shown."""

    recipe: Recipe
    out: Path
    held: Target
    work: Path
    say: Callable[[str], None]
    show: Show
    allowed_drop: float
    plan: Plan


QUANTIZING = "quantizing"
VERIFYING = "verifying"
REPORTING = "writing the report"


class Published(NamedTuple):
    """What was found about a bundle on the way to its publication."""

    judged: Judged
    measured: report.Measured


def publish_network(
    run: Run,
    data: Dataset,
    fitted: Fitted,
    judging: Callable[[dict[str, Classifier]], Judged],
    folds: FoldEstimate | None = None,
    before: report.Measured | None = None,
) -> tuple[Bundle, Published]:
    """Quantize a trained network, judge it and publish it.

    Parameters
    ----------
    folds
        The estimate that the figures come from, where the network has learned from all images.
    before
        What was measured of the first fold's network, which such a one has no images for.
    """
    recipe, say, plan, out = run.recipe, run.say, run.plan, run.out
    started = time.monotonic()
    converted = _converted(run, data, fitted)
    files = {
        name: publish.with_metadata(content, name, recipe, data.labels, data.input)
        for name, content in converted.files.items()
    }
    with run.held.fill() as draft:
        folder = draft.folder
        title = recipe.title or recipe.data.name or out.name
        manifest = write_models(folder, out.name, title, data.labels, data.input, files)
        with doing(plan, VERIFYING, run.show, say), ExitStack() as opened:
            bare = bundle_in(folder, manifest)
            variants = {name: opened.enter_context(load(bare, name)) for name in files}
            judged = judging(variants)
            golden = record(variants)
        result = judged.result
        _tell(run, judged)
        gate(result, ADVICE, run.allowed_drop, recipe.verify.agreement)
        seconds = sum(e["seconds"] for e in fitted.history) + time.monotonic() - started
        described = describe(
            data, recipe, fitted, judged, converted, golden, folds,
            seconds=seconds, machine=describe_board().summary,
        )  # fmt: skip
        top1 = {"int8": result.int8_top1, "float32": result.float_top1, **result.others}
        manifest = with_accuracies(manifest, top1)
        (folder / "quantization.md").write_text(converted.layers.markdown(), "utf-8")
        with doing(plan, REPORTING, run.show, say):
            whole = bundle_in(folder, with_sections(manifest, **described.sections()))
            measured = report.measure(whole, data, recipe, fitted.model)
            if before:
                measured = replace(measured, robustness=before.robustness)
            described = TrainedRecord.model_validate(described.sections() | measured.as_dict())
            draft.manifest = manifest = with_sections(manifest, **described.sections())
            ids = "".join(f"{item.id}\n" for item in data.calibration.items)
            (folder / publish.CALIBRATION).write_text(ids, "utf-8")
            # Without its optimizer, whose state is twice the size of the network.
            network = keras.Model(fitted.model.inputs, fitted.model.outputs, name=fitted.model.name)
            network.save(folder / NETWORK)
            model = TrainedModel(manifest, described)
            page = report.write(folder, model, judged, measured, converted.layers)
        for line in (*report.headlines(model, result), *report.verdict(model, result)):
            say(line)
        put_in_place(draft, out, page, say)
    return read_bundle(out), Published(judged, measured)


def _converted(run: Run, data: Dataset, fitted: Fitted) -> Converted:
    """Convert the network; training with the rounding of int8 has a display of its own."""
    arguments = fitted.model, data, run.recipe, run.work, run.say, run.show
    if run.recipe.quantize.method == "qat":
        with run.plan.step(QUANTIZING):
            return convert(*arguments)
    with doing(run.plan, QUANTIZING, run.show, run.say):
        return convert(*arguments)


def _tell(run: Run, judged: Judged) -> None:
    """Say what was found."""
    result, recipe, say = judged.result, run.recipe, run.say
    say(
        f"top-1 int8 {result.int8_top1:.2%}, float32 {result.float_top1:.2%}, "
        f"int8 {lost(result)}, agreement {result.agreement:.2%}, "
        f"float tensors {len(result.float_tensors)}"
    )
    if result.synthetic is not None:
        say(f"top-1 int8 on {recipe.verify.synthetic_frames:,} synthetic frames {result.synthetic:.2%}")
    for line in judged.calibrated.lines():
        say(line)
