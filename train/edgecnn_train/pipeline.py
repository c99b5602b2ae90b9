"""One call from a recipe to a bundle: data, training, quantization, verification, publishing."""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import keras

from edgecnn.board import describe_board
from edgecnn.bundle import read_bundle
from edgecnn.bundle_writer import new_folder, write_manifest, write_models
from edgecnn.golden import record
from edgecnn.loader import load
from edgecnn_train import models, publish, report
from edgecnn_train.accounting import refuse, spent
from edgecnn_train.cost import cost, widest
from edgecnn_train.data import divide, everything, read_pictures
from edgecnn_train.fit import fit
from edgecnn_train.folds import as_dict, estimate, is_small, make_folds, summary
from edgecnn_train.judge import judge, judge_by_folds, same_answers
from edgecnn_train.models.classic import default_filters
from edgecnn_train.negatives import load_negatives
from edgecnn_train.plan import Plan, Step
from edgecnn_train.progress import doing
from edgecnn_train.quantize import convert
from edgecnn_train.transfer import NETWORK
from edgecnn_train.verify import ALLOWED_DROP, gate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn.bundle import Bundle
    from edgecnn.classifier import Classifier
    from edgecnn.dataset import Source
    from edgecnn_train.cost import Budget
    from edgecnn_train.data import DataSet
    from edgecnn_train.fit import Fitted
    from edgecnn_train.folds import FoldEstimate, Folds
    from edgecnn_train.judge import Judged
    from edgecnn_train.negatives import Negatives
    from edgecnn_train.progress import Show
    from edgecnn_train.quantize import Converted
    from edgecnn_train.recipe import Recipe


def train(
    recipe: Recipe,
    source: Source,
    out: Path,
    say: Callable[[str], None],
    *,
    allowed_drop: float = ALLOWED_DROP,
    budget: Budget | None = None,
    show: Show = "lines",
    tensorboard: Path | None = None,
) -> Bundle:
    """Train a recipe and publish its bundle at `out`, whose name the bundle takes.

    Checkpoints lie in `<out>.training` until all is done; the same call goes on from them. `show` and
    `tensorboard` are `fit`'s. A small set is published twice: first the network of one fold, then, when all
    folds have measured what it is worth, one that has learned from all images.

    Raises
    ------
    DataError, RecipeError, OutputError
        For what can't be trained or written, before training starts where that can be known.
    GateError
        Where int8 loses too much; the checkpoints stay.
    """
    out = out.absolute()
    publish.check_target(out)
    if out.exists():
        say(f"the bundle that is at {out} now will be replaced when this one is ready")
    pictures = read_pictures(source, recipe, say)
    # Folds would test on what is protected, and every one of them would spend epsilon again.
    wanted = recipe.data.folds and is_small(source) and not recipe.private.enabled
    folds = make_folds(source, pictures, recipe, say) if wanted else None
    data = folds.data(1, recipe) if folds else divide(source, pictures, recipe)
    say(_sizes(data, folds))
    if recipe.private.enabled:
        refuse(recipe)
        say(str(spent(recipe, len(data.train))))
    recipe = _settled(recipe, data)
    work = publish.work_folder(out)
    if budget:
        recipe = widest(recipe, data.input, data.labels, budget, work, say)
    say(f"{recipe.model.family}: {cost(recipe, data.input, data.labels)}")
    whole = everything(source, pictures, recipe) if folds else None
    run = Run(recipe, out, work, say, show, allowed_drop, _plan(recipe, data, folds, whole))
    bundle = _train(run, data, folds, whole, tensorboard)
    shutil.rmtree(work, ignore_errors=True)
    return bundle


@dataclass(frozen=True, slots=True)
class Run:
    """One call of `train`: what is asked for, where it goes, and how it is shown."""

    recipe: Recipe
    out: Path
    work: Path
    say: Callable[[str], None]
    show: Show
    allowed_drop: float
    plan: Plan


def _train(
    run: Run, data: DataSet, folds: Folds | None, whole: DataSet | None, tensorboard: Path | None
) -> Bundle:
    """Train and publish; of a small set first the network of the first fold, then that of all images."""
    recipe, say, plan = run.recipe, run.say, run.plan
    with plan.step(TRAINING):
        keras.utils.set_random_seed(recipe.train.seed)
        model = models.build(recipe.model, data.input, len(data.labels))
        fitted = fit(model, data, recipe, run.work, say, run.show, tensorboard, plan=plan)
    say(f"best on the validation images: epoch {fitted.best_epoch} of {len(fitted.history)}")
    negatives = load_negatives(data, recipe)
    bundle, first = _publish(
        run, data, fitted, lambda variants: judge(data, recipe, negatives, variants, fitted)
    )
    if whole is None or folds is None:
        return bundle
    try:
        return _with_all(run, whole, folds, first, negatives)
    except BaseException:
        say(f"{run.out} has the first model, trained on {len(data.train):,} of {len(whole.train):,} images")
        raise


def _with_all(run: Run, whole: DataSet, folds: Folds, first: Published, negatives: Negatives) -> Bundle:
    """Estimate the accuracy by folds, and publish a network that has learned from all images."""
    recipe, say, plan = run.recipe, run.say, run.plan
    say(f"few images: {len(folds) - 1} more trainings to test on all of them, then one that learns from all")
    judged = estimate(recipe, folds, first.judged, negatives, run.work, say, run.show, plan)
    found = summary(judged)
    say(f"int8 top-1 {found}")
    say(f"training on all {len(whole.train):,} images, {found.epoch} epochs (the median of the folds)")
    plan.expect(TRAINING_ON_ALL, found.epoch * _batches(recipe, len(whole.train)))
    with plan.step(TRAINING_ON_ALL):
        keras.utils.set_random_seed(recipe.train.seed)
        model = models.build(recipe.model, whole.input, len(whole.labels))
        folder = run.work / publish.ALL
        fitted = fit(model, whole, recipe, folder, say, run.show, until=found.epoch, plan=plan)

    def by_folds(variants: dict[str, Classifier]) -> Judged:
        agreement = same_answers(whole, variants)
        say(f"int8 and float32 answer {agreement:.2%} of all images the same")
        converted = replace(first.judged.result, pictures=len(whole.train), float_top1=1.0, int8_top1=1.0)
        gate(replace(converted, agreement=agreement), run.allowed_drop, recipe.verify.agreement)
        return judge_by_folds(judged, whole, recipe, negatives, variants, fitted)

    return _publish(run, whole, fitted, by_folds, found, first.measured)[0]


def _sizes(data: DataSet, folds: Folds | None) -> str:
    counts = (
        f"{len(data.train):,} images for training, {len(data.validation):,} for validation, "
        f"{len(data.test):,} for the test"
    )
    if not folds:
        return f"{len(data.labels)} classes; {counts}"
    images = sum(map(len, (data.train, data.validation, data.test)))
    return (
        f"{len(data.labels)} classes, {images:,} images, which are few: first a model from a part of them "
        f"({counts}), then {len(folds)} folds to measure it, then one that learns from all"
    )


TRAINING = "training"
TRAINING_ON_ALL = "training on all images"


def _plan(recipe: Recipe, data: DataSet, folds: Folds | None, whole: DataSet | None) -> Plan:
    """Return every step of the run."""

    def training(name: str, images: int) -> Step:
        return Step(name, "batches", recipe.train.epochs * _batches(recipe, images))

    publishing = [Step(QUANTIZING, "quantize"), Step(VERIFYING, "verify"), Step(REPORTING, "report")]
    steps = [training(TRAINING, len(data.train)), *publishing]
    for number, images in enumerate(folds.training[1:] if folds else (), 2):
        name = f"fold {number} of {len(folds or ())}"
        steps += [training(name, images), Step(f"testing {name}", "test")]
    if whole:
        steps += [training(TRAINING_ON_ALL, len(whole.train)), *publishing]
    return Plan(steps)


def _settled(recipe: Recipe, data: DataSet) -> Recipe:
    """Return the recipe with what was chosen from the pictures filled in, so that the bundle records it."""
    image = data.input
    color: Literal["gray", "rgb"] = "gray" if image.color == "gray" else "rgb"
    chosen = replace(recipe.input, width=image.width, height=image.height, color=color)
    filters = recipe.model.filters
    if recipe.model.family == "classic" and not filters:
        filters = default_filters(min(image.width, image.height), recipe.model.kernel)
    return replace(recipe, input=chosen, model=replace(recipe.model, filters=filters))


def _batches(recipe: Recipe, images: int) -> int:
    """Return how many batches an epoch has."""
    return -(-images // recipe.train.batch_size)


QUANTIZING = "quantizing"
VERIFYING = "verifying"
REPORTING = "writing the report"


class Published(NamedTuple):
    """What was found about a bundle on the way to its publication."""

    judged: Judged
    measured: report.Measured


def _publish(
    run: Run,
    data: DataSet,
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
    with new_folder(out) as folder:
        title = recipe.title or recipe.data.name or out.name
        manifest = write_models(folder, out.name, title, data.labels, data.input, files)
        with doing(plan, VERIFYING, run.show, say), ExitStack() as opened:
            variants = {name: opened.enter_context(load(folder, name)) for name in files}
            judged = judging(variants)
            golden = record(variants)
        result, calibrated = judged.result, judged.calibrated
        _tell(run, judged)
        gate(result, run.allowed_drop, recipe.verify.agreement)
        seconds = sum(e["seconds"] for e in fitted.history) + time.monotonic() - started
        manifest = publish.describe(
            manifest, data, recipe, fitted, result, golden,
            seconds=seconds, machine=describe_board().summary,
        )  # fmt: skip
        manifest["confidence"] = calibrated.as_dict()
        for name, accuracy in result.others.items():
            manifest["variants"][name]["accuracy"] = accuracy
        manifest["accuracy"]["folds"] = as_dict(folds) if folds else None
        manifest["quantization"] = {
            "method": recipe.quantize.method,
            "second_calibration": converted.second.as_dict() if converted.second else None,
            "edge_tpu": list(converted.edge_tpu),
        }
        (folder / "quantization.md").write_text(converted.layers.markdown(), "utf-8")
        with doing(plan, REPORTING, run.show, say):
            write_manifest(folder, manifest)
            measured = report.measure(folder, data, recipe, fitted.model)
            if before:
                measured = replace(measured, robustness=before.robustness)
            manifest |= measured.as_dict()
            write_manifest(folder, manifest)
            ids = "".join(f"{item.id}\n" for item in data.calibration.items)
            (folder / publish.CALIBRATION).write_text(ids, "utf-8")
            # Without its optimizer, whose state is twice the size of the network.
            bare = keras.Model(fitted.model.inputs, fitted.model.outputs, name=fitted.model.name)
            bare.save(folder / NETWORK)
            page = report.write(folder, manifest, judged, measured, converted.layers)
    for line in (*report.headlines(manifest, result), *report.verdict(manifest, result)):
        say(line)
    say(f"report, with the images that it gets most wrong: {report.write_page(out, page)}")
    say(f"published {out}: edgecnn live --model {out}")
    return read_bundle(out), Published(judged, measured)


def _converted(run: Run, data: DataSet, fitted: Fitted) -> Converted:
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
        f"drop {result.drop:.2f} points, agreement {result.agreement:.2%}, "
        f"float tensors {len(result.float_tensors)}"
    )
    if result.synthetic is not None:
        say(f"top-1 int8 on {recipe.verify.synthetic_frames:,} synthetic frames {result.synthetic:.2%}")
    for line in judged.calibrated.lines():
        say(line)
