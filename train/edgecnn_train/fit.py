"""Trains a network: saves every epoch, continues where it was stopped, and is reproducible by its seed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import keras

from edgecnn_train.average import Average
from edgecnn_train.batches import Batches, scaled
from edgecnn_train.checkpoint import Checkpoint
from edgecnn_train.losses import accuracy, loss
from edgecnn_train.models import trunk_layers
from edgecnn_train.optimize import optimizer, restore
from edgecnn_train.private import PoissonBatches, protect
from edgecnn_train.progress import progress
from edgecnn_train.recipe import Recipe
from edgecnn_train.transfer import freeze, load_teacher, phases, take_over

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from edgecnn_train.plan import Plan
    from edgecnn_train.progress import Show
    from edgecnn_train.recipe import TrainSpec
    from edgecnn_train.splits import Dataset


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained network (with its best epoch's weights), and one record of metrics for each epoch."""

    model: Any
    history: list[dict[str, float]]
    best_epoch: int


def fit(
    model: Any,
    data: Dataset,
    recipe: Recipe,
    work: Path,
    say: Callable[[str], None],
    show: Show = "lines",
    tensorboard: Path | None = None,
    *,
    until: int | None = None,
    plan: Plan | None = None,
) -> Fitted:
    """Train until the recipe's last epoch and return the weights that were best on the validation split.

    Without validation images they are those of the last epoch.

    Parameters
    ----------
    work
        The folder of checkpoints. Training with the same recipe and data continues from them.
    show
        How training is shown: a display in the terminal, a line an epoch through `say`, or not at all.
    tensorboard
        A folder for TensorBoard's logs, which need the extra `tensorboard`; None for none.
    until
        The epoch to stop after; the learning rate falls as if all epochs of the recipe followed.
    plan
        The other steps of the run, for the remaining time.
    """
    spec, end = recipe.train, until or recipe.train.epochs
    teacher = load_teacher(spec.teachers, data.input, len(data.labels))
    batches = (PoissonBatches if recipe.private.enabled else Batches)(
        data.train, recipe.augment, spec, teacher, data.input.value_range
    )
    average = Average(data.train.images, data.input.value_range) if spec.ema else None
    key, images = fingerprint(data, recipe) + (f", until {until}" if until else ""), len(data.validation)
    validation = (
        scaled(data.validation.images, data.input.value_range),
        batches.targets(data.validation.labels),
    )
    falls = spec.schedule != "constant"
    checkpoint = Checkpoint(work, key, spec.seed, batches.clock, images, average, falls=falls)
    taken = take_over(model, spec.start, say) if spec.start else ()
    logs = [keras.callbacks.TensorBoard(tensorboard, write_graph=False)] if tensorboard else []
    state = None
    if resumed := checkpoint.load(model):
        model.set_weights(resumed.weights)
        state = resumed.optimizer
        say(f"continuing after epoch {len(checkpoint.history)} of {end}, from {work}")
    elif checkpoint.refused:
        say(f"{work} {checkpoint.refused}: training starts from the beginning")
    with progress(show, end, checkpoint, say, plan) as shown:
        for last, frozen, rate, first in phases(spec, end, taken, trunk_layers(model, recipe.model)):
            done = len(checkpoint.history)
            if done >= last:
                continue
            freeze(model, frozen)
            slower = replace(spec, learning_rate=spec.learning_rate * rate)
            compile_network(model, _optimizer(model, slower, batches, state, first), spec, batches)
            if isinstance(batches, PoissonBatches):
                protect(model, loss(spec, batches.sparse), recipe.private, batches)
            model.fit(
                batches.epochs(done),
                steps_per_epoch=batches.steps,
                initial_epoch=done,
                epochs=last,
                shuffle=False,  # the batches already are
                validation_data=validation if images else None,
                validation_batch_size=validation_batch(recipe),
                callbacks=[*([average] if average else []), checkpoint, *shown, *logs],
                verbose=0,
            )
            state = [v.numpy() for v in model.optimizer.variables]
    freeze(model, ())
    model.set_weights(checkpoint.best())
    return Fitted(model, checkpoint.history, checkpoint.best_epoch)


def _optimizer(
    model: Any, spec: TrainSpec, batches: Batches, state: list[NDArray[Any]] | None, begun: int
) -> Any:
    """Return the recipe's optimizer for the network; from another's state, as far as that fits.

    After the `begun` epochs of an earlier phase it counts from 0, unless all of the state fits: with a count
    but without its moments, Adam's first steps would be three times too large.
    """
    chosen = optimizer(spec, batches.steps, begun)
    if state is None or restore(chosen, model.trainable_variables, state, count=not begun):
        return chosen
    if spec.ema and not begun:
        # Keras starts averages from the weights only where no batch was counted, and else from zero.
        averages = chosen._model_variables_moving_average
        for average, weight in zip(averages, model.trainable_variables, strict=True):
            average.assign(weight)
    return chosen


def validation_batch(recipe: Recipe) -> int:
    """Return how many images are validated together: at the sizes of a trunk, 500 take gigabytes."""
    return 500 if recipe.model.trunk == "none" else recipe.train.batch_size


def compile_network(model: Any, chosen: Any, spec: TrainSpec, batches: Batches) -> None:
    """Compile a network with the recipe's loss, and accuracy as its metric."""
    # XLA takes two to three times as long for these networks on a CPU.
    model.compile(
        optimizer=chosen,
        loss=loss(spec, batches.sparse),
        metrics=["accuracy"] if batches.sparse else [accuracy],
        jit_compile=False,
    )


# What decides the weights. Quantization and verification come after them: a network that the gate refused
# can be tried again.
_DECIDING = ("input", "model", "train", "augment", "private")


def fingerprint(data: Dataset, recipe: Recipe) -> str:
    """Return what a checkpoint has to agree with to be continued.

    Keys at their defaults are left out: a checkpoint outlives a new version that has more of them.
    """
    defaults = Recipe(recipe.name).as_dict()
    changed = {
        f"{section}.{key}": value
        for section, keys in recipe.as_dict().items()
        if section in _DECIDING
        for key, value in keys.items()
        if value != defaults[section][key]
    }
    return json.dumps({"name": recipe.name, "recipe": changed, "data": data.digest}, sort_keys=True)
