"""One call from a recipe to a bundle: data, training, quantization, verification, publishing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import keras

from edgecnn.defaults import ALLOWED_DROP
from edgecnn.evaluation.verified import gate, together
from edgecnn_train import models, publish
from edgecnn_train.accounting import refuse, spent
from edgecnn_train.bundling import QUANTIZING, REPORTING, VERIFYING, Run, publish_network
from edgecnn_train.cost import cost, largest, widest
from edgecnn_train.data import divide, everything, read_images
from edgecnn_train.fit import fit
from edgecnn_train.folds import estimate, is_small, make_folds, summary
from edgecnn_train.judge import judge, judge_by_folds, same_answers
from edgecnn_train.models.classic import default_filters
from edgecnn_train.negatives import load_negatives
from edgecnn_train.plan import Plan, Step
from edgecnn_train.verify import ADVICE
from edgecnn_train.work import clear_work, work_folder, working

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn.bundle.bundle import Bundle
    from edgecnn.classify.classifier import Classifier
    from edgecnn.dataset import Source
    from edgecnn_train.bundling import Published
    from edgecnn_train.cost import Budget
    from edgecnn_train.folds import Folds
    from edgecnn_train.judge import Judged
    from edgecnn_train.negatives import Negatives
    from edgecnn_train.progress import Show
    from edgecnn_train.recipe import Recipe
    from edgecnn_train.splits import Dataset


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

    Checkpoints are in `<out>.training` until the bundle is written; the same call continues from them. `show`
    and `tensorboard` are `fit`'s. A small set is published twice: first the network of one fold, then, when
    all folds have measured its accuracy, one that was trained on all images.

    Raises
    ------
    DataError, RecipeError, OutputError
        For what can't be trained or written, before training starts where that can be known.
    GateError
        Where int8 loses too much; the checkpoints stay.
    """
    out = out.absolute()
    with publish.claim(out) as held, working(work_folder(out)) as work:
        if out.exists():
            say(f"the bundle that is at {out} now will be replaced when this one is ready")
        if budget and recipe.model.trunk != "none":
            recipe = largest(recipe, source.labels, budget, work, say)
        images = read_images(source, recipe, say)
        # Folds would test on what is protected, and every one of them would spend epsilon again.
        wanted = recipe.data.folds and is_small(source) and not recipe.private.enabled
        folds = make_folds(source, images, recipe, say) if wanted else None
        data = folds.data(1, recipe) if folds else divide(source, images, recipe)
        say(_sizes(data, folds))
        if recipe.private.enabled:
            refuse(recipe)
            say(str(spent(recipe, len(data.train))))
        negatives = load_negatives(data, recipe)
        recipe = _settled(recipe, data)
        if budget and recipe.model.trunk == "none":
            recipe = widest(recipe, data.input, data.labels, budget, work, say)
        say(f"{recipe.model.name}: {cost(recipe, data.input, data.labels)}")
        whole = everything(source, images, recipe) if folds else None
        plan = _plan(recipe, data, folds, whole)
        run = Run(recipe, out, held, work, say, show, allowed_drop, plan)
        bundle = _train(run, data, negatives, folds, whole, tensorboard)
        clear_work(work)
    return bundle


def _train(
    run: Run,
    data: Dataset,
    negatives: Negatives,
    folds: Folds | None,
    whole: Dataset | None,
    tensorboard: Path | None,
) -> Bundle:
    """Train and publish; of a small set first the network of the first fold, then that of all images."""
    recipe, say, plan = run.recipe, run.say, run.plan
    with plan.step(TRAINING):
        keras.utils.set_random_seed(recipe.train.seed)
        model = models.build(recipe.model, data.input, len(data.labels))
        fitted = fit(model, data, recipe, run.work, say, run.show, tensorboard, plan=plan)
    say(f"best on the validation images: epoch {fitted.best_epoch} of {len(fitted.history)}")
    bundle, first = publish_network(
        run, data, fitted, lambda variants: judge(data, recipe, negatives, variants, fitted)
    )
    if whole is None or folds is None:
        return bundle
    try:
        return _with_all(run, whole, folds, first, negatives)
    except BaseException:
        say(f"{run.out} has the first model, trained on {len(data.train):,} of {len(whole.train):,} images")
        raise


def _with_all(run: Run, whole: Dataset, folds: Folds, first: Published, negatives: Negatives) -> Bundle:
    """Estimate the accuracy by folds, and publish a network that is trained on all images."""
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
        say(f"int8 and float32 give the same answer for {agreement:.2%} of all images")
        right = together([fold.result for fold in judged]).float_top1
        converted = replace(first.judged.result, pictures=len(whole.train), float_top1=right, int8_top1=right)
        gate(replace(converted, agreement=agreement), ADVICE, run.allowed_drop, recipe.verify.agreement)
        return judge_by_folds(judged, whole, recipe, negatives, variants, fitted)

    return publish_network(run, whole, fitted, by_folds, found, first.measured)[0]


def _sizes(data: Dataset, folds: Folds | None) -> str:
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


def _plan(recipe: Recipe, data: Dataset, folds: Folds | None, whole: Dataset | None) -> Plan:
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


def _settled(recipe: Recipe, data: Dataset) -> Recipe:
    """Return the recipe with what was chosen from the images filled in, so that the bundle records it."""
    image = data.input
    color: Literal["gray", "rgb"] = "gray" if image.color == "gray" else "rgb"
    chosen = replace(recipe.input, width=image.width, height=image.height, color=color)
    filters = recipe.model.filters
    if recipe.model.name == "classic" and not filters:
        filters = default_filters(min(image.width, image.height), recipe.model.kernel)
    return replace(recipe, input=chosen, model=replace(recipe.model, filters=filters))


def _batches(recipe: Recipe, images: int) -> int:
    """Return how many batches an epoch has."""
    return -(-images // recipe.train.batch_size)
