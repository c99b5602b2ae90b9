"""One call from a recipe to a bundle: data, training, quantization, verification, publishing."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import keras

from edgecnn.board import describe_board
from edgecnn.bundle import read_bundle
from edgecnn.classifier import load
from edgecnn.golden import record
from edgecnn.tflite_metadata import write_metadata
from edgecnn_train import models, publish, report
from edgecnn_train.calibrate import calibrate
from edgecnn_train.cost import cost, widest
from edgecnn_train.data import load_data
from edgecnn_train.fit import fit
from edgecnn_train.models.classic import default_filters
from edgecnn_train.negatives import load_negatives
from edgecnn_train.quantize import to_float32, to_int8
from edgecnn_train.transfer import NETWORK
from edgecnn_train.verify import ALLOWED_DROP, gate, verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn.bundle import Bundle
    from edgecnn.dataset import Source
    from edgecnn_train.cost import Budget
    from edgecnn_train.data import DataSet
    from edgecnn_train.fit import Fitted
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
    publish.check_target(out)
    if out.exists():
        say(f"the bundle that is at {out} now will be replaced when this one is ready")
    data = load_data(source, recipe, say)
    say(
        f"{len(data.labels)} classes; {len(data.train):,} pictures for training, "
        f"{len(data.validation):,} for validation, {len(data.test):,} for the test"
    )
    negatives = load_negatives(data, recipe)
    recipe = _settled(recipe, data)
    work = out.with_name(f"{out.name}.training")
    if budget:
        recipe = widest(recipe, data.input, data.labels, budget, work, say)
    say(f"{recipe.model.family}: {cost(recipe, data.input, data.labels)}")
    keras.utils.set_random_seed(recipe.train.seed)
    model = models.build(recipe.model, data.input, len(data.labels))
    fitted = fit(model, data, recipe, work, say, show, tensorboard)
    say(f"best on the validation pictures: epoch {fitted.best_epoch} of {len(fitted.history)}")
    bundle = _publish(recipe, data, negatives, fitted, out, say, allowed_drop)
    shutil.rmtree(work, ignore_errors=True)
    return bundle


def _settled(recipe: Recipe, data: DataSet) -> Recipe:
    """Return the recipe with what was chosen from the pictures filled in, so that the bundle records it."""
    chosen = replace(recipe.input, width=data.input.width, height=data.input.height, color=data.input.color)
    filters = recipe.model.filters
    if recipe.model.family == "classic" and not filters:
        filters = default_filters(min(data.input.width, data.input.height), recipe.model.kernel)
    return replace(recipe, input=chosen, model=replace(recipe.model, filters=filters))


def _publish(
    recipe: Recipe,
    data: DataSet,
    negatives: Negatives,
    fitted: Fitted,
    out: Path,
    say: Callable[[str], None],
    allowed_drop: float,
) -> Bundle:
    started = time.monotonic()
    say("quantizing")
    files = {
        name: write_metadata(
            content,
            name=recipe.title or recipe.name,
            description=f"edgecnn recipe {recipe.name}, {name}",
            license_text=recipe.data.licence,
            labels=data.labels,
            color=data.input.color,
            value_range=data.input.value_range,
        )
        for name, content in {
            "int8": to_int8(fitted.model, data.calibration.images),
            "float32": to_float32(fitted.model),
        }.items()
    }
    with publish.new_folder(out) as folder:
        manifest = publish.write_models(folder, out.name, data, recipe, files)
        say("verifying int8 and float32 on the test pictures, through edgecnn itself")
        with load(folder, "int8") as int8, load(folder, "float32") as float32:
            result = verify(data, int8, float32, recipe.verify.synthetic_frames)
            golden = record({"int8": int8, "float32": float32})
            calibrated = calibrate(data, recipe, negatives, {"int8": int8, "float32": float32})
        say(
            f"top-1 int8 {result.int8_top1:.2%}, float32 {result.float_top1:.2%}, "
            f"drop {result.drop:.2f} points, agreement {result.agreement:.2%}, "
            f"float tensors {len(result.float_tensors)}"
        )
        if result.synthetic is not None:
            say(f"top-1 int8 on {recipe.verify.synthetic_frames:,} synthetic frames {result.synthetic:.2%}")
        gate(result, allowed_drop)
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
        publish.write_manifest(folder, manifest)
        measured = report.measure(folder, data, recipe, fitted.model, result)
        manifest |= measured.as_dict()
        publish.write_manifest(folder, manifest)
        ids = "".join(f"{item.id}\n" for item in data.calibration.items)
        (folder / publish.CALIBRATION).write_text(ids, "utf-8")
        # Without its optimizer, whose state is twice the size of the network.
        bare = keras.Model(fitted.model.inputs, fitted.model.outputs, name=fitted.model.name)
        bare.save(folder / NETWORK)
        page = report.write(folder, manifest, fitted, result, calibrated, measured)
    say(f"report, with the pictures that it gets most wrong: {report.write_page(out, page)}")
    say(f"published {out}: edgecnn live --model {out}")
    return read_bundle(out)
