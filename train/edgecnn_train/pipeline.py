"""One call from a recipe to a bundle: data, training, quantization, verification, publishing."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import keras

from edgecnn.board import describe_board
from edgecnn.bundle import read_bundle
from edgecnn.bundle_writer import write_manifest, write_models
from edgecnn.golden import record
from edgecnn.loader import load
from edgecnn_train import models, publish, report
from edgecnn_train.accounting import refuse, spent
from edgecnn_train.calibrate import calibrate
from edgecnn_train.cost import cost, widest
from edgecnn_train.data import load_data
from edgecnn_train.fit import fit
from edgecnn_train.folds import as_dict, estimate, is_small
from edgecnn_train.models.classic import default_filters
from edgecnn_train.negatives import load_negatives
from edgecnn_train.quantize import convert
from edgecnn_train.transfer import NETWORK
from edgecnn_train.verify import ALLOWED_DROP, gate, verify
from edgecnn_train.work import clear_work, work_folder, working

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn.bundle import Bundle
    from edgecnn.dataset import Source
    from edgecnn.output_folder import Target
    from edgecnn_train.cost import Budget
    from edgecnn_train.data import DataSet
    from edgecnn_train.fit import Fitted
    from edgecnn_train.folds import FoldEstimate
    from edgecnn_train.negatives import Negatives
    from edgecnn_train.progress import Show
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

    Checkpoints lie in `<out>.training` until the bundle is written; the same call goes on from them. `show`
    and `tensorboard` are `fit`'s.

    Raises
    ------
    DataError, RecipeError, OutputError
        For what can't be trained or written, before training starts where that can be known.
    GateError
        Where int8 loses too much; the checkpoints stay.
    """
    out = out.absolute()
    with publish.claim(out) as held:
        if out.exists():
            say(f"the bundle that is at {out} now will be replaced when this one is ready")
        data = load_data(source, recipe, say)
        say(
            f"{len(data.labels)} classes; {len(data.train):,} pictures for training, "
            f"{len(data.validation):,} for validation, {len(data.test):,} for the test"
        )
        if recipe.private.enabled:
            refuse(recipe)
            say(str(spent(recipe, len(data.train))))
        negatives = load_negatives(data, recipe)
        with working(work_folder(out)) as work:
            recipe, fitted, folds = _fit(recipe, source, data, budget, work, say, show, tensorboard)
            bundle = _publish(
                recipe, data, negatives, fitted, folds, held, out, work, say, allowed_drop, show
            )
            clear_work(work)
    return bundle


def _fit(
    recipe: Recipe,
    source: Source,
    data: DataSet,
    budget: Budget | None,
    work: Path,
    say: Callable[[str], None],
    show: Show,
    tensorboard: Path | None,
) -> tuple[Recipe, Fitted, FoldEstimate | None]:
    """Train the network, and those of the folds; return the recipe with what was chosen filled in."""
    recipe = _settled(recipe, data)
    if budget:
        recipe = widest(recipe, data.input, data.labels, budget, work, say)
    say(f"{recipe.model.family}: {cost(recipe, data.input, data.labels)}")
    keras.utils.set_random_seed(recipe.train.seed)
    model = models.build(recipe.model, data.input, len(data.labels))
    fitted = fit(model, data, recipe, work, say, show, tensorboard)
    say(f"best on the validation pictures: epoch {fitted.best_epoch} of {len(fitted.history)}")
    folds = None
    # Folds would test on what is protected, and every one of them would spend epsilon again.
    if recipe.data.folds and is_small(source) and not recipe.private.enabled:
        say(f"few pictures: training up to {recipe.data.folds} times more for an estimate that uses them all")
        folds = estimate(recipe, source, work, say)
        if folds:
            say(f"int8 top-1 {folds}")
    return recipe, fitted, folds


def _settled(recipe: Recipe, data: DataSet) -> Recipe:
    """Return the recipe with what was chosen from the pictures filled in, so that the bundle records it."""
    image = data.input
    color: Literal["gray", "rgb"] = "gray" if image.color == "gray" else "rgb"
    chosen = replace(recipe.input, width=image.width, height=image.height, color=color)
    filters = recipe.model.filters
    if recipe.model.family == "classic" and not filters:
        filters = default_filters(min(image.width, image.height), recipe.model.kernel)
    return replace(recipe, input=chosen, model=replace(recipe.model, filters=filters))


def _publish(
    recipe: Recipe,
    data: DataSet,
    negatives: Negatives,
    fitted: Fitted,
    folds: FoldEstimate | None,
    held: Target,
    out: Path,
    work: Path,
    say: Callable[[str], None],
    allowed_drop: float,
    show: Show,
) -> Bundle:
    started = time.monotonic()
    converted = convert(fitted.model, data, recipe, work, say, show)
    files = {
        name: publish.with_metadata(content, name, recipe, data.labels, data.input)
        for name, content in converted.files.items()
    }
    with held.fill() as draft:
        folder = draft.folder
        manifest = write_models(folder, out.name, recipe.title or out.name, data.labels, data.input, files)
        say(f"verifying {', '.join(files)} on the test pictures, through edgecnn itself")
        with ExitStack() as opened:
            variants = {name: opened.enter_context(load(folder, name)) for name in files}
            result = verify(data, variants, recipe.verify.synthetic_frames)
            golden = record(variants)
            calibrated = calibrate(data, recipe, negatives, variants)
        say(
            f"top-1 int8 {result.int8_top1:.2%}, float32 {result.float_top1:.2%}, "
            f"drop {result.drop:.2f} points, agreement {result.agreement:.2%}, "
            f"float tensors {len(result.float_tensors)}"
        )
        if result.synthetic is not None:
            say(f"top-1 int8 on {recipe.verify.synthetic_frames:,} synthetic frames {result.synthetic:.2%}")
        gate(result, allowed_drop, recipe.verify.agreement)
        if result.float_top1 <= 1.5 / len(data.labels):
            say(
                f"warning: with {len(data.labels)} classes this is hardly better than guessing: "
                "train for more epochs (--epochs), or bring more pictures"
            )
        for line in calibrated.lines():
            say(line)
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
        write_manifest(folder, manifest)
        measured = report.measure(folder, data, recipe, fitted.model, result)
        manifest |= measured.as_dict()
        write_manifest(folder, manifest)
        ids = "".join(f"{item.id}\n" for item in data.calibration.items)
        (folder / publish.CALIBRATION).write_text(ids, "utf-8")
        # Without its optimizer, whose state is twice the size of the network.
        bare = keras.Model(fitted.model.inputs, fitted.model.outputs, name=fitted.model.name)
        bare.save(folder / NETWORK)
        page = report.write(folder, manifest, fitted, result, calibrated, measured, converted.layers)
        publish.put_in_place(draft, out, page, say)
    return read_bundle(out)
